import { type ChangedChunks, changedMeanwhile } from './changed-chunks.js';
import type { ChunkPart } from './chunk-set.js';
import { scanExceptions } from './exception-list.js';
import { type Columns, type Numbers, sortColumns } from './sort-columns.js';

/** Where the old data of some of the chunks is: all exceptions whose old chunks lie in `begin` to `end`, half-open. */
export interface ExceptionPart extends ChunkPart, Columns {}

/**
 * Reads the table again for those exceptions whose old chunks lie in a part of them, sorted by these. What has come since
 * is left out. Takes 8 bytes of memory for each, 16 where chunk numbers pass 2^32, and twice that until it returns. Throws
 * `LvmError` if what was read before is another.
 */
export function loadExceptions(changed: ChangedChunks, part: ChunkPart): ExceptionPart {
  const { cow, originSize, chunkSize } = changed;
  const { begin, end, count } = part;
  const oldChunks = numbersUpTo(originSize / chunkSize, count);
  const newChunks = numbersUpTo(cow.size / chunkSize, count);
  let found = 0;
  const take = (oldChunk: number, newChunk: number): void => {
    if (oldChunk < begin || oldChunk >= end) return;
    oldChunks[found] = oldChunk;
    newChunks[found] = newChunk;
    found += 1;
  };
  const list = scanExceptions(cow, originSize, take, changed.count);
  if (list.sum !== changed.sum || list.chunkSize !== chunkSize) throw changedMeanwhile(cow);
  return { ...part, ...sortColumns({ oldChunks, newChunks }) };
}

function numbersUpTo(most: number, count: number): Numbers {
  return most < 2 ** 32 ? new Uint32Array(count) : new Float64Array(count);
}
