import { closeSync, openSync, writeSync } from 'node:fs';

/** From one record to the next. */
export const SMALL_STRIDE = 64;
const RECORD_SIZE = 13;
const AT_ONCE = 65536;

/** Writes a plain stream of `count` records of one byte, each at the place of its number; `count` is a multiple of 65536. */
export function writeSmallRecords(file: string, count: number, placeOf: (index: number) => number): void {
  const fd = openSync(file, 'w');
  writeSync(fd, 'lvmsync PROTO[3]\n');
  const part = Buffer.alloc(AT_ONCE * RECORD_SIZE);
  for (let first = 0; first < count; first += AT_ONCE) {
    for (let i = 0; i < AT_ONCE; i++) {
      part.writeBigUInt64BE(BigInt(placeOf(first + i)), i * RECORD_SIZE);
      part.writeUInt32BE(1, i * RECORD_SIZE + 8);
      part[i * RECORD_SIZE + 12] = 1 + (i % 251);
    }
    writeSync(fd, part);
  }
  closeSync(fd);
}
