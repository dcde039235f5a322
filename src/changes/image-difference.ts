import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RangeReader } from '../algebra/random-access.js';
import { BatchBuilder } from '../algebra/records/batch-builder.js';
import { readPreImages } from '../compare/pre-images.js';
import { createBufferPool, type RecordBatch } from '../format/batch.js';
import { segmentsOf } from '../format/segments.js';
import { mergeRanges } from '../ranges/merge-ranges.js';
import type { Range } from '../ranges/range.js';
import type { Changes } from './changes.js';
import { WindowReader } from './window-reader.js';

/** So much of both is held and compared at once: it stays in a processor's cache. */
const WINDOW = 1 << 18;
/** Of what lies behind the end of one, so much is looked at at once. */
const TAIL_PART = 1 << 30;
/** Signals and timers have their turn this often. */
const TURN_MS = 20;

export interface DifferenceOptions {
  /** Bytes of a block, at most 256 KiB: a block is equal or it is not. */
  readonly blockSize: number;
  /** Called with the bytes of the device that have been compared since the last call. */
  readonly onCompared?: ((bytes: number) => void) | undefined;
}

/**
 * The difference of two images or devices, as changes: apply(difference, *before*) = *after*, and no block is written that is equal in both.
 * What lies in *after* behind the end of *before* is all written; holes of both are not read.
 *
 * Both are read once from front to back, but for what differs of `before`, which whoever asks for base digests reads
 * again. Two windows of 256 KiB are held, and a batch in the making. Both stay the caller's. Throws what they throw.
 */
export function imageDifference(
  before: RangeReader,
  after: RangeReader,
  options: DifferenceOptions,
): Omit<Changes, 'conclude'> {
  const { blockSize } = options;
  return {
    exhaustive: false,
    baseSize: before.size,
    resultSize: after.size,
    chunkSize: blockSize,
    origin: { path: after.name, old_path: before.name },
    ranges: () => mergeRanges(candidates(before, after, blockSize), tailOf(before, after)),
    batches: () => findDifferences(before, after, options),
    before,
  };
}

/** Of what both have a place for: the blocks that are no hole in both. */
function candidates(before: RangeReader, after: RangeReader, blockSize: number): Iterable<Range> {
  const common = { offset: 0, length: Math.min(before.size, after.size) };
  const [old, now] = [before, after].map((device) =>
    wholeBlocks(dataIn(device, common), blockSize, common.length),
  );
  return mergeRanges(old!, now!);
}

function dataIn(device: RangeReader, range: Range): Iterable<Range> {
  return {
    [Symbol.iterator]: () =>
      (device.allocated?.(range) ?? (range.length > 0 ? [range] : []))[Symbol.iterator](),
  };
}

function wholeBlocks(ranges: Iterable<Range>, blockSize: number, size: number): Iterable<Range> {
  return {
    *[Symbol.iterator]() {
      for (const { offset, length } of ranges) {
        const start = offset - (offset % blockSize);
        const end = Math.min(size, Math.ceil((offset + length) / blockSize) * blockSize);
        yield { offset: start, length: end - start };
      }
    },
  };
}

async function* findDifferences(
  before: RangeReader,
  after: RangeReader,
  options: DifferenceOptions,
): AsyncGenerator<RecordBatch, void, undefined> {
  yield* compareBoth(before, after, options);
  const pool = createBufferPool();
  for (const range of cutWindows(tailOf(before, after), TAIL_PART))
    yield* readPreImages(segmentsOf({ kind: 'zeros', ranges: [range] }), after, pool);
}

/** What lies behind the end of `before`. */
function tailOf({ size }: RangeReader, after: RangeReader): readonly Range[] {
  return after.size > size ? [{ offset: size, length: after.size - size }] : [];
}

async function* compareBoth(
  before: RangeReader,
  after: RangeReader,
  { blockSize, onCompared }: DifferenceOptions,
): AsyncGenerator<RecordBatch, void, undefined> {
  const builder = new BatchBuilder();
  const size = WINDOW - (WINDOW % blockSize);
  const [old, now] = [new WindowReader(before, size), new WindowReader(after, size)];
  let turn = performance.now();
  for (const window of cutWindows(candidates(before, after, blockSize), size)) {
    const [held, wanted] = await Promise.all([old.read(window), now.read(window)]);
    addUnequal(held, wanted, window.offset, blockSize, builder);
    yield* builder.take();
    onCompared?.(window.length);
    if (performance.now() - turn < TURN_MS) continue;
    await nextTurn();
    turn = performance.now();
  }
  yield* builder.finish();
}

function* cutWindows(ranges: Iterable<Range>, size: number): Generator<Range> {
  for (const { offset, length } of ranges)
    for (let done = 0; done < length; done += size)
      yield { offset: offset + done, length: Math.min(size, length - done) };
}

/** Adds the runs of blocks that are not equal. */
function addUnequal(
  old: Buffer,
  now: Buffer,
  offset: number,
  blockSize: number,
  builder: BatchBuilder,
): void {
  if (old.equals(now)) return;
  let begin = -1;
  const close = (end: number): void => {
    if (begin >= 0) builder.addData(offset + begin, now.subarray(begin, end));
    begin = -1;
  };
  for (let at = 0; at < now.length; at += blockSize) {
    const end = Math.min(at + blockSize, now.length);
    if (old.compare(now, at, end, at, end) === 0) close(at);
    else if (begin < 0) begin = at;
  }
  close(now.length);
}
