import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeList } from '#src/ranges/range-list.js';
import type { Range } from '#src/ranges/range.js';

const RUNS = process.env['SLOW'] === undefined ? 300 : 30_000;
const HIGHEST = 2 ** 53 - 1;

const step = fc.oneof(fc.nat(1000), fc.nat(2 ** 31 - 1), fc.maxSafeInteger().map(Math.abs));
const unit = fc.constantFrom(1, 512, 512, 65536);

/** Ascending ranges below 2^53, in whole sectors and not, touching or far apart. */
const ascending = fc.array(fc.tuple(step, step, unit), { maxLength: 60 }).map((steps) => {
  const ranges: Range[] = [];
  let end = 0;
  for (const [gap, size, scale] of steps) {
    const offset = end + gap * scale;
    const length = Math.max(1, size) * scale;
    if (!(offset + length <= HIGHEST)) continue;
    ranges.push({ offset, length });
    end = offset + length;
  }
  return ranges;
});

function* scattered(count: number, size: number): Generator<Range> {
  let end = 0;
  for (let i = 0; i < count; i++) {
    const offset = end + size * (1 + ((i * 7919) % 31));
    yield { offset, length: size };
    end = offset + size;
  }
}

describe('a list of ranges', () => {
  it('gives the ranges that it was made of, as often as one likes', () => {
    fc.assert(
      fc.property(ascending, (ranges) => {
        const list = RangeList.from(ranges);
        expect([...list]).toEqual(ranges);
        expect([...list]).toEqual(ranges);
        expect(list.count).toBe(ranges.length);
        expect(list.end).toBe(ranges.reduce((_, { offset, length }) => offset + length, 0));
      }),
      { numRuns: RUNS },
    );
  });

  it.each([512, 4096, 65536, 65535, 1])('of many ranges of %i bytes gives them all', (size) => {
    const count = 100_000;
    const list = RangeList.from(scattered(count, size));
    const expected = scattered(count, size);
    for (const range of list) {
      const { offset, length } = expected.next().value as Range;
      if (range.offset !== offset || range.length !== length) expect(range).toEqual({ offset, length });
    }
    expect(expected.next().done).toBe(true);
    expect(list.count).toBe(count);
    expect(list.size).toBe(count * size);
  });

  it('takes less than 8 bytes a range', () => {
    const count = 1_000_000;
    const list = RangeList.from(scattered(count, 65536));
    expect(list.memory).toBeLessThan(8 * count);
  });

  it('goes on in sectors after a range that is none', () => {
    const count = 200_000;
    const odd = function* (): Generator<Range> {
      yield { offset: 1, length: 511 };
      for (const { offset, length } of scattered(count, 65536)) yield { offset: offset + 512, length };
    };
    const list = RangeList.from(odd());
    expect([...list]).toEqual([...odd()]);
    expect(list.memory).toBeLessThan(RangeList.from(scattered(count, 65536)).memory + 2 ** 17);
  });

  it.each([
    { offset: 99, length: 1 },
    { offset: 200, length: 0 },
    { offset: 200, length: -1 },
    { offset: Number.NaN, length: 1 },
  ])('refuses %o behind one that ends at 100', (range) => {
    const list = RangeList.from([{ offset: 50, length: 50 }]);
    expect(() => {
      list.append(range);
    }).toThrow('out of order');
    expect([...list]).toEqual([{ offset: 50, length: 50 }]);
  });
});
