import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Density } from '#src/ranges/density.js';

const range = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 45 }), fc.integer({ min: 1, max: 2 ** 40 }))
  .map(([offset, length]) => ({ offset, end: offset + length }));

describe('Density', () => {
  it('loses no bytes', () => {
    fc.assert(
      fc.property(
        fc.array(range, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 100 }),
        (ranges, count) => {
          const density = new Density();
          for (const { offset, end } of ranges) density.add(offset, end);
          const bytes = ranges.reduce((sum, { offset, end }) => sum + end - offset, 0);
          const size = Math.max(...ranges.map(({ end }) => end));
          const columns = density.columns(size, count).reduce((sum, column) => sum + column, 0);
          // The last cell may reach past the end.
          expect(columns).toBeGreaterThan(bytes * 0.95 - 2 ** 33);
          expect(columns).toBeLessThan(bytes * 1.000001);
        },
      ),
    );
  });

  it('puts them where they are', () => {
    const density = new Density();
    density.add(0, 1024);
    density.add(3 * 1024, 4 * 1024, 512);
    expect(density.columns(4096, 4)).toEqual([1024, 0, 0, 512]);
  });
});
