import type { RandomAccessReader } from '../algebra/random-access.js';
import type { ExceptionStore } from './exception-store.js';

/**
 * The snapshot itself, as dm-snapshot shows it: chunks with an exception are read from the COW device, all others
 * from the origin. `sorted` must be sorted by origin chunk; one pass in ascending order never searches.
 * The devices stay the caller's. Reads throw what theirs do.
 */
export function createSnapshotView(
  sorted: ExceptionStore,
  origin: RandomAccessReader,
  name = `snapshot of ${origin.name}`,
): RandomAccessReader {
  let cursor = 0;
  return {
    size: origin.size,
    name,
    readInto: (target, offset) => {
      for (let done = 0; done < target.length;) {
        cursor = findFrom(sorted, cursor, Math.floor((offset + done) / sorted.chunkSize));
        const part = placeOf(sorted, origin, cursor, offset + done);
        const length = Math.min(part.length, target.length - done);
        part.reader.readInto(target.subarray(done, done + length), part.offset);
        done += length;
      }
    },
  };
}

interface Place {
  readonly reader: RandomAccessReader;
  readonly offset: number;
  readonly length: number;
}

/** Where the bytes from `offset` on lie, up to where they go on elsewhere; `index` is that of {@link findFrom}. */
function placeOf(sorted: ExceptionStore, origin: RandomAccessReader, index: number, offset: number): Place {
  const { oldChunks, newChunks, chunkSize } = sorted;
  const next = (oldChunks[index] ?? Infinity) * chunkSize;
  if (next > offset) return { reader: origin, offset, length: next - offset };
  const within = offset - next;
  const chunks = adjacentChunks(sorted, index);
  return {
    reader: sorted.cow,
    offset: newChunks[index]! * chunkSize + within,
    length: chunks * chunkSize - within,
  };
}

/** Number of chunks from exception `index` on that are neighbours both in the origin and in the COW device. */
function adjacentChunks({ oldChunks, newChunks }: ExceptionStore, index: number): number {
  const oldChunk = oldChunks[index]!;
  const newChunk = newChunks[index]!;
  let chunks = 1;
  while (oldChunks[index + chunks] === oldChunk + chunks && newChunks[index + chunks] === newChunk + chunks)
    chunks += 1;
  return chunks;
}

/** Index of the first exception of `chunk` or a later one; `near` is where the last read ended. */
function findFrom({ oldChunks, count }: ExceptionStore, near: number, chunk: number): number {
  for (let index = near; index <= near + 1; index += 1) {
    const reached = index >= count || oldChunks[index]! >= chunk;
    if (reached && (index === 0 || oldChunks[index - 1]! < chunk)) return Math.min(index, count);
  }
  let low = 0;
  for (let high = count; low < high;) {
    const middle = Math.floor((low + high) / 2);
    if (oldChunks[middle]! < chunk) low = middle + 1;
    else high = middle;
  }
  return low;
}
