import type { RandomAccessReader } from '../algebra/random-access.js';
import { releaseBatch, type Range, type RecordBatch } from '../format/batch.js';
import { RangeSet } from '../format/range-set.js';
import { zeroRecords } from '../format/zero-frame.js';
import { differences } from './recorded.js';

/** What a comparison of a device with a stream's result found. */
export interface Comparison {
  /** Bytes of the device that are not what the stream writes. */
  readonly differentBytes: number;
  /** The first of them, ascending; at most as many as asked for. */
  readonly first: readonly Range[];
  /** Bytes that the stream writes past the device's end. */
  readonly pastEnd: number;
}

const PART = 1 << 20;
const ZEROS = new Uint8Array(PART);

/**
 * Compares a device with what it must hold after the stream; where records overlap, the last one counts. Takes over
 * the batches. Memory grows with the number of places that differ, not with the stream.
 */
export async function compareWithResult(
  batches: AsyncIterable<RecordBatch>,
  device: RandomAccessReader,
  most: number,
): Promise<Comparison> {
  const different = new RangeSet();
  const buffer = new Uint8Array(PART);
  let pastEnd = 0;
  for await (const batch of batches) {
    for (const { range, wanted } of wantedParts(batch)) {
      const inside = Math.max(0, Math.min(range.length, device.size - range.offset));
      pastEnd += range.length - inside;
      comparePart({ offset: range.offset, length: inside }, wanted?.subarray(0, inside), device, buffer, different);
    }
    releaseBatch(batch);
  }
  return { differentBytes: different.size, first: [...take(different.ranges(), most)], pastEnd };
}

function comparePart(
  range: Range,
  wanted: Uint8Array | undefined,
  device: RandomAccessReader,
  buffer: Uint8Array,
  different: RangeSet,
): void {
  if (different.size > 0) different.remove(range);
  for (const { offset, length } of wanted ? [range] : dataIn(range, device)) {
    for (let done = 0; done < length; done += PART) {
      const part = { offset: offset + done, length: Math.min(PART, length - done) };
      const held = buffer.subarray(0, part.length);
      device.readInto(held, part.offset);
      const start = part.offset - range.offset;
      const expected = wanted?.subarray(start, start + part.length) ?? ZEROS.subarray(0, part.length);
      for (const place of differences(part, held, expected)) different.add(place);
    }
  }
}

/** Where zeros are wanted only what is no hole needs to be read. */
function dataIn(range: Range, device: RandomAccessReader): Iterable<Range> {
  return range.length > 0 && device.allocated ? device.allocated(range) : [range];
}

/** The ranges that a batch writes and what it wants there; undefined stands for zeros. */
function* wantedParts(batch: RecordBatch): Generator<{ range: Range; wanted: Uint8Array | undefined }> {
  if (batch.kind === 'zeros') {
    for (const range of zeroRecords(batch.ranges)) yield { range, wanted: undefined };
    return;
  }
  for (let i = 0; i < batch.count; i++) {
    const at = batch.positions[i]!;
    const range = { offset: batch.offsets[i]!, length: batch.lengths[i]! };
    yield { range, wanted: batch.bytes.subarray(at, at + range.length) };
  }
}

function* take<T>(items: Iterable<T>, most: number): Generator<T> {
  let taken = 0;
  for (const item of items) {
    if (taken++ === most) return;
    yield item;
  }
}
