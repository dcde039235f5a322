import { closeSync, constants, fsyncSync, openSync, writeSync } from 'node:fs';
import { alignedMemory } from '#src/device/aligned-memory.js';
import type { Range } from '#src/ranges/range.js';
import { run } from './run.js';

/** What stands on the devices of a case. */

export interface RandomWrites {
  /** The same seed makes the same writes. */
  readonly seed: number;
  readonly count: number;
  /** Bytes of a write; 4096 unless said. Offsets are multiples of it. */
  readonly length?: number;
  /** Bytes of the device that writes may go to, from its beginning; all of it unless said. */
  readonly within?: number;
  /** Through the page cache, and left there as dirty pages or synchronised, or past it, which is the default. */
  readonly through?: 'direct' | 'cache' | 'cache and fsync';
}

/** Writes random data at random places, and returns where, in the order of writing; places may repeat. */
export function writeRandom(device: string, writes: RandomWrites): Range[] {
  const { seed, count, length = 4096, within = sizeOfDevice(device) } = writes;
  const next = randomNumbers(seed);
  const offsets = Array.from({ length: count }, () => (next() % Math.floor(within / length)) * length);
  return writeAt(device, offsets, length, writes.through ?? 'direct', next);
}

/** Fills the device with random data. */
export function fillRandom(device: string, seed: number): void {
  const [size, length] = [sizeOfDevice(device), 2 ** 20];
  const next = randomNumbers(seed);
  const whole = Array.from({ length: Math.floor(size / length) }, (_, index) => index * length);
  writeAt(device, whole, length, 'direct', next);
  const end = whole.length * length;
  if (end < size) writeAt(device, [end], size - end, 'direct', next);
}

function writeAt(
  device: string,
  offsets: readonly number[],
  length: number,
  through: NonNullable<RandomWrites['through']>,
  next: () => number,
): Range[] {
  const data = alignedMemory(length);
  const words = new Uint32Array(data.buffer, 0, length >>> 2);
  const fd = openSync(device, constants.O_WRONLY | (through === 'direct' ? constants.O_DIRECT : 0));
  try {
    for (const offset of offsets) {
      for (let index = 0; index < words.length; index += 1) words[index] = next();
      writeWhole(fd, data, offset);
    }
    if (through === 'cache and fsync') fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return offsets.map((offset) => ({ offset, length }));
}

function writeWhole(fd: number, data: Uint8Array, offset: number): void {
  const written = writeSync(fd, data, 0, data.length, offset);
  if (written < data.length)
    throw new Error(`only ${written} of ${data.length} bytes written at byte ${offset}`);
}

/** Whole numbers below 2^32 (xorshift32, Marsaglia 2003). */
export function randomNumbers(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

export const sizeOfDevice = (device: string): number => Number(run('blockdev', ['--getsize64', device]));

/** The digest of what the device holds, read past the page cache, which may be stale. Dirty pages are written first. */
export function sha256(device: string): string {
  const read = 'set -o pipefail; dd if="$1" iflag=direct bs=1M status=none | sha256sum';
  return run('bash', ['-c', read, 'sha256', device]).slice(0, 64);
}
