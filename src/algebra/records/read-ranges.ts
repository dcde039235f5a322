import { type BufferPool, createBufferPool, type DataBatch } from '../../format/batch.js';
import type { Range } from '../../ranges/range.js';
import { draftBatches } from './draft-batches.js';
import type { RangeReader } from '../random-access.js';

/**
 * Reads ranges of a device into batches of whole records, one record a range; a range longer than a batch becomes
 * several records, cut at multiples of 4096 device bytes. The data is read where it stays: behind its record's header.
 *
 * Ranges are taken in their order, and must lie inside the device. Buffers come from `pool` and go back there by
 * `releaseBatch`; one batch is in the making at a time. Throws what `source` and `ranges` throw.
 */
export async function* readRanges(
  ranges: Iterable<Range>,
  source: RangeReader,
  pool: BufferPool = createBufferPool(),
): AsyncGenerator<DataBatch, void, undefined> {
  for (const batch of draftBatches(ranges, pool)) {
    await source.readSegments(batch, 0, batch.count, batch.bytes);
    yield batch;
  }
}
