import { mergeRanges } from '../../ranges/merge-ranges.js';
import type { RangeReader } from '../../algebra/random-access.js';
import { weaveZeros } from '../../algebra/zeros/weave-zeros.js';
import { readRangesAhead } from '../../device/read-ranges-ahead.js';
import { LvmError } from '../../errors.js';
import type { State } from '../../format/lvs/maps/state.js';
import type { OpenChanges, Opening } from '../../changes/changes.js';
import { coveredThinSnapshots, tracksOf, unnamedState } from '../covered-snapshots.js';
import type { LiveOptions, NamedVolume } from '../live-options.js';
import { type LiveDevice, namesOf, openLazily, openLiveDevice, stateOfVolume } from '../live-volume.js';
import { findVolume, type LogicalVolume, type VolumeList, volumeOf } from '../logical-volumes.js';
import { readMetadataSnapshot } from './metadata-snapshot.js';
import { type Closable, type Keep, openTogether } from '../opened.js';
import { keepEqualBecause, readUnequal } from '../read-unequal.js';
import {
  baseInUse,
  isQuiet,
  notUndone,
  refuseSmaller,
  refuseUsed,
  refuseWritten,
  remarksOn,
} from '../single-moment.js';
import { type ActivatedVolume, openActivated, openIfActive } from './thin-activation.js';
import {
  courseBetween,
  courseOfAll,
  rangesOfCourse,
  requireThinOrigin,
  type ThinCourse,
} from './thin-course.js';
import { collectThinRanges, type ThinRanges } from './thin-dump.js';
import { isUnwrittenSnapshot, type ThinMetadata } from './thin-metadata.js';
import { checkThinPool, findThinPool, type ThinPool } from './thin-pool.js';

/**
 * Opens the changes of a thin volume (see `openLiveChanges`). What changed is in the pool's metadata, of which one moment
 * is read and kept: afterwards nothing of the pool is held. What of it is read from which device is the caller's choice.
 */
export async function openThinChanges(subject: NamedVolume, options: LiveOptions): Promise<OpenChanges> {
  const { volumes, volume } = subject;
  const { to, temporarySnapshot, full, undo } = options;
  checkThinPool(volumes, volume.thin!.poolUuid);
  return openTogether((keep) => {
    if (full) return openFull(subject, options, keep);
    if (to !== undefined) return openPair(volumes, [volume, findVolume(volumes, to)], options, keep);
    if (temporarySnapshot !== undefined) return openTemporary(subject, options, keep);
    return undo ? openUndo(subject, options, keep) : openForward(subject, options, keep);
  });
}

type VolumePair = readonly [from: LogicalVolume, to: LogicalVolume];

/** From the snapshot to what its origin, or another device in its place, holds now. */
async function openForward(subject: NamedVolume, options: LiveOptions, keep: Keep): Opening {
  const { volumes, volume: snapshot } = subject;
  const { dataSource, rangesOnly } = options;
  const origin = requireThinOrigin(subject);
  const between = courseBetween(volumes, snapshot, origin);
  const course = { ...between, unmappedIsZero: between.unmappedIsZero && dataSource === undefined };
  const base = keepAny(keep, openIfActive(snapshot));
  const target = rangesOnly || dataSource !== undefined ? undefined : keep(openActivated(origin));
  const flushed = target ?? keepAny(keep, openIfActive(origin));
  const data = dataSource === undefined ? target : keep(openLiveDevice(dataSource));
  const known = await readCourse(volumes, course, options, [base, flushed], { to: origin });
  if (dataSource !== undefined) refuseSmaller(data!, origin.size);
  const remarks = [...known.remarks, ...remarksOn(data)];
  if (base?.writer !== undefined) remarks.push(baseInUse(snapshot, base.writer));
  return {
    ...describe(known, origin, snapshot),
    base: base?.writer === undefined ? { ...stateOfVolume(snapshot), tracks: known.tracks } : undefined,
    result: data === target && data !== undefined ? unnamedState(known) : undefined,
    batches: () => readAll(known.ranges, data!),
    before: keepAny(keep, openBefore(snapshot, course)),
    remarks,
    conclude: () => ({ consistent: isQuiet(data, remarks) }),
  };
}

