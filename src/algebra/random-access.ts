import type { Range } from '../ranges/range.js';

/** A device or image that can be read anywhere. */
export interface RandomAccessReader {
  /** Bytes of the device. */
  readonly size: number;
  /** What to call it in a message. */
  readonly name: string;
  /** Fills `target` from `offset` on. Throws `DeviceError` if the device ends or fails before. */
  readInto(target: Uint8Array, offset: number): void;
  /**
   * The parts of a range that may hold anything but zeros, ascending and disjoint; what is left out reads as
   * zeros (a hole in a sparse file, an unmapped thin range). Absent: nothing is known.
   */
  allocated?(range: Range): Iterable<Range>;
}

/** A device that can be written as well. Only `device/` implements it for real devices. */
export interface RandomAccessWriter extends RandomAccessReader {
  /** Writes all of `bytes` at `offset`. */
  write(bytes: Uint8Array, offset: number): void;
  /** Makes the range read as zeros, without its bytes passing through memory where the device can do that. */
  zero(range: Range): void;
  /** What was written is on stable storage when this returns. */
  sync(): void;
}
