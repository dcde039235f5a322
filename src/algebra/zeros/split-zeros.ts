import { releaseBatch, type DataBatch, type RecordBatch } from '../../format/batch.js';
import type { Range } from '../../ranges/range.js';
import { MIN_ZERO_RUN, ZERO_RECORD_SIZE } from '../../format/layout.js';
import { cutZeroRanges } from '../../format/lvs/frames/zero-frame.js';
import { BatchBuilder, copySegments } from '../records/batch-builder.js';
import { createZeroTest, findZeroRuns, type ZeroPart } from './zero-runs.js';

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
  const builder = new BatchBuilder();
  for await (const batch of batches) {
    if (batch.kind === 'zeros') for (const range of batch.ranges) builder.addZeros(range);
    else splitBatch(batch, builder);
    yield* builder.take();
  }
  yield* builder.finish();
}

/** Adds the batch itself, or its data and zero runs in order. */
function splitBatch(batch: DataBatch, builder: BatchBuilder): void {
  const zeros = findZeroRuns(batch, builder.zerosBefore);
  if (zeros.length === 0 && !batch.continues && !batch.open) builder.pass(batch);
  else {
    rebuild(batch, zeros, builder);
    releaseBatch(batch);
  }
}

function rebuild(batch: DataBatch, zeros: readonly ZeroPart[], builder: BatchBuilder): void {
  const { bytes, offsets, lengths, positions } = batch;
  let next = 0;
  for (let segment = 0; segment < batch.count; segment += 1) {
    const [offset, position] = [offsets[segment]!, positions[segment]!];
    const addData = (from: number, end: number): void => {
      builder.addData(offset + from, bytes.subarray(position + from, position + end));
    };
    let from = 0;
    for (; zeros[next]?.segment === segment; next += 1) {
      const zero = zeros[next]!;
      if (zero.from > from) addData(from, zero.from);
      builder.addZeros({ offset: offset + zero.from, length: zero.length });
      from = zero.from + zero.length;
    }
    if (from < lengths[segment]!) addData(from, lengths[segment]!);
  }
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

/** Ranges of zeros that touch are not joined: they would be other records. */
function* takeOut(batch: DataBatch, zeros: readonly number[]): Generator<RecordBatch, void, undefined> {
  let ranges: Range[] = [];
  let first = 0;
  for (const segment of zeros) {
    if (segment > first) {
      yield* cutZeroRanges(ranges);
      ranges = [];
      yield copySegments(batch, first, segment);
    }
    ranges.push({ offset: batch.offsets[segment]!, length: batch.lengths[segment]! });
    first = segment + 1;
  }
  yield* cutZeroRanges(ranges);
  if (first < batch.count) yield copySegments(batch, first, batch.count);
}