/** From what the origin holds now back to the snapshot. */
async function openUndo(subject: NamedVolume, options: LiveOptions, keep: Keep): Opening {
  const { volumes, volume: snapshot } = subject;
  const origin = requireThinOrigin(subject);
  const course = courseBetween(volumes, origin, snapshot);
  const before = keepAny(keep, openIfActive(origin));
  const data = options.rangesOnly ? undefined : keep(openActivated(snapshot));
  const known = await readCourse(volumes, course, options, [before, data]);
  const remarks = [...known.remarks, ...remarksOn(data)];
  if (before?.writer !== undefined) remarks.push(notUndone(`${before.name} ${before.writer}`));
  return {
    ...describe(known, origin, snapshot),
    result: stateOfVolume(snapshot),
    batches: () => readAll(known.ranges, data!),
    before: keepAny(keep, openBefore(origin, course)),
    remarks,
    conclude: () => {
      if (before?.writer === undefined && before?.wasWritten() === true)
        remarks.push(notUndone(`${before.name} was written to meanwhile`));
      return { consistent: isQuiet(data, remarks) };
    },
  };
}

/** All that a volume holds, which is a *full* (§6.1): only what it maps is read, the rest is zeros. */
async function openFull({ volumes, volume }: NamedVolume, options: LiveOptions, keep: Keep): Opening {
  const course = courseOfAll(volumes, volume);
  const data = keep(openActivated(volume));
  const known = await readCourse(volumes, course, options, [data], { to: volume });
  const remarks = [...known.remarks, ...remarksOn(data)];
  return {
    ...describe(known, volume),
    result:
      data.writer === undefined && volume.originUuid !== undefined
        ? stateOfSnapshot(volume, known, data)
        : unnamedState(known),
    batches: () => readAll(known.ranges, data),
    remarks,
    conclude: () => ({ consistent: isQuiet(data, remarks) }),
  };
}

/**
 * Between two volumes that nobody writes to. Chunks that both map to different places may hold the same data in part or
 * as a whole, so both are read and what is equal is left out, unless `keepEqual`: then the first is not needed.
 */
async function openPair(
  volumes: VolumeList,
  [from, to]: VolumePair,
  options: LiveOptions,
  keep: Keep,
): Opening {
  const { rangesOnly, keepEqual } = options;
  const course = courseBetween(volumes, from, to);
  const open = (volume: LogicalVolume, isNeeded: boolean): ActivatedVolume | undefined =>
    refuseUsed(keepAny(keep, isNeeded ? openActivated(volume) : openIfActive(volume)));
  const left = open(from, !rangesOnly && !keepEqual);
  const right = open(to, !rangesOnly);
  const known = await readCourse(volumes, course, options, [left, right], { from, to });
  const because = keepEqual || rangesOnly ? undefined : keepEqualBecause(left);
  const keepsAll = keepEqual || because !== undefined;
  return {
    ...describe(known, volumeOf(volumes, from.originUuid ?? to.originUuid) ?? to, from),
    base: known.isFromFixed ? { ...stateOfVolume(from), tracks: known.tracks } : undefined,
    result: stateOfSnapshot(to, known, right),
    exhaustive: keepsAll || rangesOnly,
    batches: () => (keepsAll ? readAll(known.ranges, right!) : readRest(known.ranges, left!, right!)),
    before: keepAny(keep, openBefore(from, course)),
    remarks: because === undefined ? known.remarks : [...known.remarks, because],
    conclude: () => {
      for (const each of [left, right]) refuseWritten(each);
      return { consistent: true };
    },
  };
}

/**
 * From a snapshot to one of its origin that is made for it and removed when the changes are closed. Thin snapshots have no
 * store: what size was given for one means nothing.
 */
async function openTemporary(subject: NamedVolume, options: LiveOptions, keep: Keep): Opening {
  const { volumes, volume } = subject;
  const origin = requireThinOrigin(subject);
  if (origin.thin?.poolUuid !== volume.thin?.poolUuid)
    throw new LvmError(`${volume.name}: its origin ${origin.name} is outside of its pool`, {
      hint: 'nobody writes to an external origin: no temporary snapshot is needed',
    });
  const { createTemporarySnapshot, removeAbandonedSnapshots } =
    await import('../thick/temporary-snapshot.js');
  const abandoned = removeAbandonedSnapshots(origin, volumes);
  const made = keep(createTemporarySnapshot(origin, ['--setactivationskip', 'n']));
  const from = volumeOf(made.volumes, volume.uuid) ?? volume;
  const changes = await openPair(made.volumes, [from, made.volume], options, keep);
  return { ...changes, remarks: [...abandoned, ...changes.remarks] };
}

