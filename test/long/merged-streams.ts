import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { RecordBatch } from '#src/format/batch.js';
import { writeLvs } from '#src/format/lvs/write-lvs.js';
import { batchOf, codec, plainStream } from '../streams.js';

/** Streams that are hard to merge. */

const LARGE_FRAME = (1 << 23) - 12;
const BLOCK = 4096;
const KIB = 1024;
const AT_ONCE = 1024;

/** `count` `.lvs` files of two of the largest frames each, of which each overlaps with those of the file before. */
export async function writeLargeFrames(folder: string, count: number): Promise<readonly string[]> {
  const files: string[] = [];
  for (let number = 0; number < count; number += 1) {
    const file = path.join(folder, `large-${number}.lvs`);
    const fd = openSync(file, 'w');
    const sink = { write: async (bytes: Uint8Array) => void writeSync(fd, bytes) };
    const header = { kind: 'changes', requires: [], order: 'sorted' } as const;
    await writeLvs(largeFrames(number), sink, codec, header);
    closeSync(fd);
    files.push(file);
  }
  return files;
}

async function* largeFrames(number: number): AsyncGenerator<RecordBatch> {
  const data = randomBytes(LARGE_FRAME);
  for (const half of [0, 1])
    yield await Promise.resolve(batchOf([{ offset: (number * BLOCK + half * 2 * LARGE_FRAME) >>> 0, data }]));
}

/** `count` plain streams of a few records in any order. */
export function writeSmallStreams(folder: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, number) => {
    const offsets = [7 * number, number, 3 * number + 1].map((block) => block * BLOCK);
    const data = new Uint8Array(BLOCK).fill(number);
    const file = path.join(folder, `small-${number}`);
    writeFileSync(file, plainStream(offsets.map((offset) => ({ offset, data }))));
    return file;
  });
}

/** A plain stream of `count` records of 1 KiB, a multiple of 1024, each at the place of its number. */
export function writeKibibytes(file: string, count: number, placeOf: (index: number) => number): void {
  const fd = openSync(file, 'w');
  writeSync(fd, 'lvmsync PROTO[3]\n');
  const record = KIB + 12;
  const part = Buffer.alloc(AT_ONCE * record);
  for (let first = 0; first < count; first += AT_ONCE) {
    const noise = randomBytes(KIB);
    for (let i = 0; i < AT_ONCE; i += 1) {
      part.writeBigUInt64BE(BigInt(placeOf(first + i)), i * record);
      part.writeUInt32BE(KIB, i * record + 8);
      noise.copy(part, i * record + 12);
    }
    writeSync(fd, part);
  }
  closeSync(fd);
}
