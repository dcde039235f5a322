import { type DataBatch, type RecordBatch, releaseBatch } from '../../format/batch.js';
import type { Range } from '../../ranges/range.js';
import { BatchBuilder, copySegments } from '../records/batch-builder.js';
import { Lookahead } from '../../ranges/lookahead.js';

/**
 * Puts zero ranges between the records of a sorted sequence, by offset: what comes out is sorted, and applying it is
 * applying the data and the zeros.
 *
 * `zeros` ascends, and has no byte in common with the data, which comes in batches of whole records, as `readRanges`
 * makes them. A batch that a zero range falls into is cut between two records: its parts are copied, since whoever owns
 * one may give its buffer away, and the batch is released. All others pass through as they are. The caller owns each
 * batch. Throws what `data` and `zeros` throw.
 */
export async function* weaveZeros(
  data: AsyncIterable<DataBatch>,
  zeros: Iterable<Range>,
): AsyncGenerator<RecordBatch, void, undefined> {
  const waiting = new Lookahead(zeros);
  const builder = new BatchBuilder();
  for await (const batch of data) yield* weaveInto(batch, waiting, builder);
  yield* addBefore(Infinity, waiting, builder);
  yield* builder.finish();
}

function* weaveInto(
  batch: DataBatch,
  zeros: Lookahead<Range>,
  builder: BatchBuilder,
): Generator<RecordBatch> {
  const last = batch.offsets[batch.count - 1]!;
  let first = 0;
  while (zeros.head && zeros.head.offset < last) {
    const end = firstBehind(batch, first, zeros.head.offset);
    if (end > first) builder.pass(copySegments(batch, first, end, batch.pool));
    yield* addBefore(batch.offsets[end]!, zeros, builder);
    first = end;
  }
  if (first === 0) builder.pass(batch);
  else {
    builder.pass(copySegments(batch, first, batch.count, batch.pool));
    releaseBatch(batch);
  }
  yield* builder.take();
}

/** The first record from `first` on that begins behind `offset`; there is one. */
function firstBehind({ offsets }: DataBatch, first: number, offset: number): number {
  let index = first;
  while (offsets[index]! < offset) index += 1;
  return index;
}

function* addBefore(offset: number, zeros: Lookahead<Range>, builder: BatchBuilder): Generator<RecordBatch> {
  while (zeros.head && zeros.head.offset < offset) {
    builder.addZeros(zeros.head);
    zeros.advance();
    yield* builder.take();
  }
}
