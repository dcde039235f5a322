import { closeSync, openSync, writeSync } from 'node:fs';
import type { ZeroBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { writeLvs } from '#src/format/lvs/write-lvs.js';
import { codec } from '../streams.js';

const AT_ONCE = 65536;

/**
 * Writes an `.lvs` file, called disjoint, of `count` ranges of zeros, each of so many bytes at the place of its number;
 * `count` is a multiple of 65536.
 */
export async function writeZeroRanges(
  file: string,
  count: number,
  length: number,
  placeOf: (index: number) => number,
): Promise<void> {
  const fd = openSync(file, 'w');
  const sink = {
    write: (bytes: Uint8Array) => {
      writeSync(fd, bytes);
      return Promise.resolve();
    },
  };
  await writeLvs(batches(count, length, placeOf), sink, codec, {
    kind: 'changes',
    requires: [],
    order: 'disjoint',
  });
  closeSync(fd);
}

async function* batches(
  count: number,
  length: number,
  placeOf: (index: number) => number,
): AsyncGenerator<ZeroBatch> {
  for (let first = 0; first < count; first += AT_ONCE) {
    const ranges = Array.from({ length: AT_ONCE }, (_, i): Range => ({ offset: placeOf(first + i), length }));
    yield await Promise.resolve({ kind: 'zeros', ranges });
  }
}
