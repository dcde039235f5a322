import type { RandomAccessReader } from '../../algebra/random-access.js';
import { LvmError } from '../../errors.js';
import type { Range } from '../../ranges/range.js';
import { ChunkSet } from './chunk-set.js';
import { damagedException, type ExceptionList, scanExceptions } from './exception-list.js';

/** Which chunks of an origin a dm-snapshot COW device has the old data of. */
export interface ChangedChunks {
  /** The device that the table was read from; it also holds the old data. */
  readonly cow: RandomAccessReader;
  /** Bytes of the origin, or of as much of it as the snapshot knows. */
  readonly originSize: number;
  /** Bytes of a chunk, a power of two from 512 to 1 GiB. */
  readonly chunkSize: number;
  /** Number of exceptions. */
  readonly count: number;
  /** Chunk numbers of the origin, each once. */
  readonly chunks: ChunkSet;
  /** Of the table as it was (see {@link ExceptionList}). */
  readonly sum: number;
}

/**
 * Reads of an exception store what was changed, without where the old data is (see {@link loadExceptions}); the memory
 * is that of a {@link ChunkSet}. `originSize` and errors are those of {@link scanExceptions}; an origin chunk that is
 * listed twice and a new chunk that two exceptions use are errors too.
 */
export function readChangedChunks(cow: RandomAccessReader, originSize: number): ChangedChunks {
  const chunks = new ChunkSet();
  const list = scanExceptions(cow, originSize, (oldChunk) => {
    chunks.add(oldChunk);
  });
  refuseDoubleUse(cow, originSize, list);
  const twice = chunks.findTwice();
  if (twice !== undefined) throw listedTwice(cow, originSize, list, twice);
  const { chunkSize, count, sum } = list;
  return { cow, originSize, chunkSize, count, chunks, sum };
}

/** The kernel hands new chunks out in ascending order: only a list that is not needs to be looked through. */
function refuseDoubleUse(cow: RandomAccessReader, originSize: number, list: ExceptionList): void {
  if (list.ascending) return;
  const newChunks = new ChunkSet();
  scanExceptions(cow, originSize, (_, newChunk) => {
    newChunks.add(newChunk);
  });
  const twice = newChunks.findTwice();
  if (twice === undefined) return;
  const index = lastIndexOf(cow, originSize, (_, newChunk) => newChunk === twice);
  throw faultAt(cow, list, index, 8, `new chunk ${twice} is used by two exceptions`);
}

function listedTwice(cow: RandomAccessReader, originSize: number, list: ExceptionList, chunk: number): Error {
  const index = lastIndexOf(cow, originSize, (oldChunk) => oldChunk === chunk);
  return faultAt(cow, list, index, 0, `origin chunk ${chunk} is listed twice`);
}

/** Without an index the table is not what it was when the fault was found. */
function faultAt(
  cow: RandomAccessReader,
  { chunkSize }: ExceptionList,
  index: number,
  field: 0 | 8,
  what: string,
): LvmError {
  return index < 0 ? changedMeanwhile(cow) : damagedException(cow, chunkSize, index, field, what);
}

/** The error of a table that is another one when it is read again. */
export function changedMeanwhile({ name }: RandomAccessReader): LvmError {
  return new LvmError(`${name}: its table was written to while it was read`, {
    hint: 'give an image that nobody writes to, or name the snapshot itself',
  });
}

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

/** What the chunks cover of a device of `size` bytes: ascending, neighbours joined, the last one clipped to the device. */
export function* changedRanges(
  { chunks, chunkSize }: ChangedChunks,
  size: number,
): Generator<Range, void, undefined> {
  for (const { begin, end } of chunks.runs()) {
    const offset = begin * chunkSize;
    const length = Math.min(end * chunkSize, size) - offset;
    if (length > 0) yield { offset, length };
  }
}
