import type { BufferPool, DataBatch } from '../../format/batch.js';
import type { Range } from '../../ranges/range.js';
import { DataDraft } from './data-draft.js';

/**
 * The batches of whole records that ranges are read into, one record a range; a range longer than a batch becomes
 * several records, cut at multiples of 4096 device bytes. The headers are in place, the data is still to be filled in:
 * what a buffer holds there until then is anything. Where batches end depends on the ranges and the pool's size alone.
 *
 * Ranges are taken in their order, none before it is needed. The caller owns each batch, whose buffer is from `pool`.
 */
export function* draftBatches(
  ranges: Iterable<Range>,
  pool: BufferPool,
): Generator<DataBatch, void, undefined> {
  let draft = new DataDraft(pool.take(), pool);
  for (const range of ranges) {
    const end = range.offset + range.length;
    for (let offset = range.offset; offset < end;) {
      const length = draft.fits(offset, end - offset);
      if (length > 0) draft.reserve(offset, length);
      else {
        yield draft.toBatch();
        draft = new DataDraft(pool.take(), pool);
      }
      offset += length;
    }
  }
  if (!draft.isEmpty) yield draft.toBatch();
}
