import type { RecordBatch } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import { BatchBuilder, type BatchBuilderOptions } from './records/batch-builder.js';
import { RecordCursor } from './records/record-cursor.js';

/**
 * The records of a stream cut to ranges of the device, in their order (§7): what it writes there is written, and nothing
 * else. The ranges ascend and do not overlap. Pieces that are kept whole keep their digests.
 *
 * One batch is held, and one in the making. Throws what the stream throws, and ends it.
 */
export async function* sliceStream(
  batches: AsyncIterable<RecordBatch>,
  ranges: readonly Range[],
  options: BatchBuilderOptions = {},
): AsyncGenerator<RecordBatch, void, undefined> {
  const cursor = new RecordCursor(batches);
  const builder = new BatchBuilder(options);
  try {
    while (await cursor.next()) {
      while (cursor.length > 0) takeInside(cursor, ranges, builder);
      yield* builder.take();
    }
    yield* builder.finish();
  } finally {
    await cursor.end();
  }
}

/** Takes what is next up to where a range begins or ends, and keeps it if it lies in one. */
function takeInside(cursor: RecordCursor, ranges: readonly Range[], builder: BatchBuilder): void {
  const range = ranges.find(({ offset, length }) => offset + length > cursor.offset);
  if (range === undefined) cursor.take();
  else if (range.offset > cursor.offset) cursor.take(range.offset - cursor.offset);
  else builder.add(cursor.take(range.offset + range.length - cursor.offset));
}