/** The ends of a course of which more is asked than where they differ: what it covers of `to`, whether it is fixed of `from`. */
interface AskedEnds {
  readonly from?: LogicalVolume;
  readonly to?: LogicalVolume;
}

/** What is known of the changes before any data is read. */
interface Known {
  readonly course: ThinCourse;
  readonly ranges: ThinRanges;
  readonly chunkSize: number;
  /** When its reading began, in milliseconds since 1970. */
  readonly time: number;
  /** What the volume that the changes lead to covers, if anybody knows. */
  readonly covers: readonly string[] | undefined;
  /** The thin device of the origin: after a merge that is another one (§6.2). */
  readonly tracks: string | undefined;
  /** The first volume of a pair is a snapshot. LVM forgets that when another one is merged into its origin; the pool does not. */
  readonly isFromFixed: boolean;
  readonly remarks: readonly string[];
}

async function readCourse(
  volumes: VolumeList,
  course: ThinCourse,
  { waitSeconds }: LiveOptions,
  opened: readonly (ActivatedVolume | undefined)[],
  { from, to }: AskedEnds = {},
): Promise<Known> {
  const pool = findThinPool(volumes, course.poolUuid);
  const time = Date.now();
  const { value, remarks } = await readMetadataSnapshot(pool, waitSeconds, (metadata) => {
    refuseChanged(pool, metadata);
    return {
      ranges: collectThinRanges(rangesOfCourse(metadata, course)),
      chunkSize: metadata.superblock.dataBlockSize,
      covers:
        to?.thin?.poolUuid === course.poolUuid ? coveredThinSnapshots(metadata, volumes, to) : undefined,
      isFromFixed: from !== undefined && isSnapshot(metadata, from, course),
    };
  });
  const found = opened.flatMap((volume) => volume?.remark ?? []);
  return { ...value, tracks: to && tracksOf(volumes, to), course, time, remarks: [...found, ...remarks] };
}

function isSnapshot(metadata: ThinMetadata, { originUuid }: LogicalVolume, { from }: ThinCourse): boolean {
  if (originUuid !== undefined || from?.id === undefined) return originUuid !== undefined;
  return isUnwrittenSnapshot(metadata, from.id);
}

/** LVM gives the number of a volume that was removed to the next one. */
function refuseChanged({ volume }: ThinPool, { superblock }: ThinMetadata): void {
  if (superblock.transactionId === volume.transactionId) return;
  throw new LvmError(`${volume.name}: volumes of the pool were made or removed meanwhile`, {
    hint: 'try again',
  });
}

/** Any other volume holds nothing for good. */
function stateOfSnapshot(
  volume: LogicalVolume,
  { covers, tracks }: Pick<State, 'covers' | 'tracks'>,
  data?: LiveDevice,
): State | undefined {
  if (volume.originUuid === undefined) return undefined;
  return { ...stateOfVolume(volume), covers: data?.wasEverWritten === true ? [] : covers, tracks };
}

function describe({ course, ranges, chunkSize }: Known, read: LogicalVolume, snapshot?: LogicalVolume) {
  return {
    exhaustive: true,
    baseSize: course.from?.size,
    resultSize: course.to.size,
    chunkSize,
    origin: {
      ...namesOf(read),
      ...(snapshot && { snapshot: snapshot.name, snapshot_uuid: snapshot.uuid }),
    },
    ranges: () => mergeRanges(ranges.data, ranges.zeros),
  };
}

function readAll({ data, zeros }: ThinRanges, { reader }: LiveDevice): OpenBatches {
  return weaveZeros(readRangesAhead(data, reader), zeros);
}

type OpenBatches = ReturnType<OpenChanges['batches']>;

function readRest({ data, zeros }: ThinRanges, left: LiveDevice, right: LiveDevice): OpenBatches {
  return weaveZeros(
    readUnequal(() => data, left, right),
    zeros,
  );
}

function keepAny<T extends Closable>(keep: Keep, item: T | undefined): T | undefined {
  return item === undefined ? undefined : keep(item);
}

/** The device as it is before, unless that is smaller than after; activated, if at all, when somebody asks for it. */
function openBefore(volume: LogicalVolume, { from, to }: ThinCourse): (RangeReader & Closable) | undefined {
  const size = from?.size ?? 0;
  return size < to.size ? undefined : openLazily(volume.name, size, () => openActivated(volume));
}
