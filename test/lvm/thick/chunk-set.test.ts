import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkSet } from '#src/lvm/thick/chunk-set.js';

const numRuns = process.env['SLOW'] === '1' ? 3000 : 30;

function setOf(chunks: Iterable<number>): ChunkSet {
  const set = new ChunkSet();
  for (const chunk of chunks) set.add(chunk);
  return set;
}

const listed = (set: ChunkSet): number[] =>
  [...set.runs()].flatMap(({ begin, end }) => Array.from({ length: end - begin }, (_, i) => begin + i));

/** Fewer than a list holds, more, and whole pages; near the beginning, over a border, and far away. */
const places = fc.constantFrom(0, 65_536 * 3 - 40, 2 ** 33, 2 ** 52);
const scattered = fc
  .tuple(places, fc.uniqueArray(fc.nat(200), { maxLength: 60 }))
  .map(([first, chunks]) => chunks.map((chunk) => first + chunk));
const strided = fc
  .tuple(places, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 4000, max: 9000 }))
  .map(([first, stride, count]) => Array.from({ length: count }, (_, i) => first + 1000 + i * stride));
const chunks = fc
  .array(fc.oneof(scattered, strided), { maxLength: 3 })
  .map((lists) => [...new Set(lists.flat())]);

describe('a set of chunks', () => {
  it('gives what was added, in order, in runs that do not touch', () => {
    fc.assert(
      fc.property(chunks, fc.boolean(), (added, reversed) => {
        const set = setOf(reversed ? added.toReversed() : added);
        const runs = [...set.runs()];
        expect(listed(set)).toEqual([...added].sort((a, b) => a - b));
        expect(set.findTwice()).toBeUndefined();
        expect(runs.every(({ begin }, i) => begin > (runs[i - 1]?.end ?? -1))).toBe(true);
      }),
      { numRuns },
    );
  });

  it('can be added to after it was read', () => {
    fc.assert(
      fc.property(chunks, fc.nat(), (added, cut) => {
        const set = setOf(added.slice(0, cut % (added.length + 1)));
        expect(listed(set)).toEqual(added.slice(0, cut % (added.length + 1)).sort((a, b) => a - b));
        for (const chunk of added.slice(cut % (added.length + 1))) set.add(chunk);
        expect(listed(set)).toEqual([...added].sort((a, b) => a - b));
      }),
      { numRuns },
    );
  });

  it('finds what was added twice, wherever the first of them went', () => {
    fc.assert(
      fc.property(chunks, fc.nat(), fc.nat(), (added, which, where) => {
        fc.pre(added.length > 0);
        const twice = added[which % added.length]!;
        expect(setOf(added.toSpliced(where % (added.length + 1), 0, twice)).findTwice()).toBe(twice);
      }),
      { numRuns },
    );
  });

  it('finds what is added to a page that has all', () => {
    const all = Array.from({ length: 65_536 }, (_, i) => 65_536 + ((i * 31) & 65_535));
    const set = setOf(all);
    expect([...set.runs()]).toEqual([{ begin: 65_536, end: 131_072 }]);
    set.add(70_000);
    expect(set.findTwice()).toBe(70_000);
  });

  it('is cut into parts that hold all of it, none of them too large', () => {
    fc.assert(
      fc.property(chunks, fc.integer({ min: 1, max: 100_000 }), (added, most) => {
        const parts = setOf(added).partition(most);
        for (const { begin, end, count } of parts) {
          expect(added.filter((chunk) => chunk >= begin && chunk < end)).toHaveLength(count);
          expect(count).toBeLessThanOrEqual(Math.max(most, 65_536));
        }
        expect(parts.reduce((sum, { count }) => sum + count, 0)).toBe(added.length);
        expect(parts.every(({ begin }, i) => begin >= (parts[i - 1]?.end ?? 0))).toBe(true);
        expect(parts.every(({ count }, i) => i === 0 || parts[i - 1]!.count + count > most)).toBe(true);
      }),
      { numRuns },
    );
  });
});
