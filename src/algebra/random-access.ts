import type { SegmentArrays } from '../format/batch.js';
import type { Range } from '../ranges/range.js';

/** A device or image that small parts are read of anywhere, at once: metadata. */
export interface RandomAccessReader {
  /** Bytes of the device. */
  readonly size: number;
  /** What to call it in a message. */
  readonly name: string;
  /** Fills `target` from `offset` on. Throws `DeviceError` if the device ends or fails before. */
  readInto(target: Uint8Array, offset: number): void;
}

/** A device or image that data is read of, a batch of ranges at a time. */
export interface RangeReader {
  /** Bytes of the device. */
  readonly size: number;
  /** What to call it in a message. */
  readonly name: string;
  /**
   * Reads what the segments from `from` up to `to`, which is exclusive, name on the device, each into `target` at its
   * position. Neither may be touched until it is settled. Rejects with `DeviceError` if the device ends or fails before.
   */
  readSegments(segments: SegmentArrays, from: number, to: number, target: Uint8Array): Promise<void>;
  /**
   * The parts of a range that may hold anything but zeros, ascending and disjoint; what is left out reads as
   * zeros (a hole in a sparse file, an unmapped thin range). Absent: nothing is known.
   */
  allocated?(range: Range): Iterable<Range>;
}

/** A device or image that metadata and data are read of. */
export interface DeviceReader extends RandomAccessReader, RangeReader {}

/** A device that can be written as well. Only `device/` implements it for real devices. */
export interface RandomAccessWriter extends RangeReader {
  /** Writes all of `bytes` at `offset`. */
  write(bytes: Uint8Array, offset: number): void;
  /** Makes the range read as zeros, without its bytes passing through memory where the device can do that. */
  zero(range: Range): void;
  /** What was written is on stable storage when this returns. */
  sync(): void;
}
