import { Lookahead } from '../ranges/lookahead.js';
import type { RandomAccessReader } from '../algebra/random-access.js';
import { readRanges } from '../algebra/records/read-ranges.js';
import type { BufferPool, RecordBatch } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import { joinTouching } from '../ranges/join-touching.js';
import { MIN_ZERO_RUN } from '../format/layout.js';
import { cutZeroRanges } from '../format/lvs/frames/zero-frame.js';

/**
 * What the device holds in the ranges, in their order, as records of data and, where it has holes of 128 KiB and
 * more, of zeros. Buffers come from `pool`.
 */
export async function* readPreImages(
  ranges: Iterable<Range>,
  target: RandomAccessReader,
  pool: BufferPool,
): AsyncGenerator<RecordBatch> {
  const parts = new Lookahead(splitHoles(ranges, target));
  while (parts.head) {
    if (parts.head.isHole) yield* cutZeroRanges(joinTouching(stretch(parts, true)));
    else yield* readRanges(stretch(parts, false), target, pool);
  }
}

/** The ranges of the parts of the kind, up to the next of the other; a batch can have more than 600,000. */
function* stretch(parts: Lookahead<Part>, isHole: boolean): Generator<Range> {
  for (let part = parts.head; part?.isHole === isHole; part = parts.head) {
    parts.advance();
    yield part.range;
  }
}

interface Part {
  readonly range: Range;
  readonly isHole: boolean;
}

/** Only long ranges are worth asking the file system about. */
function* splitHoles(ranges: Iterable<Range>, target: RandomAccessReader): Generator<Part> {
  for (const range of ranges) {
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
