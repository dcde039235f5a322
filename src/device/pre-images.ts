import type { RandomAccessReader } from '../algebra/random-access.js';
import { readRanges } from '../algebra/read-ranges.js';
import type { BufferPool, Range, RecordBatch } from '../format/batch.js';
import { joinTouching } from '../format/join-touching.js';
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
  const parts = new PartCursor(splitHoles(ranges, target));
  while (parts.next) {
    if (parts.next.isHole) yield* cutZeroRanges(joinTouching(parts.stretch(true)));
    else yield* readRanges(parts.stretch(false), target, pool);
  }
}

/** Parts in order, one of them at a time: a batch can have more than 600,000. */
class PartCursor {
  readonly #parts: Iterator<Part, unknown>;
  next: Part | undefined;

  constructor(parts: Iterator<Part, unknown>) {
    this.#parts = parts;
    this.#advance();
  }

  /** The parts of the kind up to the next of the other. */
  *stretch(isHole: boolean): Generator<Range> {
    for (let part = this.next; part?.isHole === isHole; part = this.next) {
      this.#advance();
      yield part.range;
    }
  }

  #advance(): void {
    const step = this.#parts.next();
    this.next = step.done === true ? undefined : step.value;
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
