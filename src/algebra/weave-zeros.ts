import { type DataBatch, type Range, type RecordBatch, releaseBatch } from '../format/batch.js';
import { RECORD_HEADER_SIZE } from '../format/layout.js';
import { cutZeroRanges } from '../format/zero-frame.js';

/** Zero ranges that are put into batches together, at most. */
const MOST_TOGETHER = 4096;

/**
 * Puts zero ranges between the records of a sorted sequence, by offset: what comes out is sorted, and applying it is
 * applying the data and the zeros.
 *
 * `zeros` ascends, and has no byte in common with the data, which comes in batches of whole records, as `readRanges`
 * makes them. A batch that a zero range falls into is cut between two records: its parts are copied, since whoever owns
 * one may give its buffer away, and the batch is released. All others pass through as they are. The caller owns each
 * batch. Throws what `data` and `zeros` throw.
 */
export async function* weaveZeros(
  data: AsyncIterable<DataBatch>,
  zeros: Iterable<Range>,
): AsyncGenerator<RecordBatch, void, undefined> {
  const waiting = new Waiting(zeros);
  for await (const batch of data) yield* weaveInto(batch, waiting);
  yield* waiting.takeBefore(Infinity);
}

function* weaveInto(batch: DataBatch, zeros: Waiting): Generator<RecordBatch, void, undefined> {
  const last = batch.offsets[batch.count - 1]!;
  let first = 0;
  while (zeros.next < last) {
    const end = firstBehind(batch, first, zeros.next);
    if (end > first) yield copyPart(batch, first, end);
    yield* zeros.takeBefore(batch.offsets[end]!);
    first = end;
  }
  if (first > 0) {
    yield copyPart(batch, first, batch.count);
    releaseBatch(batch);
  } else yield batch;
}

/** The first record from `first` on that begins behind `offset`; there is one. */
function firstBehind({ offsets }: DataBatch, first: number, offset: number): number {
  let index = first;
  while (offsets[index]! < offset) index += 1;
  return index;
}

/** Zero ranges in their order, of which the next one is known. */
class Waiting {
  readonly #zeros: Iterator<Range, unknown>;
  #head: Range | undefined;

  constructor(zeros: Iterable<Range>) {
    this.#zeros = zeros[Symbol.iterator]();
    this.#advance();
  }

  /** Where the next one begins; infinite if there is none. */
  get next(): number {
    return this.#head?.offset ?? Infinity;
  }

  *takeBefore(offset: number): Generator<RecordBatch, void, undefined> {
    while (this.next < offset) yield* cutZeroRanges(this.#takeSome(offset));
  }

  #takeSome(offset: number): Range[] {
    const taken: Range[] = [];
    while (this.next < offset && taken.length < MOST_TOGETHER) {
      taken.push(this.#head!);
      this.#advance();
    }
    return taken;
  }

  #advance(): void {
    const step = this.#zeros.next();
    this.#head = step.done === true ? undefined : step.value;
  }
}

/** The records from `first` up to `end`, which is exclusive. */
function copyPart({ pool, bytes, ...batch }: DataBatch, first: number, end: number): DataBatch {
  const start = batch.positions[first]! - RECORD_HEADER_SIZE;
  const length = batch.positions[end - 1]! + batch.lengths[end - 1]! - start;
  const copy = pool?.take(length) ?? new Uint8Array(length);
  copy.set(bytes.subarray(start, start + length));
  return {
    ...batch,
    bytes: copy.subarray(0, length),
    count: end - first,
    offsets: batch.offsets.slice(first, end),
    lengths: batch.lengths.slice(first, end),
    positions: batch.positions.slice(first, end).map((position) => position - start),
    pool,
  };
}
