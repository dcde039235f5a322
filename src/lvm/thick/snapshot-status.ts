import { type MappedDevice, statusOf, type TableTarget } from '../../device/device-mapper.js';
import { LvmError } from '../../errors.js';
import { SECTOR_SIZE } from '../../ranges/block-part.js';
import { mappedDeviceOf } from '../live-volume.js';
import type { LogicalVolume } from '../logical-volumes.js';

/** Header and first metadata area: data chunks begin behind them (dm-snap-persistent.c). */
const FIRST_DATA_CHUNK = 2;
const EXCEPTION_SIZE = 16;

/** What device-mapper says of a snapshot that can be read. */
export interface SnapshotUsage {
  /** Bytes of the snapshot, which its origin had when it was made. */
  readonly size: number;
  /** Bytes of the exception store in use, with chunks that were handed out and are not in its list yet. */
  readonly used: number;
}

export interface SnapshotStatus extends SnapshotUsage {
  readonly mapped: MappedDevice;
}

/**
 * Asks device-mapper how a thick snapshot is. Throws `LvmError` if it is not active, suspended, overflowed, invalid, or
 * not a snapshot any more.
 */
export function readSnapshotStatus(snapshot: LogicalVolume): SnapshotStatus {
  const mapped = mappedDeviceOf(snapshot);
  return { mapped, ...parseSnapshotStatus(snapshot.name, statusOf(mapped.name)) };
}

/** The words are those of `snapshot_status` (drivers/md/dm-snap.c). Throws as {@link readSnapshotStatus} does. */
export function parseSnapshotStatus(name: string, targets: readonly TableTarget[]): SnapshotUsage {
  const [target] = targets;
  if (targets.length !== 1 || target?.type !== 'snapshot') {
    const what = targets.map(({ type }) => type).join(', ') || 'nothing';
    throw new LvmError(`${name}: device-mapper shows ${what} in place of a snapshot`, {
      hint: 'it may have been merged or removed: see lvs -a',
    });
  }
  const words = target.words.join(' ');
  const usage = /^(\d+)\/\d+ \d+$/.exec(words);
  if (usage === null) throw unusable(name, words);
  return { size: target.length * SECTOR_SIZE, used: Number(usage[1]) * SECTOR_SIZE };
}

/** The error of a snapshot that lost what it held. */
export function unusable(name: string, status: string): LvmError {
  const what = UNUSABLE.get(status) ?? `its status is ${status}, which is none that can be read`;
  const hint = LOST.has(status) ? 'what it held is lost for good; give the next one more room' : undefined;
  return new LvmError(`${name}: ${what}`, { hint });
}

const UNUSABLE: ReadonlyMap<string, string> = new Map([
  ['Invalid', 'the snapshot is invalid: it overflowed or met an I/O error'],
  ['Overflow', 'the snapshot overflowed'],
  ['Merge failed', 'merging the snapshot failed'],
]);

const LOST: ReadonlySet<string> = new Set(['Invalid', 'Overflow']);

/**
 * Exceptions that a store with so many bytes in use has handed out. Counts from the next free chunk, and not with the
 * third number of the status: that lags behind where an area is full and not written yet.
 */
export function countHandedOut(used: number, chunkSize: number): number {
  const dataAndAreas = used / chunkSize - FIRST_DATA_CHUNK;
  return dataAndAreas - Math.floor(dataAndAreas / (chunkSize / EXCEPTION_SIZE + 1));
}
