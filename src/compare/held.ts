import type { RangeReader } from '../algebra/random-access.js';
import { readRange } from '../algebra/read-segments.js';
import type { DataBatch, SegmentArrays, Segments } from '../format/batch.js';
import { PIECE_SIZE } from '../format/layout.js';
import type { Range } from '../ranges/range.js';

/** Enough for a few pieces; longer batches get the large one at once. */
const FIRST_BUFFER_SIZE = 1 << 15;
const BUFFER_SIZE = 1 << 20;
const WINDOW = 1 << 20;

/** What a part of zeros is compared with: as much as is read at once where zeros are wanted. */
export const ZERO_PART: Uint8Array = new Uint8Array(WINDOW);

/** A part of a range, and what the device holds there; undefined of a hole, which reads as zeros. */
export interface Stretch {
  readonly range: Range;
  readonly held: Uint8Array | undefined;
}

/**
 * Reads what a device holds where batches write, a batch at a time, in memory that is used again: as much as the largest
 * batch, and 1 MiB where zeros are wanted. Throws what the device does.
 */
export class Held {
  readonly #device: RangeReader;
  #buffer = new Uint8Array(FIRST_BUFFER_SIZE);
  #window: Uint8Array | undefined;

  constructor(device: RangeReader) {
    this.#device = device;
  }

  /**
   * What the device holds of a batch, or of the parts of it that `segments` are, at their positions in the batch's bytes.
   * What stands between them is anything. Valid until the next call.
   */
  async data({ bytes }: DataBatch, segments: Segments): Promise<Uint8Array> {
    if (this.#buffer.length < bytes.length)
      this.#buffer = new Uint8Array(Math.max(bytes.length, BUFFER_SIZE));
    await this.#device.readSegments(segments, 0, segments.count, this.#buffer);
    return this.#buffer;
  }

  /**
   * What the device holds in a range inside it, in order: parts of 1 MiB, and holes of any length, which are not read. The
   * range is cut at multiples of 4096 device bytes. Each is valid until the next is asked for.
   */
  async *stretches({ offset, length }: Range): AsyncGenerator<Stretch, void, undefined> {
    const end = offset + length;
    let at = offset;
    for (const data of this.#device.allocated?.({ offset, length }) ?? [{ offset, length }]) {
      const start = Math.max(at, startOfPiece(data.offset));
      const stop = Math.min(end, endOfPiece(data.offset + data.length));
      if (start > at) yield hole(at, start);
      for (at = start; at < stop;) {
        const stretch = await this.#read(at, stop);
        yield stretch;
        at += stretch.range.length;
      }
    }
    if (end > at) yield hole(at, end);
  }

  async #read(offset: number, stop: number): Promise<Stretch> {
    const range = { offset, length: Math.min(stop - offset, WINDOW - (offset % PIECE_SIZE)) };
    const held = (this.#window ??= new Uint8Array(WINDOW)).subarray(0, range.length);
    await readRange(this.#device, range, held);
    return { range, held };
  }
}

function hole(start: number, end: number): Stretch {
  return { range: { offset: start, length: end - start }, held: undefined };
}

function startOfPiece(offset: number): number {
  return Math.floor(offset / PIECE_SIZE) * PIECE_SIZE;
}

function endOfPiece(offset: number): number {
  return Math.ceil(offset / PIECE_SIZE) * PIECE_SIZE;
}

/** The segments without what lies past the end of a device of `size` bytes, as many as before: some may be empty then. */
export function segmentsInside(segments: Segments, size: number): Segments {
  const { offsets, lengths, positions, count } = segments;
  if (isInside(segments, size)) return segments;
  const inside: SegmentArrays = {
    offsets: offsets.slice(0, count),
    lengths: lengths.slice(0, count),
    positions,
  };
  for (let i = 0; i < count; i++) {
    inside.offsets[i] = Math.min(offsets[i]!, size);
    inside.lengths[i] = lengthInside({ offset: offsets[i]!, length: lengths[i]! }, size);
  }
  return { ...inside, count };
}

/** Whether no segment reaches past the end of a device of `size` bytes. */
export function isInside({ offsets, lengths, count }: Segments, size: number): boolean {
  for (let i = 0; i < count; i++) if (offsets[i]! + lengths[i]! > size) return false;
  return true;
}

/** How many bytes of a range a device of `size` bytes has. */
export function lengthInside({ offset, length }: Range, size: number): number {
  return Math.max(0, Math.min(length, size - offset));
}
