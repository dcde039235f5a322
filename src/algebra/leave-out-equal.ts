import { type DataBatch, releaseBatch } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import { PIECE_SIZE, RECORD_HEADER_SIZE } from '../format/layout.js';
import { DataDraft } from './records/data-draft.js';

/**
 * What differs between two devices, of the same ranges read from both: apply(left, leaveOutEqual(left, right)) = right.
 * Pieces of 4096 bytes, cut at multiples of 4096 device bytes, are left out where both have the same data; neighbours
 * that differ become one record. The order is kept, so what is sorted stays sorted.
 *
 * Both must come in the same batches of whole records, as `readRanges` makes them of the same ranges. A batch that
 * differs in every piece passes through as it is; what is left of others is moved together inside the right batch's
 * buffer, and what is left of several that is not much is put into one. The left batches are released. One batch waits
 * to be joined; the caller owns what is yielded.
 */
export async function* leaveOutEqual(
  left: AsyncIterable<DataBatch>,
  right: AsyncIterable<DataBatch>,
): AsyncGenerator<DataBatch, void, undefined> {
  let waiting: DataDraft | undefined;
  for await (const [before, after] of inPairs(left, right)) {
    const runs = findUnequal(before, after);
    releaseBatch(before);
    if (waiting && runs.size <= waiting.room) {
      moveInto(waiting, after, runs);
      releaseBatch(after);
      continue;
    }
    if (waiting) yield waiting.toBatch();
    waiting = undefined;
    if (runs.isAll) yield after;
    else if (runs.ranges.length === 0) releaseBatch(after);
    else {
      waiting = DataDraft.over(after);
      moveInto(waiting, after, runs);
    }
  }
  if (waiting) yield waiting.toBatch();
}

/** Ends both when either ends, fails, or isn't wanted any more. */
async function* inPairs(
  left: AsyncIterable<DataBatch>,
  right: AsyncIterable<DataBatch>,
): AsyncGenerator<[DataBatch, DataBatch], void, undefined> {
  const befores = left[Symbol.asyncIterator]();
  try {
    for await (const after of right) {
      const before = await befores.next();
      if (before.done === true) throw notAlike();
      yield [before.value, after];
    }
    if ((await befores.next()).done !== true) throw notAlike();
  } finally {
    await befores.return?.();
  }
}

function notAlike(): Error {
  return new Error('what is compared does not come in the same batches');
}

/** Where a batch differs. */
interface Unequal {
  /** `offset` is a position in the batch's bytes; ascending, each inside one segment. */
  readonly ranges: readonly Run[];
  /** Bytes of the records that the runs become. */
  readonly size: number;
  readonly isAll: boolean;
}

interface Run extends Range {
  readonly deviceOffset: number;
}

function findUnequal(left: DataBatch, right: DataBatch): Unequal {
  const sameShape = left.count === right.count && left.bytes.length === right.bytes.length;
  if (!sameShape || right.continues || right.open) throw notAlike();
  const ranges: Run[] = [];
  const befores = asBuffer(left.bytes);
  const afters = asBuffer(right.bytes);
  for (let i = 0; i < right.count; i++) {
    if (left.offsets[i] !== right.offsets[i] || left.lengths[i] !== right.lengths[i]) throw notAlike();
    findInSegment(ranges, befores, afters, right, i);
  }
  const size = ranges.reduce((sum, { length }) => sum + RECORD_HEADER_SIZE + length, 0);
  return { ranges, size, isAll: size === right.bytes.length };
}

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

function findInSegment(runs: Run[], left: Buffer, right: Buffer, batch: DataBatch, segment: number): void {
  const position = batch.positions[segment]!;
  const end = position + batch.lengths[segment]!;
  if (isEqual(left, right, position, end)) return;
  const shift = batch.offsets[segment]! - position;
  let begin = -1;
  for (let at = position; at < end;) {
    const next = Math.min(end, (Math.floor((at + shift) / PIECE_SIZE) + 1) * PIECE_SIZE - shift);
    const equal = isEqual(left, right, at, next);
    if (equal && begin >= 0) runs.push({ offset: begin, length: at - begin, deviceOffset: begin + shift });
    if (equal) begin = -1;
    else if (begin < 0) begin = at;
    at = next;
  }
  if (begin >= 0) runs.push({ offset: begin, length: end - begin, deviceOffset: begin + shift });
}

function isEqual(left: Buffer, right: Buffer, start: number, end: number): boolean {
  return left.compare(right, start, end, start, end) === 0;
}

/**
 * Works inside one buffer too: between two runs there is always room for a header, since they are a whole piece apart
 * or lie in records that have headers of their own.
 */
function moveInto(draft: DataDraft, { bytes }: DataBatch, { ranges }: Unequal): void {
  for (const { offset, length, deviceOffset } of ranges)
    draft.add(deviceOffset, bytes.subarray(offset, offset + length));
}
