import { LvmError, RefusedError, remedy, sentence, UsageError } from '../../errors.js';
import type { Range } from '../../ranges/range.js';
import { MIN_ZERO_RUN } from '../../format/layout.js';
import type { NamedVolume } from '../live-options.js';
import { type LogicalVolume, type VolumeList, volumeOf } from '../logical-volumes.js';
import { changedThinRanges, type ThinChange } from './thin-dump.js';
import { thinDifference, type ThinMetadata } from './thin-metadata.js';

/** Where the changes of thin volumes lead. */
export interface ThinCourse {
  readonly poolUuid: string;
  /** Without it, all of `to` counts as changed. */
  readonly from: CourseEnd | undefined;
  readonly to: CourseEnd;
  /** What `to` maps nowhere reads as zeros: it has no external origin. */
  readonly unmappedIsZero: boolean;
}

/** A volume at one end. */
export interface CourseEnd {
  /** In the pool; `undefined` of an external origin, which is outside. */
  readonly id: number | undefined;
  /** In bytes. */
  readonly size: number;
}

/**
 * From one volume to another one of the same pool, or between a volume and its external origin, which is the same as one
 * without mappings. Throws `RefusedError` if their mappings can't be compared.
 */
export function courseBetween(volumes: VolumeList, from: LogicalVolume, to: LogicalVolume): ThinCourse {
  const external = [from, to].map((volume) => externalOriginOf(volumes, volume)?.uuid);
  const [inside, isOutside] =
    from.uuid === external[1] ? [to, true] : to.uuid === external[0] ? [from, true] : [from, false];
  refuseIncomparable(from, to, isOutside, external);
  const { poolUuid } = inside.thin!;
  const endOf = ({ thin, size }: LogicalVolume): CourseEnd => ({
    id: thin?.poolUuid === poolUuid ? thin.id : undefined,
    size,
  });
  const unmappedIsZero = external.every((uuid) => uuid === undefined);
  return { poolUuid, from: endOf(from), to: endOf(to), unmappedIsZero };
}

function refuseIncomparable(
  from: LogicalVolume,
  to: LogicalVolume,
  isOutside: boolean,
  [fromExternal, toExternal]: readonly (string | undefined)[],
): void {
  const names = `${from.name} and ${to.name}`;
  const hint = sentence`${remedy('full')} dumps all that one of them holds`;
  if (from.uuid === to.uuid)
    throw new UsageError(`${names} are the same volume`, {
      hint: sentence`${remedy('second-volume')} names a second one`,
    });
  if (isOutside) return;
  if (from.thin === undefined || from.thin.poolUuid !== to.thin?.poolUuid)
    throw new RefusedError(`${names} are not volumes of one thin pool`, { hint });
  if (fromExternal !== toExternal)
    throw new RefusedError(`${names} have different external origins`, { hint });
}

/** All that a thin volume holds. */
export function courseOfAll(volumes: VolumeList, volume: LogicalVolume): ThinCourse {
  const { name, thin, size } = volume;
  if (thin === undefined) throw new LvmError(`${name}: it is not a thin volume`);
  const unmappedIsZero = externalOriginOf(volumes, volume) === undefined;
  return { poolUuid: thin.poolUuid, from: undefined, to: { id: thin.id, size }, unmappedIsZero };
}

/** What is read where neither the volume nor what it was made from maps anything (lvmthin(7), external origins). */
function externalOriginOf(
  volumes: VolumeList,
  { thin, originUuid }: LogicalVolume,
): LogicalVolume | undefined {
  const origin = volumeOf(volumes, originUuid);
  if (origin === undefined || thin === undefined) return undefined;
  return origin.thin?.poolUuid === thin.poolUuid ? externalOriginOf(volumes, origin) : origin;
}

/** What a thin snapshot was taken of. Throws `LvmError` if it is none, or its origin is gone. */
export function requireThinOrigin({ volumes, volume }: NamedVolume): LogicalVolume {
  const origin = volumeOf(volumes, volume.originUuid);
  if (origin !== undefined) return origin;
  const own = volumes.volumes.filter(({ originUuid }) => originUuid === volume.uuid).map(({ name }) => name);
  const hint =
    own.length > 0
      ? `its snapshots are ${own.join(', ')}`
      : sentence`${remedy('second-volume')} names another volume of its pool, and ${remedy('full')} dumps all that it holds`;
  throw new LvmError(`${volume.name}: it is not a snapshot, or its origin is gone`, { hint });
}

/**
 * What differs along the course, ascending, inside `to`. What lies past the end of `from` is change, all of it: nobody knows
 * what a device that grew holds there. Throws the `LvmError`s of {@link thinDifference}.
 */
export function* rangesOfCourse(
  pool: ThinMetadata,
  course: ThinCourse,
): Generator<ThinChange, void, undefined> {
  const { from, to, unmappedIsZero } = course;
  const end = Math.min(from?.size ?? 0, to.size);
  if (from !== undefined) {
    const devices =
      to.id === undefined ? { pool, from: undefined, to: from.id! } : { pool, from: from.id, to: to.id };
    for (const change of changedThinRanges(devices, end))
      yield { ...change, unmapped: change.unmapped && unmappedIsZero };
  }
  const rest = { offset: end, length: to.size - end };
  if (rest.length === 0) return;
  if (to.id === undefined || !unmappedIsZero) yield { ...rest, unmapped: false };
  else yield* everything(pool, to.id, rest);
}

/** A range of a device: what it maps, and what lies in between. */
function* everything(
  pool: ThinMetadata,
  id: number,
  { offset, length }: Range,
): Generator<ThinChange, void, undefined> {
  const { dataBlockSize } = pool.superblock;
  const end = offset + length;
  let at = offset;
  for (const run of thinDifference(pool, undefined, id)) {
    const begin = Math.min(Math.max(run.begin * dataBlockSize, at), end);
    const next = Math.min((run.begin + run.length) * dataBlockSize, end);
    if (next <= at) continue;
    if (begin > at) yield gap(at, begin);
    if (next > begin) yield { offset: begin, length: next - begin, unmapped: false };
    at = next;
    if (at === end) return;
  }
  yield gap(at, end);
}

function gap(offset: number, end: number): ThinChange {
  const length = end - offset;
  return { offset, length, unmapped: length >= MIN_ZERO_RUN };
}
