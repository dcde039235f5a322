import { LvmError } from '../errors.js';
import type { ChangedChunks } from './changed-chunks.js';
import type { ChunkPart } from './chunk-set.js';
import { scanExceptions } from './exception-list.js';
import { type Columns, type Numbers, sortColumns } from './sort-columns.js';

/** Where the old data of some of the chunks is: all exceptions whose old chunks lie in `begin` to `end`, half-open. */
export interface ExceptionPart extends ChunkPart, Columns {}

/**
 * Reads the table again for those exceptions whose old chunks lie in a part of them, sorted by these. Takes 12 bytes of
 * memory for each, and twice that until it returns. Throws `LvmError` if the table is no more what it was.
 */
export function loadExceptions(changed: ChangedChunks, part: ChunkPart): ExceptionPart {
  const { cow, originSize, chunkSize } = changed;
  const { begin, end, count } = part;
  const oldChunks = numbersUpTo(originSize / chunkSize, count);
  const newChunks = numbersUpTo(cow.size / chunkSize, count);
  let found = 0;
  scanExceptions(cow, originSize, (oldChunk, newChunk) => {
    if (oldChunk < begin || oldChunk >= end) return;
    oldChunks[found] = oldChunk;
    newChunks[found] = newChunk;
    found += 1;
  });
  if (found !== count) throw changedMeanwhile(changed);
  return { ...part, ...sortColumns({ oldChunks, newChunks }) };
}

function numbersUpTo(most: number, count: number): Numbers {
  return most < 2 ** 32 ? new Uint32Array(count) : new Float64Array(count);
}

function changedMeanwhile({ cow }: ChangedChunks): LvmError {
  return new LvmError(`${cow.name}: its table was written to while it was read`, {
    hint: 'give an image that nobody writes to, or name the snapshot itself',
  });
}
