import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryReader, storeOf } from './cow-model.js';
import { readCapture, readManifest } from '../captures.js';
import { LvmError } from '#src/errors.js';
import { readChangedChunks, readExceptionStore, sortExceptions } from '#src/lvm/exception-store.js';
import { firstTwice, NumberList } from '#src/lvm/number-list.js';

const chunkSize = 512;

describe('changed chunks', () => {
  it.each(['a', 'b-last', 'c', 'd', 'd-stale255', 'h-unchanged', 'i', 'j'])(
    'are those of the whole table, in 4 bytes each: capture %s',
    (name) => {
      const cow = memoryReader(readCapture(name, 'cow.img'), name);
      const { origin_size: size } = readManifest(name);
      const { chunkSize: ofStore, count, oldChunks } = sortExceptions(readExceptionStore(cow, size));
      expect(readChangedChunks(cow, size)).toEqual({ chunkSize: ofStore, count, oldChunks });
      expect(oldChunks.BYTES_PER_ELEMENT).toBe(4);
    },
  );

  const refused = (exceptions: [number, number][]): string => {
    try {
      readChangedChunks(memoryReader(storeOf(chunkSize, 80, exceptions), 'cow'), 100 * chunkSize);
    } catch (error) {
      if (error instanceof LvmError) return error.message;
      throw error;
    }
    return 'nothing';
  };

  it('are refused where one is listed twice, old or new', () => {
    expect(
      refused([
        [5, 2],
        [7, 3],
        [5, 4],
      ]),
    ).toBe(`cow: byte ${chunkSize + 32}: origin chunk 5 is listed twice`);
    expect(
      refused([
        [0, 3],
        [1, 2],
        [2, 3],
      ]),
    ).toBe(`cow: byte ${chunkSize + 40}: new chunk 3 is used by two exceptions`);
  });
});

describe('a list of numbers', () => {
  it('gives back what it took, wide or narrow, over any number of blocks', () => {
    const numbers = fc.array(fc.oneof(fc.nat(), fc.maxSafeNat()), { maxLength: 30 });
    fc.assert(
      fc.property(numbers, fc.constantFrom(1, 2000), (few, times) => {
        const list = new NumberList();
        const all = Array.from({ length: times }, () => few).flat();
        for (const number of all) list.push(number);
        const taken = list.take();
        expect(Array.from(taken)).toEqual(all);
        expect(taken.BYTES_PER_ELEMENT).toBe(all.some((number) => number >= 2 ** 32) ? 8 : 4);
        expect(list.take()).toHaveLength(0);
      }),
      { numRuns: 30 },
    );
  });

  it('finds the first that is there twice', () => {
    expect(firstTwice(Uint32Array.of(1, 2, 2, 3, 3))).toBe(2);
    expect(firstTwice(Uint32Array.of(1, 2, 3))).toBeUndefined();
  });
});
