import type { RandomAccessReader } from '../algebra/random-access.js';
import type { Range } from '../format/batch.js';
import { damagedException, type ExceptionList, scanExceptions } from './exception-list.js';
import { firstTwice, NumberList, type Numbers } from './number-list.js';
import { sortColumns } from './sort-columns.js';

/**
 * The exceptions of a dm-snapshot COW device: which chunks of the origin were copied, and to where.
 * Both arrays hold `count` chunk numbers. Takes 8 bytes per exception, and 16 where chunk numbers pass 2^32.
 */
export interface ExceptionStore {
  /** The device that the table was read from; it also holds the old data. */
  readonly cow: RandomAccessReader;
  /** Bytes of a chunk, a power of two from 512 to 1 GiB. */
  readonly chunkSize: number;
  readonly count: number;
  /** Chunk numbers of the origin, each once. */
  readonly oldChunks: Numbers;
  /** Where in the COW device each one's old data lies. */
  readonly newChunks: Numbers;
}

/**
 * Reads a whole exception store in the order of its list. `originSize` and errors are those of
 * {@link scanExceptions}; a new chunk that is used twice is one too. Origin chunks listed twice are found by
 * {@link sortExceptions}. Takes twice the memory until it returns.
 */
export function readExceptionStore(cow: RandomAccessReader, originSize: number): ExceptionStore {
  const oldChunks = new NumberList();
  const newChunks = new NumberList();
  const list = scanExceptions(cow, originSize, (oldChunk, newChunk) => {
    oldChunks.push(oldChunk);
    newChunks.push(newChunk);
  });
  refuseDoubleUse(cow, originSize, list);
  const { chunkSize, count } = list;
  return { cow, chunkSize, count, oldChunks: oldChunks.take(), newChunks: newChunks.take() };
}

/** The kernel hands new chunks out in ascending order: only a list that is not needs to be looked through. */
function refuseDoubleUse(cow: RandomAccessReader, originSize: number, list: ExceptionList): void {
  if (list.ascending) return;
  const newChunks = new NumberList();
  scanExceptions(cow, originSize, (_, newChunk) => newChunks.push(newChunk));
  const twice = firstTwice(newChunks.take().sort());
  if (twice === undefined) return;
  const index = lastIndexOf(cow, originSize, (_, newChunk) => newChunk === twice);
  throw damagedException(cow, list.chunkSize, index, 8, `new chunk ${twice} is used by two exceptions`);
}

/**
 * The same exceptions in ascending order of origin chunks. Takes over the arrays of `store`, which must not be used
 * afterwards, and needs as much memory again until it returns. Throws `LvmError` if an origin chunk is listed twice.
 */
export function sortExceptions(store: ExceptionStore): ExceptionStore {
  const sorted = { ...store, ...sortColumns(store) };
  refuseTwice(store.cow, store.chunkSize, sorted.oldChunks);
  return sorted;
}

function refuseTwice(cow: RandomAccessReader, chunkSize: number, sorted: Numbers): void {
  const twice = firstTwice(sorted);
  if (twice === undefined) return;
  const index = lastIndexOf(cow, Number.MAX_SAFE_INTEGER, (oldChunk) => oldChunk === twice);
  throw damagedException(cow, chunkSize, index, 0, `origin chunk ${twice} is listed twice`);
}

/** What is in memory is out of the list's order by now, so the list is read again. */
function lastIndexOf(
  cow: RandomAccessReader,
  originSize: number,
  isWanted: (oldChunk: number, newChunk: number) => boolean,
): number {
  let last = -1;
  let index = 0;
  scanExceptions(cow, originSize, (oldChunk, newChunk) => {
    if (isWanted(oldChunk, newChunk)) last = index;
    index += 1;
  });
  return last;
}

/** Which chunks of an origin were copied, without where to. */
export interface ChangedChunks {
  readonly chunkSize: number;
  readonly count: number;
  /** Ascending. Takes 4 bytes per exception, and 8 where chunk numbers pass 2^32. */
  readonly oldChunks: Numbers;
}

/**
 * Reads of an exception store only what was changed, in a fraction of the memory: twice what it returns. `originSize`
 * and errors are those of {@link readExceptionStore} and {@link sortExceptions}.
 */
export function readChangedChunks(cow: RandomAccessReader, originSize: number): ChangedChunks {
  const chunks = new NumberList();
  const list = scanExceptions(cow, originSize, (oldChunk) => chunks.push(oldChunk));
  refuseDoubleUse(cow, originSize, list);
  const oldChunks = chunks.take().sort();
  refuseTwice(cow, list.chunkSize, oldChunks);
  return { chunkSize: list.chunkSize, count: list.count, oldChunks };
}

/**
 * The ranges of a device of `deviceSize` bytes that sorted exceptions name: ascending, adjacent chunks joined,
 * the last one clipped to the device.
 */
export function* changedRanges(sorted: ChangedChunks, deviceSize: number): Generator<Range, void, undefined> {
  const { oldChunks, chunkSize, count } = sorted;
  for (let next = 0; next < count;) {
    const first = oldChunks[next]!;
    let end = first;
    for (; next < count && oldChunks[next] === end; next += 1) end += 1;
    const offset = first * chunkSize;
    const length = Math.min(end * chunkSize, deviceSize) - offset;
    if (length > 0) yield { offset, length };
  }
}
