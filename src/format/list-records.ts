import { eachRange, type RecordBatch, releaseBatch } from './batch.js';
import type { Range } from '../ranges/range.js';

/** The records of a stream in order, each as a whole where it goes through several batches; about a batch at a time. */
export async function* listRecords(batches: AsyncIterable<RecordBatch>): AsyncGenerator<readonly Range[]> {
  let open: Range | undefined;
  for await (const batch of batches) {
    const records = [...eachRange(batch)];
    if (open) records[0] = { offset: open.offset, length: open.length + records[0]!.length };
    open = batch.kind === 'data' && batch.open ? records.pop() : undefined;
    releaseBatch(batch);
    if (records.length > 0) yield records;
  }
}

const RANGES = 4096;

/** The ranges of a map, 4096 at a time. */
export async function* listRanges(parts: AsyncIterable<Iterable<Range>>): AsyncGenerator<readonly Range[]> {
  let ranges: Range[] = [];
  for await (const part of parts) {
    for (const range of part) {
      if (ranges.push(range) < RANGES) continue;
      yield ranges;
      ranges = [];
    }
  }
  if (ranges.length > 0) yield ranges;
}
