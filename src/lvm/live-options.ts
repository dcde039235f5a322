import type { LogicalVolume, VolumeList } from './logical-volumes.js';

/** What to take out of LVM: one of `to`, `undo`, `full`, `dataSource` and `temporarySnapshot` at most. */
export interface LiveOptions {
  /** The name of a second snapshot that the changes lead to, instead of the origin. */
  readonly to?: string | undefined;
  /** The reverse: what takes the origin back to the snapshot. */
  readonly undo: boolean;
  /** All that the volume itself holds, for a first copy. */
  readonly full: boolean;
  /** With `to` or `temporarySnapshot`, keep what is equal in both. */
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
export interface NamedVolume {
  readonly volumes: VolumeList;
  readonly volume: LogicalVolume;
}
