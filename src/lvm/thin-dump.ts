import type { RandomAccessReader } from '../algebra/random-access.js';
import { readRanges } from '../algebra/read-ranges.js';
import { createBufferPool, type BufferPool, type Range, type RecordBatch } from '../format/batch.js';
import { MIN_ZERO_RUN } from '../format/layout.js';
import { cutZeroRanges } from '../format/zero-frame.js';
import type { Changes } from './changes.js';
import { thinDifference, type ThinMetadata } from './thin-metadata.js';

/** Two thin devices of a pool, and the data of the second one. */
export interface ThinPair {
  readonly pool: ThinMetadata;
  /** Ids of the devices. */
  readonly from: number;
  readonly to: number;
  /** The device `to`, or an image of it; the changes are clipped to its size. It stays the caller's. */
  readonly source: RandomAccessReader;
}

/** A range that changed. */
export interface ThinChange extends Range {
  /** The whole range lost its data since, and is long enough for a zero frame. */
  readonly unmapped: boolean;
}

/**
 * The ranges that changed, ascending, clipped; neighbours are joined, unless one is `unmapped` and the other not.
 * Throws the `LvmError`s of {@link thinDifference}.
 */
export function* changedThinRanges(pair: ThinPair): Generator<ThinChange, void, undefined> {
  let last: ThinChange | undefined;
  for (const change of clippedRuns(pair)) {
    const joins = last?.unmapped === change.unmapped && last.offset + last.length === change.offset;
    if (last !== undefined && !joins) yield last;
    last = joins ? { ...last!, length: last!.length + change.length } : change;
  }
  if (last !== undefined) yield last;
}

function* clippedRuns({ pool, from, to, source }: ThinPair): Generator<ThinChange, void, undefined> {
  const { dataBlockSize } = pool.superblock;
  for (const { kind, begin, length: blocks } of thinDifference(pool, from, to)) {
    const offset = begin * dataBlockSize;
    const length = Math.min((begin + blocks) * dataBlockSize, source.size) - offset;
    if (length <= 0) return;
    yield { offset, length, unmapped: kind === 'left' && length >= MIN_ZERO_RUN };
  }
}

/**
 * The changes: apply(from, dumpThinChanges) = to. Sorted. What `to` has unmapped reads as zeros: it becomes zero
 * ranges without being read; below 128 KiB it is read like its neighbours. That is right only of a volume without an
 * external origin; the metadata doesn't say whether there is one.
 *
 * Throws `LvmError` if there is no such device or the metadata is damaged, and what reading `source` throws. The caller
 * owns each batch; see `releaseBatch`.
 */
export async function* dumpThinChanges(
  pair: ThinPair,
  buffers: BufferPool = createBufferPool(),
): AsyncGenerator<RecordBatch, void, undefined> {
  const ranges = new Lookahead(changedThinRanges(pair));
  while (ranges.peek() !== undefined) {
    yield* readRanges(takeWhile(ranges, false), pair.source, buffers);
    for (const range of takeWhile(ranges, true)) yield* cutZeroRanges([range]);
  }
}

/**
 * The same as a dump takes them; whether that was a single moment is the caller's to say. Metadata knows no sizes of
 * volumes: that of the base stays unsaid.
 */
export function thinChanges(pair: ThinPair): Omit<Changes, 'settle'> {
  return {
    resultSize: pair.source.size,
    chunkSize: pair.pool.superblock.dataBlockSize,
    origin: { path: pair.source.name },
    ranges: () => changedThinRanges(pair),
    batches: () => dumpThinChanges(pair),
  };
}

function* takeWhile(
  ranges: Lookahead<ThinChange>,
  unmapped: boolean,
): Generator<ThinChange, void, undefined> {
  for (let next = ranges.peek(); next?.unmapped === unmapped; next = ranges.peek()) {
    ranges.take();
    yield next;
  }
}

/** An iterator whose next item can be looked at before it is taken. */
class Lookahead<T> {
  readonly #items: Iterator<T, void, undefined>;
  #next: IteratorResult<T, void>;

  constructor(items: Iterator<T, void, undefined>) {
    this.#items = items;
    this.#next = items.next();
  }

  /** Undefined at the end. */
  peek(): T | undefined {
    return this.#next.done === true ? undefined : this.#next.value;
  }

  take(): void {
    this.#next = this.#items.next();
  }
}
