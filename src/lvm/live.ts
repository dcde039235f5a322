import { UsageError } from '../errors.js';
import type { OpenChanges } from './changes.js';
import { findVolume, listVolumes, type LogicalVolume, type VolumeList } from './logical-volumes.js';
import { openThickChanges } from './thick-live.js';
import { openThinChanges } from './thin-live.js';

/** What to take out of LVM. */
export interface LiveOptions {
  /** The name of a second snapshot that the changes lead to, instead of the origin. */
  readonly to?: string | undefined;
  /** The reverse: what takes the origin back to the snapshot. */
  readonly undo: boolean;
  /** All that the volume itself holds, for a first copy. */
  readonly full: boolean;
  /** With `to`, keep what is equal in both. */
  readonly keepEqual: boolean;
  /** A device or image to read the data from instead. */
  readonly dataSource?: string | undefined;
  /** Make a second snapshot with a store of so many bytes, read from it, and remove it. */
  readonly temporarySnapshot?: number | undefined;
  /** Only the ranges are asked for: nothing is read that only their data needs. */
  readonly rangesOnly: boolean;
  /** How long to wait for a thin pool's metadata snapshot that somebody else holds. */
  readonly waitSeconds: number;
}

/** A volume that was asked for, among all others. */
export interface Subject {
  readonly volumes: VolumeList;
  readonly volume: LogicalVolume;
}

/**
 * Opens the changes of a logical volume by any name that LVM knows it by. The caller closes them, whatever happens.
 * Throws `LvmError`, `DeviceError` and `RefusedError`, each with a way out; `UsageError` where options exclude each other.
 */
export async function openLiveChanges(name: string, options: LiveOptions): Promise<OpenChanges> {
  refuseContradictions(options);
  const volumes = listVolumes();
  const volume = findVolume(volumes, name);
  const open = volume.thin === undefined ? openThickChanges : openThinChanges;
  return open({ volumes, volume }, options);
}

function refuseContradictions({ to, undo, full, dataSource, temporarySnapshot }: LiveOptions): void {
  const given = Object.entries({
    to,
    undo: undo || undefined,
    full: full || undefined,
    'data-source': dataSource,
    'temporary-snapshot': temporarySnapshot,
  }).filter(([, value]) => value !== undefined);
  const [first, second] = given.map(([option]) => option);
  if (second !== undefined) throw new UsageError(`--${first!} and --${second} exclude each other`);
}
