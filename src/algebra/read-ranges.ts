import type { BufferPool, DataBatch, Range } from '../format/batch.js';
import { createBufferPool } from '../format/batch.js';
import { PIECE_SIZE, RECORD_HEADER_SIZE } from '../format/layout.js';
import { encodeRecordHeader } from '../format/record.js';
import { SegmentList } from '../format/segments.js';
import type { RandomAccessReader } from './random-access.js';

/** A range that doesn't fit is begun in a batch that has this much room left; otherwise in the next one. */
const WORTH_CUTTING = 1 << 17;

/**
 * Reads ranges of a device into batches of whole records, one record a range; a range longer than a batch becomes
 * several records, cut at multiples of 4096 device bytes. The data is read where it stays: behind its record's header.
 *
 * One read a range: bridging small gaps saves calls but copies more, and measured no faster from the page cache.
 * Ranges are taken in their order, and must lie inside the device. Buffers come from `pool` and go back there by
 * `releaseBatch`; one batch is in the making at a time. Throws what `source` and `ranges` throw.
 */
export async function* readRanges(
  ranges: Iterable<Range>,
  source: RandomAccessReader,
  pool: BufferPool = createBufferPool(),
): AsyncGenerator<DataBatch, void, undefined> {
  yield* readRangesSync(ranges, source, pool);
}

function* readRangesSync(
  ranges: Iterable<Range>,
  source: RandomAccessReader,
  pool: BufferPool,
): Generator<DataBatch> {
  let draft = begin(pool);
  for (const range of ranges) {
    const end = range.offset + range.length;
    for (let offset = range.offset; offset < end;) {
      const length = roomFor(draft, offset, end - offset);
      if (length > 0) append(draft, offset, length, source);
      else {
        yield finish(draft, pool);
        draft = begin(pool);
      }
      offset += length;
    }
  }
  if (draft.used > 0) yield finish(draft, pool);
}

/** A batch in the making. */
interface Draft {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly segments: SegmentList;
  used: number;
}

function begin(pool: BufferPool): Draft {
  const bytes = pool.take();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { bytes, view, segments: new SegmentList(), used: 0 };
}

function finish({ bytes, segments, used }: Draft, pool: BufferPool): DataBatch {
  return segments.toBatch(bytes.subarray(0, used), false, false, pool);
}

/** How much of `length` bytes from `offset` on the batch takes as its next record; 0 if the next batch should. */
function roomFor(draft: Draft, offset: number, length: number): number {
  const room = draft.bytes.length - draft.used - RECORD_HEADER_SIZE;
  if (length <= room) return length;
  if (draft.used > 0 && room < WORTH_CUTTING) return 0;
  const whole = room - ((offset + room) % PIECE_SIZE);
  return whole > 0 ? whole : room;
}

function append(draft: Draft, offset: number, length: number, source: RandomAccessReader): void {
  const position = draft.used + RECORD_HEADER_SIZE;
  encodeRecordHeader(draft.view, draft.used, offset, length);
  source.readInto(draft.bytes.subarray(position, position + length), offset);
  draft.segments.push(offset, length, position);
  draft.used = position + length;
}
