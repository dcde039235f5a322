import { randomBytes } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

/**
 * An origin and the exception store of a snapshot of it, as dm-snapshot leaves them (dm-snap-persistent.c), large and
 * quickly made. The old data in the store is a hole: a dump of the changes never looks at it.
 */

const CHUNK_SIZE = 4096;
const EXCEPTION_SIZE = 16;
const PER_AREA = CHUNK_SIZE / EXCEPTION_SIZE;
const POOL_CHUNKS = 4096;
const WRITE_CHUNKS = 1024;
const WORDS =
  'the quick brown fox jumps over a lazy dog while 42 sheep keep counting themselves to sleep'.split(' ');

/** A small generator of numbers from 0 to 2^32 - 1 (mulberry32): every run works on the same chunks. */
function createRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Writes `size` bytes of which every other chunk is text and the rest is noise, no two chunks the same. */
export function makeOrigin(path, size, seed = 1) {
  const pool = makePool(createRandom(seed));
  const random = createRandom(seed + 1);
  const buffer = Buffer.alloc(WRITE_CHUNKS * CHUNK_SIZE);
  const fd = openSync(path, 'wx');
  for (let chunk = 0; chunk * CHUNK_SIZE < size; chunk += WRITE_CHUNKS) {
    for (let i = 0; i < WRITE_CHUNKS; i++) {
      const from = (random() % POOL_CHUNKS) * CHUNK_SIZE;
      pool.copy(buffer, i * CHUNK_SIZE, from, from + CHUNK_SIZE);
      buffer.writeUInt32LE(chunk + i + 1, i * CHUNK_SIZE);
    }
    writeSync(fd, buffer, 0, Math.min(buffer.length, size - chunk * CHUNK_SIZE));
  }
  closeSync(fd);
}

function makePool(random) {
  const pool = randomBytes(POOL_CHUNKS * CHUNK_SIZE);
  for (let chunk = 0; chunk < POOL_CHUNKS; chunk += 2) {
    let text = '';
    while (text.length < CHUNK_SIZE) text += `${WORDS[random() % WORDS.length]} ${random() % 1000} `;
    pool.write(text, chunk * CHUNK_SIZE, CHUNK_SIZE, 'latin1');
  }
  return pool;
}

/** Writes the exception store of a snapshot of which a `share` of the chunks, at random, was changed. Answers how many. */
export function makeStore(path, size, share, seed = 1) {
  const changed = pickChunks(Math.floor(size / CHUNK_SIZE), share, createRandom(seed));
  const fd = openSync(path, 'wx');
  const header = Buffer.alloc(CHUNK_SIZE);
  [0x70416e53, 1, 1, CHUNK_SIZE / 512].forEach((value, i) => header.writeUInt32LE(value, 4 * i));
  writeSync(fd, header, 0, CHUNK_SIZE, 0);
  let area = 1;
  for (let first = 0; first <= changed.length; first += PER_AREA, area += 1 + PER_AREA) {
    writeSync(fd, tableOf(changed.subarray(first, first + PER_AREA), area), 0, CHUNK_SIZE, area * CHUNK_SIZE);
  }
  ftruncateSync(fd, area * CHUNK_SIZE);
  closeSync(fd);
  return changed.length;
}

/** The first of the shuffled chunks (Fisher and Yates): in random order, each once. */
function pickChunks(count, share, random) {
  const chunks = Uint32Array.from({ length: count }, (_, chunk) => chunk);
  const wanted = Math.floor(count * share);
  for (let i = 0; i < wanted; i++) {
    const other = i + (random() % (count - i));
    [chunks[i], chunks[other]] = [chunks[other], chunks[i]];
  }
  return chunks.subarray(0, wanted);
}

/** One area's table: u64 old chunk, u64 new chunk; what is left is zero. */
function tableOf(oldChunks, area) {
  const table = Buffer.alloc(CHUNK_SIZE);
  oldChunks.forEach((oldChunk, i) => {
    table.writeUInt32LE(oldChunk, i * EXCEPTION_SIZE);
    table.writeUInt32LE(area + 1 + i, i * EXCEPTION_SIZE + 8);
  });
  return table;
}
