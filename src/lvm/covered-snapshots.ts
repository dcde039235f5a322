import { randomUUID } from 'node:crypto';
import { LvmError } from '../errors.js';
import type { State } from '../format/lvs/maps/state.js';
import { type LiveDevice, stateOfVolume } from './live-volume.js';
import { type LogicalVolume, type VolumeList, volumeBehind, volumeOf } from './logical-volumes.js';
import { readSnapshotStatus } from './thick/snapshot-status.js';
import { listThinDevices, thinDifference, type ThinMetadata } from './thin/thin-metadata.js';

/** What a device that is read covers (§6.2): everything that was written to it since such a snapshot was made is in its table or tree. */

/** A state that only the stream that leads to it names; `time`: when its reading began, in milliseconds since 1970. */
export function unnamedState({ time, covers, tracks }: Pick<State, 'time' | 'covers' | 'tracks'>): State {
  return { id: `uuid:${randomUUID()}`, time, covers, tracks };
}

/** What tells the changes of a thin volume, or of the origin of a thin snapshot: its thin device, until one is merged into it. */
export function tracksOf(list: VolumeList, { originUuid, thin }: LogicalVolume): string | undefined {
  const tracked = volumeOf(list, originUuid)?.thin ?? thin;
  return tracked && `thin:${tracked.poolUuid}/${tracked.id}`;
}

/**
 * The ids of the thick snapshots of a volume that record what is written to it from now on. One that LVM lists is not
 * resumed yet while it is being made (lvcreate(8)), so device-mapper is asked.
 */
export function recordingSnapshots(list: VolumeList, origin: LogicalVolume): string[] {
  return idsOf(thickSnapshotsOf(list, origin).filter(isRecording));
}

/** The state of a thick snapshot, which covers those that were made before it, unless it has been written to itself. */
export function stateOfThickSnapshot(
  list: VolumeList,
  snapshot: LogicalVolume,
  wasEverWritten: boolean,
): State {
  const origin = volumeOf(list, snapshot.originUuid);
  const older = origin ? thickSnapshotsOf(list, origin).filter((each) => isOlder(each, snapshot)) : [];
  return { ...stateOfVolume(snapshot), covers: wasEverWritten ? [] : idsOf(older) };
}

/**
 * What a data source in place of the origin holds: a state if it is a snapshot of the same origin, made after `from`, that
 * nobody has written to; otherwise nobody knows.
 */
export function stateOfDataSource(
  list: VolumeList,
  from: LogicalVolume,
  path: string,
  { writer, wasEverWritten }: Pick<LiveDevice, 'writer' | 'wasEverWritten'>,
): State | undefined {
  const source = volumeBehind(list, path);
  if (source?.originUuid === undefined || source.originUuid !== from.originUuid) return undefined;
  if (source.thin !== undefined || writer !== undefined || wasEverWritten || !isOlder(from, source))
    return undefined;
  return stateOfThickSnapshot(list, source, false);
}

function thickSnapshotsOf({ volumes }: VolumeList, origin: LogicalVolume): LogicalVolume[] {
  return volumes.filter(
    ({ originUuid, roles, merging, invalid }) =>
      originUuid === origin.uuid && roles.includes('thicksnapshot') && !merging && !invalid,
  );
}

function isRecording(snapshot: LogicalVolume): boolean {
  try {
    readSnapshotStatus(snapshot);
    return true;
  } catch (error) {
    if (error instanceof LvmError) return false;
    throw error;
  }
}

/** LVM counts whole seconds: of two that were made in one, nobody knows. */
function isOlder(one: LogicalVolume, other: LogicalVolume): boolean {
  return one.time !== undefined && other.time !== undefined && one.time < other.time;
}

function idsOf(volumes: readonly LogicalVolume[]): string[] {
  return volumes.map((volume) => stateOfVolume(volume).id);
}

/**
 * The ids of the thin snapshots that a volume of their pool covers. Not one that lacks a block which the volume maps:
 * if that is discarded again neither tree has it, and a difference of the two would not tell. Of a snapshot only those
 * that are older count. Throws `LvmError` where the metadata is damaged.
 */
export function coveredThinSnapshots(metadata: ThinMetadata, list: VolumeList, end: LogicalVolume): string[] {
  const origin = volumeOf(list, end.originUuid) ?? end;
  const made = new Map([...listThinDevices(metadata)].map(({ id, creationTime }) => [id, creationTime]));
  const snapshots = list.volumes.filter(
    ({ uuid, originUuid, thin, merging }) =>
      originUuid === origin.uuid && uuid !== end.uuid && !merging && thin?.poolUuid === end.thin?.poolUuid,
  );
  const limit = end === origin ? Infinity : made.get(end.thin!.id)!;
  const older = snapshots.filter(({ thin }) => made.get(thin!.id)! < limit);
  return idsOf(older.filter((snapshot) => mapsAllOf(metadata, snapshot, end)));
}

/** What lies behind the end of the snapshot counts as changed in any case. */
function mapsAllOf(metadata: ThinMetadata, snapshot: LogicalVolume, end: LogicalVolume): boolean {
  const blocks = Math.ceil(Math.min(snapshot.size, end.size) / metadata.superblock.dataBlockSize);
  for (const { kind, begin } of thinDifference(metadata, snapshot.thin!.id, end.thin!.id)) {
    if (begin >= blocks) return true;
    if (kind === 'right') return false;
  }
  return true;
}
