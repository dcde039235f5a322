import type { RandomAccessReader } from '../algebra/random-access.js';
import { readRanges } from '../algebra/read-ranges.js';
import type { BufferPool, Range, RecordBatch } from '../format/batch.js';
import { MIN_ZERO_RUN } from '../format/layout.js';
import { cutZeroRanges } from '../format/zero-frame.js';

/**
 * What the device holds in the ranges, in their order, as records of data and, where it has holes of 128 KiB and
 * more, of zeros. Buffers come from `pool`.
 */
export async function* readPreImages(
  ranges: Iterable<Range>,
  target: RandomAccessReader,
  pool: BufferPool,
): AsyncGenerator<RecordBatch> {
  for (const { ranges: stretch, isHole } of stretches(splitHoles(ranges, target))) {
    if (isHole) yield* cutZeroRanges(stretch);
    else yield* readRanges(stretch, target, pool);
  }
}

/** Neighbours in the list of one kind; holes that touch become one. */
function* stretches(parts: Iterable<Part>): Generator<{ ranges: Range[]; isHole: boolean }> {
  let stretch: { ranges: Range[]; isHole: boolean } | undefined;
  for (const { range, isHole } of parts) {
    if (stretch?.isHole !== isHole) {
      if (stretch) yield stretch;
      stretch = { ranges: [], isHole };
    }
    const last = stretch.ranges.at(-1);
    if (isHole && last && last.offset + last.length === range.offset) {
      stretch.ranges[stretch.ranges.length - 1] = { offset: last.offset, length: last.length + range.length };
    } else stretch.ranges.push(range);
  }
  if (stretch) yield stretch;
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
