import type { DataBatch, Range, RecordBatch } from '../format/batch.js';
import { releaseBatch } from '../format/batch.js';
import {
  MAX_DATA_CONTENT,
  MAX_ZERO_CONTENT,
  MIN_ZERO_RUN,
  PIECE_SIZE,
  RECORD_HEADER_SIZE,
  ZERO_RECORD_SIZE,
} from '../format/layout.js';
import { encodeRecordHeader } from '../format/record.js';
import { SegmentList } from '../format/segments.js';
import { cutZeroRanges } from '../format/zero-frame.js';
import { createZeroTest, findZeroRuns, type ZeroPart } from './zero-runs.js';

/** What one zero frame holds in whole zero records (§4.5): a range goes on its way when it is longer. */
const MAX_RANGE = Math.floor(MAX_ZERO_CONTENT / (ZERO_RECORD_SIZE + RECORD_HEADER_SIZE)) * ZERO_RECORD_SIZE;
/** Ranges that wait for what follows, at most. */
const MAX_WAITING = 4096;
/** A record that is written anew is at most this long, so that no batch outgrows a data frame. */
const MAX_RECORD = MAX_DATA_CONTENT / 2;

/**
 * Takes runs of zeros of 128 KiB and more out of a stream whose records may be cut, as zero batches:
 * apply(splitZeroRuns(s)) = apply(s). The order is kept, so a sorted stream stays sorted.
 *
 * Records are cut at multiples of 4096 device bytes. A run that goes on through batches becomes one range, up to what
 * a zero frame holds (1008 MiB). Where a run straddles two batches, less than 128 KiB of it at the end of the first
 * may stay data. What comes out never continues a record nor leaves one open.
 *
 * A batch without such a run passes through as it is, unless a record goes on from it or into it; of any other the
 * data is copied and the batch released.
 */
export async function* splitZeroRuns(
  batches: AsyncIterable<RecordBatch>,
): AsyncGenerator<RecordBatch, void, undefined> {
  const waiting: Range[] = [];
  for await (const batch of batches) {
    for (const part of batch.kind === 'zeros' ? [batch] : splitBatch(batch, waiting.at(-1))) {
      if (part.kind === 'zeros') for (const range of part.ranges) yield* addRange(waiting, range);
      else {
        yield* flush(waiting);
        yield part;
      }
    }
  }
  yield* flush(waiting);
}

/** What waits, in batches that each fit one zero frame. */
function* flush(waiting: Range[]): Generator<RecordBatch, void, undefined> {
  yield* cutZeroRanges(waiting.splice(0));
}

/** Joins a range to the last one that waits if they touch; yields what is long or much enough. */
function* addRange(waiting: Range[], range: Range): Generator<RecordBatch, void, undefined> {
  const last = waiting.at(-1);
  const touches = last !== undefined && last.offset + last.length === range.offset;
  if (touches) waiting.pop();
  let { offset, length } = touches ? { offset: last.offset, length: last.length + range.length } : range;
  for (; length > MAX_RANGE; offset += MAX_RANGE, length -= MAX_RANGE) {
    waiting.push({ offset, length: MAX_RANGE });
    yield* flush(waiting);
  }
  if (waiting.length === MAX_WAITING) yield* flush(waiting);
  waiting.push({ offset, length });
}

/** The batch itself, or its data and zero runs in order. */
function* splitBatch(batch: DataBatch, before: Range | undefined): Generator<RecordBatch, void, undefined> {
  const zeros = findZeroRuns(batch, before);
  if (zeros.length === 0 && !batch.continues && !batch.open) yield batch;
  else {
    yield* rebuild(batch, zeros);
    releaseBatch(batch);
  }
}

/** A part of a segment on its way out: `position` is that of its data in the batch. */
interface Part extends Range {
  readonly position: number;
  readonly zero: boolean;
}

function* rebuild(batch: DataBatch, zeros: readonly ZeroPart[]): Generator<RecordBatch, void, undefined> {
  let parts: Part[] = [];
  let size = 0;
  for (const part of partsOf(batch, zeros)) {
    const partSize = RECORD_HEADER_SIZE + part.length;
    if (parts.length > 0 && (part.zero || size + partSize > MAX_DATA_CONTENT)) {
      yield copyRecords(batch, parts, size);
      parts = [];
      size = 0;
    }
    if (part.zero) yield { kind: 'zeros', ranges: [{ offset: part.offset, length: part.length }] };
    else {
      parts.push(part);
      size += partSize;
    }
  }
  if (parts.length > 0) yield copyRecords(batch, parts, size);
}

