import type { BufferPool, DataBatch, Range } from '../format/batch.js';
import { PIECE_SIZE, RECORD_HEADER_SIZE } from '../format/layout.js';
import { encodeRecordHeader } from '../format/record.js';
import { SegmentList } from '../format/segments.js';
import type { RandomAccessReader } from './random-access.js';

/** A range that doesn't fit is begun in a batch that has this much room left; otherwise in the next one. */
const WORTH_CUTTING = 1 << 17;

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
  let draft = begin(pool);
  for (const range of ranges) {
    const end = range.offset + range.length;
    for (let offset = range.offset; offset < end;) {
      const length = roomFor(draft, offset, end - offset);
      if (length > 0) append(draft, offset, length);
      else {
        yield finish(draft);
        draft = begin(pool);
      }
      offset += length;
    }
  }
  if (draft.used > 0) yield finish(draft);
}

/** Reads the data of the segments from `first` up to `end`, which is exclusive, one by one. Throws what `source` does. */
export function fillSegments(
  { bytes, offsets, lengths, positions }: DataBatch,
  source: RandomAccessReader,
  first: number,
  end: number,
): void {
  for (let i = first; i < end; i++) {
    source.readInto(bytes.subarray(positions[i], positions[i]! + lengths[i]!), offsets[i]!);
  }
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
  return { bytes, view, segments: new SegmentList(pool), used: 0 };
}

function finish({ bytes, segments, used }: Draft): DataBatch {
  return segments.toBatch(bytes.subarray(0, used), false, false);
}

/** How much of `length` bytes from `offset` on the batch takes as its next record; 0 if the next batch should. */
function roomFor(draft: Draft, offset: number, length: number): number {
  const room = draft.bytes.length - draft.used - RECORD_HEADER_SIZE;
  if (length <= room) return length;
  if (draft.used > 0 && room < WORTH_CUTTING) return 0;
  const whole = room - ((offset + room) % PIECE_SIZE);
  return whole > 0 ? whole : room;
}

function append(draft: Draft, offset: number, length: number): void {
  const position = draft.used + RECORD_HEADER_SIZE;
  encodeRecordHeader(draft.view, draft.used, offset, length);
  draft.segments.push(offset, length, position);
  draft.used = position + length;
}
