import type { DeviceReader, RandomAccessReader } from '../../algebra/random-access.js';
import { readSegmentsWith } from '../../algebra/read-segments.js';
import type { ChangedChunks } from './changed-chunks.js';
import { type ExceptionPart, loadExceptions } from './exception-part.js';

/** 32 to 64 MiB of memory, twice that while they are sorted. */
const MOST_LOADED = 2 ** 22;

const NOTHING: ExceptionPart = {
  begin: 0,
  end: 0,
  count: 0,
  oldChunks: new Uint32Array(0),
  newChunks: new Uint32Array(0),
};

/**
 * The snapshot itself, as dm-snapshot shows it: chunks with an exception are read from the COW device, all others
 * from the origin. One pass in ascending order never searches, and reads the exception table once for every `most`
 * exceptions: more are never in memory at once. Reads that go to and fro between two such parts read the table each time.
 *
 * The devices stay the caller's. Reads throw what theirs and {@link loadExceptions} do.
 */
export function createSnapshotView(
  changed: ChangedChunks,
  origin: RandomAccessReader,
  most = MOST_LOADED,
): DeviceReader {
  const loaded = createLoader(changed, most);
  let cursor = 0;
  const readInto = (target: Uint8Array, offset: number) => {
    for (let done = 0; done < target.length;) {
      const at = offset + done;
      const part = loaded(Math.floor(at / changed.chunkSize));
      cursor = findFrom(part, cursor, Math.floor(at / changed.chunkSize));
      const place = placeOf(changed, part, origin, cursor, at);
      const length = Math.min(place.length, target.length - done);
      place.reader.readInto(target.subarray(done, done + length), place.offset);
      done += length;
    }
  };
  return {
    size: origin.size,
    name: `snapshot of ${origin.name}`,
    readInto,
    readSegments: readSegmentsWith(readInto),
  };
}

/** Returns the part of the table that a chunk lies in, or, if it lies in none, an empty one that ends where the next begins. */
function createLoader(changed: ChangedChunks, most: number): (chunk: number) => ExceptionPart {
  const parts = changed.chunks.partition(most);
  let now = NOTHING;
  return (chunk) => {
    if (chunk >= now.begin && chunk < now.end) return now;
    const next = parts.find(({ end }) => chunk < end);
    if (next === undefined || chunk < next.begin)
      return { ...NOTHING, begin: chunk, end: next?.begin ?? Infinity };
    now = NOTHING;
    return (now = loadExceptions(changed, next));
  };
}

interface Place {
  readonly reader: RandomAccessReader;
  readonly offset: number;
  readonly length: number;
}

/** Where the bytes from `offset` on lie, up to where they go on elsewhere; `index` is that of {@link findFrom}. */
function placeOf(
  { cow, chunkSize }: ChangedChunks,
  part: ExceptionPart,
  origin: RandomAccessReader,
  index: number,
  offset: number,
): Place {
  const next = (part.oldChunks[index] ?? part.end) * chunkSize;
  if (next > offset) return { reader: origin, offset, length: next - offset };
  const within = offset - next;
  return {
    reader: cow,
    offset: part.newChunks[index]! * chunkSize + within,
    length: adjacentChunks(part, index) * chunkSize - within,
  };
}

/** Number of chunks from exception `index` on that are neighbours both in the origin and in the COW device. */
function adjacentChunks({ oldChunks, newChunks }: ExceptionPart, index: number): number {
  const oldChunk = oldChunks[index]!;
  const newChunk = newChunks[index]!;
  let chunks = 1;
  while (oldChunks[index + chunks] === oldChunk + chunks && newChunks[index + chunks] === newChunk + chunks)
    chunks += 1;
  return chunks;
}

/** Index of the first exception of `chunk` or a later one; `near` is where the last read ended. */
function findFrom({ oldChunks, count }: ExceptionPart, near: number, chunk: number): number {
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
