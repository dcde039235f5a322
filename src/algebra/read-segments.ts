import type { SegmentArrays } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import { SECTOR_SIZE } from '../ranges/block-part.js';
import type { RandomAccessReader, RangeReader } from './random-access.js';

/** So much is read at once of segments that are shorter than a sector. */
const WINDOW = 1 << 16;

/**
 * Reads segments with what reads one range at a time. Those that are shorter than a sector are read together with their
 * neighbours, without a sector that none of them names.
 */
export function readSegmentsWith(readInto: RandomAccessReader['readInto']): RangeReader['readSegments'] {
  const window = new Uint8Array(WINDOW);
  return (segments, from, to, target) =>
    new Promise((resolve) => {
      const { offsets, lengths, positions } = segments;
      for (let first = from; first < to;) {
        const end = endOfNeighbours(segments, first, to);
        const length = offsets[end - 1]! + lengths[end - 1]! - offsets[first]!;
        const isOne = end - first === 1;
        const room = isOne
          ? target.subarray(positions[first], positions[first]! + length)
          : window.subarray(0, length);
        if (length > 0) readInto(room, offsets[first]!);
        if (!isOne) copySegments(segments, first, end, window, target);
        first = end;
      }
      resolve();
    });
}

/** The first segment behind `first` that is not read together with it. */
function endOfNeighbours({ offsets, lengths }: SegmentArrays, first: number, to: number): number {
  const start = offsets[first]!;
  let end = start + lengths[first]!;
  let next = first + 1;
  if (lengths[first]! >= SECTOR_SIZE) return next;
  for (; next < to && lengths[next]! < SECTOR_SIZE; next++) {
    const offset = offsets[next]!;
    const isNear = offset >= end && Math.floor(offset / SECTOR_SIZE) <= Math.ceil(end / SECTOR_SIZE);
    if (!isNear || offset + lengths[next]! - start > WINDOW) break;
    end = offset + lengths[next]!;
  }
  return next;
}

/** Byte by byte: to name a part of an array takes longer than to copy a few bytes. */
function copySegments(
  { offsets, lengths, positions }: SegmentArrays,
  first: number,
  end: number,
  window: Uint8Array,
  target: Uint8Array,
): void {
  const start = offsets[first]!;
  for (let i = first; i < end; i++) {
    const at = offsets[i]! - start;
    for (let done = 0; done < lengths[i]!; done++) target[positions[i]! + done] = window[at + done]!;
  }
}

/** Fills `target` with what the device holds from `offset` on. Rejects as {@link RangeReader.readSegments} does. */
export function readRange(device: RangeReader, { offset, length }: Range, target: Uint8Array): Promise<void> {
  const segment = {
    offsets: Float64Array.of(offset),
    lengths: Uint32Array.of(length),
    positions: Uint32Array.of(0),
  };
  return device.readSegments(segment, 0, 1, target);
}
