import type { RangeReader } from '../algebra/random-access.js';
import { readRanges } from '../algebra/records/read-ranges.js';
import { eachSegment, type BufferPool, type RecordBatch, type Segments } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import { joinTouching } from '../ranges/join-touching.js';
import { MIN_ZERO_RUN } from '../format/layout.js';
import { cutZeroRanges } from '../format/lvs/frames/zero-frame.js';
import { SegmentList } from '../format/segments.js';

/**
 * What the device holds in the segments, in their order, as records of data and, where it has holes of 128 KiB and
 * more, of zeros. Buffers come from `pool`.
 */
export async function* readPreImages(
  segments: Segments,
  target: RangeReader,
  pool: BufferPool,
): AsyncGenerator<RecordBatch> {
  if (segments.count === 0) return;
  for (const { parts, isHole } of splitHoles(segments, target)) {
    if (isHole) yield* cutZeroRanges(joinTouching(eachSegment(parts)));
    else yield* readRanges(eachSegment(parts), target, pool);
  }
}

/** What stands together and is of one kind. */
interface Stretch {
  readonly parts: Segments;
  readonly isHole: boolean;
}

interface Part {
  readonly range: Range;
  readonly isHole: boolean;
}

/** Only long ranges are worth asking the file system about. */
function* splitHoles(segments: Segments, target: RangeReader): Generator<Stretch> {
  if (!target.allocated || !hasLong(segments)) {
    yield { parts: segments, isHole: false };
    return;
  }
  let parts = new SegmentList();
  let wasHole = false;
  for (const { range, isHole } of partsOf(segments, target)) {
    if (isHole !== wasHole && parts.count > 0) {
      yield { parts: parts.toSegments(), isHole: wasHole };
      parts = new SegmentList();
    }
    parts.push(range.offset, range.length, 0);
    wasHole = isHole;
  }
  yield { parts: parts.toSegments(), isHole: wasHole };
}

function hasLong({ lengths, count }: Segments): boolean {
  for (let i = 0; i < count; i++) if (lengths[i]! >= MIN_ZERO_RUN) return true;
  return false;
}

function* partsOf(segments: Segments, target: RangeReader): Generator<Part> {
  for (const range of eachSegment(segments)) {
    if (!target.allocated || range.length < MIN_ZERO_RUN) yield { range, isHole: false };
    else yield* joinShortHoles(range, target.allocated(range));
  }
}

function* joinShortHoles(range: Range, allocated: Iterable<Range>): Generator<Part> {
  const end = range.offset + range.length;
  let start = range.offset;
  let dataEnd = range.offset;
  const part = (offset: number, until: number, isHole: boolean): Part[] =>
    until > offset ? [{ range: { offset, length: until - offset }, isHole }] : [];
  for (const { offset, length } of allocated) {
    if (offset - dataEnd >= MIN_ZERO_RUN) {
      yield* part(start, dataEnd, false);
      yield* part(dataEnd, offset, true);
      start = offset;
    }
    dataEnd = offset + length;
  }
  const endsInHole = end - dataEnd >= MIN_ZERO_RUN;
  yield* part(start, endsInHole ? dataEnd : end, false);
  if (endsInHole) yield* part(dataEnd, end, true);
}
