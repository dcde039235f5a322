import type { BufferPool, DataBatch, Range, RecordBatch } from '../format/batch.js';
import { RECORD_HEADER_SIZE } from '../format/layout.js';
import { cutZeroRanges } from '../format/zero-frame.js';

/** Zero ranges that are put into batches together, at most. */
const MOST_TOGETHER = 4096;

/**
 * Puts zero ranges between the records of a sorted sequence, by offset: what comes out is sorted, and applying it is
 * applying the data and the zeros.
 *
 * `zeros` ascends, and has no byte in common with the data, which comes in batches of whole records, as `readRanges`
 * makes them. A batch that a zero range falls into is cut between two records: its parts share its buffer, which goes
 * back to its pool when all of them are released. All others pass through as they are. The caller owns each batch.
 * Throws what `data` and `zeros` throw.
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
  const shared = new SharedBatch(batch);
  const last = batch.offsets[batch.count - 1]!;
  let first = 0;
  while (zeros.next < last) {
    const end = firstBehind(batch, first, zeros.next);
    if (end > first) yield shared.part(first, end);
    yield* zeros.takeBefore(batch.offsets[end]!);
    first = end;
  }
  yield first === 0 ? batch : shared.rest(first);
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

/** A batch that is handed out in parts, each of whole records. */
class SharedBatch {
  readonly #batch: DataBatch;
  readonly #pool: BufferPool | undefined;
  #heldBack = 1;

  constructor(batch: DataBatch) {
    this.#batch = batch;
    const { pool } = batch;
    this.#pool = pool && {
      size: pool.size,
      take: (need) => pool.take(need),
      give: (buffer) => {
        this.#heldBack -= 1;
        if (this.#heldBack === 0) pool.give(buffer);
      },
    };
  }

  /** The records from `first` up to `end`, which is exclusive, and not the last one. */
  part(first: number, end: number): DataBatch {
    this.#heldBack += 1;
    return this.#cut(first, end, this.#headerOf(end));
  }

  /** The records from `first` on: the last part. */
  rest(first: number): DataBatch {
    const { count, bytes } = this.#batch;
    return this.#cut(first, count, bytes.length);
  }

  #cut(first: number, end: number, stop: number): DataBatch {
    const { offsets, lengths, positions, bytes, ...rest } = this.#batch;
    const start = this.#headerOf(first);
    return {
      ...rest,
      bytes: bytes.subarray(start, stop),
      count: end - first,
      offsets: offsets.subarray(first, end),
      lengths: lengths.subarray(first, end),
      positions: positions.slice(first, end).map((position) => position - start),
      pool: this.#pool,
    };
  }

  #headerOf(index: number): number {
    return this.#batch.positions[index]! - RECORD_HEADER_SIZE;
  }
}
