import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { mergeRanges } from '#src/ranges/merge-ranges.js';
import type { Range } from '#src/ranges/range.js';

const RUNS = process.env['SLOW'] === undefined ? 300 : 30_000;
const SIZE = 64;

/** Ascending ranges of a small device, by gaps and lengths; neighbours may touch. */
const ascending = fc
  .array(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 5 })), { maxLength: 9 })
  .map((steps) => {
    let end = 0;
    return steps
      .map(([gap, length]) => {
        const offset = end + gap;
        end = offset + length;
        return { offset, length };
      })
      .filter((range) => range.offset + range.length <= SIZE);
  });

/** Each byte of the device: whether a range has it. */
const bytesOf = (ranges: Iterable<Range>): boolean[] => {
  const bytes = Array.from({ length: SIZE }, () => false);
  for (const { offset, length } of ranges) bytes.fill(true, offset, offset + length);
  return bytes;
};

it('is the union, ascending, no two ranges touching', () => {
  fc.assert(
    fc.property(fc.array(ascending, { maxLength: 7 }), (inputs) => {
      const union = [...mergeRanges(...inputs)];
      expect(bytesOf(union)).toEqual(bytesOf(inputs.flat()));
      for (const [i, { offset, length }] of union.entries()) {
        expect(length).toBeGreaterThan(0);
        if (i > 0) expect(offset).toBeGreaterThan(union[i - 1]!.offset + union[i - 1]!.length);
      }
    }),
    { numRuns: RUNS },
  );
});

it('gives the same a second time', () => {
  fc.assert(
    fc.property(fc.array(ascending, { maxLength: 5 }), (inputs) => {
      const union = mergeRanges(...inputs);
      expect([...union]).toEqual([...union]);
    }),
    { numRuns: RUNS },
  );
});

it('takes of its inputs no more than it needs, and ends them', () => {
  const taken = [0, 0, 0];
  const ended: number[] = [];
  const endless = function* (i: number): Generator<Range> {
    try {
      for (let at = i; ; at += 10) {
        taken[i]!++;
        yield { offset: at, length: 1 };
      }
    } finally {
      ended.push(i);
    }
  };
  const first: Range[] = [];
  for (const range of mergeRanges(endless(0), endless(1), endless(2))) {
    first.push(range);
    if (first.length === 4) break;
  }
  expect(first).toEqual([0, 10, 20, 30].map((offset) => ({ offset, length: 3 })));
  expect(Math.max(...taken)).toBeLessThanOrEqual(6);
  expect(ended.sort()).toEqual([0, 1, 2]);
});
