import type { RecordBatch } from '../../format/batch.js';
import { mergeSources, type MergeSourcesOptions } from './merge-sources.js';
import type { Spill } from './merge-source.js';

/**
 * A stream of any order as a sorted one that does the same: ascending, each byte once, what touches joined as far as a batch
 * holds it (§7, coalesce): apply(sortStream(s), D) = apply(s, D). All of it is read before the first batch comes; what does
 * not fit in memory is spilled. Throws what the stream and `spill` throw.
 */
export function sortStream(
  batches: AsyncIterable<RecordBatch>,
  spill: Spill,
  options?: MergeSourcesOptions,
): AsyncGenerator<RecordBatch, void, undefined> {
  const source = {
    isSorted: false,
    name: 'the stream',
    memory: 0,
    size: 0,
    open: () => batches,
    close: () => undefined,
  };
  return mergeSources([source], spill, options);
}