function* partsOf(batch: DataBatch, zeros: readonly ZeroPart[]): Generator<Part, void, undefined> {
  let next = 0;
  for (let segment = 0; segment < batch.count; segment += 1) {
    let from = 0;
    for (; zeros[next]?.segment === segment; next += 1) {
      const zero = zeros[next]!;
      yield* dataParts(batch, segment, from, zero.from);
      yield { ...place(batch, segment, zero.from), length: zero.length, zero: true };
      from = zero.from + zero.length;
    }
    yield* dataParts(batch, segment, from, batch.lengths[segment]!);
  }
}

function* dataParts(
  batch: DataBatch,
  segment: number,
  from: number,
  end: number,
): Generator<Part, void, undefined> {
  for (let at = from; at < end;) {
    const part = place(batch, segment, at);
    const length = Math.min(end - at, MAX_RECORD - (part.offset % PIECE_SIZE));
    yield { ...part, length, zero: false };
    at += length;
  }
}

function place(
  { offsets, positions }: DataBatch,
  segment: number,
  at: number,
): { offset: number; position: number } {
  return { offset: offsets[segment]! + at, position: positions[segment]! + at };
}

/** A batch of `size` bytes with one record a part, its data copied. */
function copyRecords({ bytes }: DataBatch, parts: readonly Part[], size: number): DataBatch {
  const records = new Uint8Array(size);
  const view = new DataView(records.buffer);
  const segments = new SegmentList();
  let at = 0;
  for (const { offset, length, position } of parts) {
    encodeRecordHeader(view, at, offset, length);
    at += RECORD_HEADER_SIZE;
    records.set(bytes.subarray(position, position + length), at);
    segments.push(offset, length, at);
    at += length;
  }
  return segments.toBatch(records, false, false);
}

/**
 * Takes whole records of zeros out of a stream whose records must stay as they are, as zero batches of one range a
 * record: the stream's bytes are the same. Taken are records of 128 KiB to 16 MiB that lie whole in one batch.
 *
 * A batch without any passes through as it is; of any other the rest is copied and the batch released.
 */
export async function* takeZeroRecords(
  batches: AsyncIterable<RecordBatch>,
): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const batch of batches) {
    const zeros = batch.kind === 'zeros' ? [] : findZeroRecords(batch);
    if (batch.kind === 'zeros' || zeros.length === 0) yield batch;
    else {
      yield* takeOut(batch, zeros);
      releaseBatch(batch);
    }
  }
}

/** Indexes of the segments that are whole records of zeros, of a length that is one record in a zero frame. */
function findZeroRecords({ bytes, count, lengths, positions, continues, open }: DataBatch): number[] {
  const found: number[] = [];
  const isZero = createZeroTest(bytes);
  const end = open ? count - 1 : count;
  for (let segment = continues ? 1 : 0; segment < end; segment += 1) {
    const length = lengths[segment]!;
    const wanted = length >= MIN_ZERO_RUN && length <= ZERO_RECORD_SIZE;
    if (wanted && isZero(positions[segment]!, length)) found.push(segment);
  }
  return found;
}

function* takeOut(batch: DataBatch, zeros: readonly number[]): Generator<RecordBatch, void, undefined> {
  const ranges: Range[] = [];
  let first = 0;
  for (const segment of zeros) {
    if (segment > first) {
      yield* flush(ranges);
      yield copySegments(batch, first, segment);
    }
    ranges.push({ offset: batch.offsets[segment]!, length: batch.lengths[segment]! });
    first = segment + 1;
  }
  yield* flush(ranges);
  if (first < batch.count) yield copySegments(batch, first, batch.count);
}

/** The segments from `first` to before `end`, with the headers that they have. */
function copySegments(batch: DataBatch, first: number, end: number): DataBatch {
  const { offsets, lengths, positions } = batch;
  const continues = first === 0 && batch.continues;
  const start = positions[first]! - (continues ? 0 : RECORD_HEADER_SIZE);
  const bytes = new Uint8Array(batch.bytes.subarray(start, positions[end - 1]! + lengths[end - 1]!));
  const segments = new SegmentList();
  for (let i = first; i < end; i += 1) segments.push(offsets[i]!, lengths[i]!, positions[i]! - start);
  return segments.toBatch(bytes, continues, end === batch.count && batch.open);
}
