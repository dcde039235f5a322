import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeSet } from '#src/ranges/range-set.js';
import { LvstreamError } from '#src/errors.js';
import type { Range } from '#src/ranges/range.js';
import type { Scratch } from '#src/ranges/scratch.js';
import { MemoryScratch, noScratch } from './memory-scratch.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;
const SECTOR = 512;
const BLOCK = 4 * KIB;
const PAGE = 128 * MIB;

const numRuns = process.env['SLOW'] === '1' ? 20_000 : 200;

interface Step {
  readonly range: Range;
  readonly value: boolean;
}

/** Ranges with ends near a few places, so that they overlap, touch and cross blocks and pages. */
const rangesNear = (places: readonly number[], reach: number): fc.Arbitrary<Range> => {
  const end = fc
    .tuple(fc.constantFrom(...places), fc.integer({ min: -reach, max: reach }))
    .map(([place, shift]) => Math.max(0, place + shift));
  return fc.tuple(end, end).map(([a, b]) => ({ offset: Math.min(a, b), length: Math.abs(a - b) }));
};

/** The same in sectors. */
const sectorsNear = (places: readonly number[], reach: number): fc.Arbitrary<Range> =>
  rangesNear(places, reach).map(({ offset, length }) => ({
    offset: offset * SECTOR,
    length: length * SECTOR,
  }));

const stepsOf = (ranges: fc.Arbitrary<Range>): fc.Arbitrary<Step[]> =>
  fc.array(fc.record({ range: ranges, value: fc.boolean() }), { maxLength: 30 });

const change = (set: RangeSet, { range, value }: Step): void => {
  if (value) set.add(range);
  else set.remove(range);
};

/** The same set as an ascending list of runs, changed by cutting and sorting. */
const naive = (steps: readonly Step[]): Range[] => {
  let runs: [number, number][] = [];
  for (const { range, value } of steps) {
    const [start, end] = [range.offset, range.offset + range.length];
    if (start === end) continue;
    runs = runs.flatMap(([from, to]) =>
      [[from, Math.min(to, start)] as const, [Math.max(from, end), to] as const]
        .filter(([a, b]) => a < b)
        .map(([a, b]): [number, number] => [a, b]),
    );
    if (value) runs.push([start, end]);
  }
  runs.sort(([a], [b]) => a - b);
  const joined: Range[] = [];
  for (const [from, to] of runs) {
    const last = joined.at(-1);
    if (last !== undefined && last.offset + last.length === from) {
      joined[joined.length - 1] = { offset: last.offset, length: to - last.offset };
    } else joined.push({ offset: from, length: to - from });
  }
  return joined;
};

const sizeOf = (ranges: readonly Range[]): number => ranges.reduce((sum, { length }) => sum + length, 0);

const clip = (ranges: readonly Range[], { offset, length }: Range): Range[] =>
  ranges.flatMap((range) => {
    const start = Math.max(range.offset, offset);
    const end = Math.min(range.offset + range.length, offset + length);
    return start < end ? [{ offset: start, length: end - start }] : [];
  });

const expectLaws = (steps: readonly Step[], asked: Range, set = new RangeSet(noScratch)): void => {
  for (const step of steps) change(set, step);
  const all = naive(steps);
  expect([...set.ranges()]).toEqual(all);
  expect(set.size).toBe(sizeOf(all));
  expect(set.covered(asked)).toEqual(clip(all, asked));
  const complement = naive([{ range: asked, value: true }, ...all.map((range) => ({ range, value: false }))]);
  expect(set.missing(asked)).toEqual(complement);
};

describe('a set of device bytes', () => {
  it('is what a Set of bytes says, on a device of three blocks', () => {
    const range = fc
      .tuple(fc.nat({ max: 3 * BLOCK }), fc.nat({ max: 3 * BLOCK }))
      .map(([a, b]) => ({ offset: Math.min(a, b), length: Math.abs(a - b) }));
    fc.assert(
      fc.property(stepsOf(range), range, (steps, asked) => {
        const set = new RangeSet(noScratch);
        const bytes = new Set<number>();
        for (const step of steps) {
          change(set, step);
          const { offset, length } = step.range;
          for (let byte = offset; byte < offset + length; byte++) {
            if (step.value) bytes.add(byte);
            else bytes.delete(byte);
          }
        }
        expect(set.size).toBe(bytes.size);
        const inside = set
          .covered(asked)
          .flatMap(({ offset, length }) => Array.from({ length }, (_, i) => offset + i));
        const outside = set
          .missing(asked)
          .flatMap(({ offset, length }) => Array.from({ length }, (_, i) => offset + i));
        expect(inside.every((byte) => bytes.has(byte))).toBe(true);
        expect(outside.some((byte) => bytes.has(byte))).toBe(false);
        expect(inside.length + outside.length).toBe(asked.length);
      }),
      { numRuns: numRuns / 4 },
    );
  });

  it.each([
    ['bytes', rangesNear([8], 8)],
    ['sectors', sectorsNear([0, 8, 16, 320], 9)],
    [
      'sectors, or near them',
      fc.oneof(sectorsNear([8, 16], 9), rangesNear([512, BLOCK + 512, BLOCK + KIB], 1)),
    ],
    ['blocks', rangesNear([0, BLOCK, 2 * BLOCK, 40 * BLOCK], 2)],
    [
      'words of 32 blocks',
      rangesNear(
        [31, 32, 33, 64].map((block) => block * BLOCK),
        1,
      ),
    ],
    ['pages', rangesNear([0, PAGE, PAGE + BLOCK, 2 * PAGE, 5 * PAGE], 2)],
    ['blocks of several pages', rangesNear([0, PAGE - BLOCK, PAGE, 2 * PAGE, 3 * PAGE], 0)],
    [
      'the last pages that a number can name',
      rangesNear([2 ** 53 - 1 - PAGE, 2 ** 53 - 1 - BLOCK, 2 ** 53 - 3 * PAGE], 0),
    ],
  ])('keeps the last word on each byte, with ranges that end near %s', (_, range) => {
    fc.assert(
      fc.property(stepsOf(range), range, (steps, asked) => {
        expectLaws(steps, asked);
      }),
      { numRuns },
    );
  });

  it('is the same when most of it lies in a scratch', () => {
    const places = Array.from({ length: 40 }, (_, i) => i * PAGE + (i % 7) * 9 * BLOCK);
    const steps = fc.array(fc.record({ range: rangesNear(places, KIB), value: fc.boolean() }), {
      minLength: 40,
      maxLength: 80,
    });
    let written = 0;
    const openScratch = (): Scratch => {
      const scratch = new MemoryScratch();
      return {
        read: (at, into) => scratch.read(at, into),
        close: () => scratch.close(),
        write: (at, bytes) => {
          written++;
          scratch.write(at, bytes);
        },
      };
    };
    fc.assert(
      fc.property(steps, rangesNear(places, KIB), (all, asked) => {
        expectLaws(all, asked, new RangeSet(openScratch, { resident: 0 }));
      }),
      { numRuns: numRuns / 4 },
    );
    expect(written).toBeGreaterThan(1000);
  });

  it('is what a byte for each sector says, where many blocks of a page are covered in part', () => {
    const sectors = 8 * 2000;
    const seeds = fc.array(fc.tuple(fc.nat(sectors - 1), fc.integer({ min: 1, max: 12 }), fc.boolean()), {
      minLength: 3,
      maxLength: 6,
    });
    fc.assert(
      fc.property(seeds, fc.nat(sectors), (rounds, from) => {
        const set = new RangeSet(noScratch);
        const held = new Uint8Array(sectors);
        for (const [seed, length, value] of rounds) {
          for (let i = 0; i < 1000; i++) {
            const start = (seed + i * 7919) % (sectors - length);
            change(set, { range: { offset: start * SECTOR, length: length * SECTOR }, value });
            held.fill(Number(value), start, start + length);
          }
        }
        const read = new Uint8Array(sectors);
        for (const { offset, length } of set.ranges())
          read.fill(1, offset / SECTOR, (offset + length) / SECTOR);
        expect(Buffer.compare(read, held)).toBe(0);
        expect(set.size).toBe(held.reduce((sum, one) => sum + one, 0) * SECTOR);
        const rest = set.missing({ offset: from * SECTOR, length: (sectors - from) * SECTOR });
        expect(sizeOf(rest)).toBe(held.subarray(from).reduce((sum, one) => sum + 1 - one, 0) * SECTOR);
      }),
      { numRuns: numRuns / 10 },
    );
  });

  it('joins what touches across blocks and pages', () => {
    const set = new RangeSet(noScratch);
    set.add({ offset: PAGE, length: 10 });
    set.add({ offset: 0, length: PAGE });
    set.add({ offset: PAGE + 10, length: BLOCK });
    expect([...set.ranges()]).toEqual([{ offset: 0, length: PAGE + 10 + BLOCK }]);
    expect(set.missing({ offset: 5, length: 2 * PAGE })).toEqual([
      { offset: PAGE + 10 + BLOCK, length: PAGE + 5 - 10 - BLOCK },
    ]);
  });

  it('takes terabytes in one call', () => {
    const set = new RangeSet(noScratch);
    const start = performance.now();
    set.add({ offset: 1, length: 16 * TIB });
    set.remove({ offset: TIB, length: TIB });
    expect(set.missing({ offset: 0, length: 16 * TIB })).toEqual([
      { offset: 0, length: 1 },
      { offset: TIB, length: TIB },
    ]);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it('takes 131072 records of 4 KiB in any order in far less than a second', () => {
    const set = new RangeSet(noScratch);
    const count = 131_072;
    const start = performance.now();
    for (let i = 0; i < count; i++) set.add({ offset: ((i * 40_503) % count) * 4 * BLOCK, length: BLOCK });
    expect(performance.now() - start).toBeLessThan(500);
    expect(set.size).toBe(count * BLOCK);
    expect([...set.ranges()]).toHaveLength(count);
  });

  it('keeps 8 Mi sectors, one in every second block of 64 GiB', () => {
    const set = new RangeSet(() => new MemoryScratch());
    const count = 8 * MIB;
    for (let i = 0; i < count; i++) set.add({ offset: i * 2 * BLOCK + (i % 8) * SECTOR, length: SECTOR });
    expect(set.size).toBe(count * SECTOR);
  });

  it('keeps 64 Ki records of 1 KiB in 128 GiB', () => {
    const set = new RangeSet(() => new MemoryScratch());
    const count = 64 * KIB;
    for (let i = 0; i < count; i++)
      set.add({ offset: ((i * 40_503) % count) * 2 * MIB + (i % 8) * SECTOR, length: KIB });
    expect(set.size).toBe(count * KIB);
  });

  it('says so when there are more maps than there may be', () => {
    const set = new RangeSet(noScratch, { most: 256 });
    const scatter = (): void => {
      for (let i = 0; i < 1000; i++) set.add({ offset: i * GIB, length: BLOCK });
    };
    expect(scatter).toThrow(LvstreamError);
    expect(scatter).toThrow(/256 maps of 4 KiB/);
  });

  it('gives back the maps of what is removed or becomes whole', () => {
    const set = new RangeSet(noScratch, { most: 256 });
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 1000; i++) set.add({ offset: i * BLOCK, length: BLOCK - 1 });
      const rest = { offset: 0, length: 1000 * BLOCK };
      if (round % 2 === 0) set.add(rest);
      set.remove(rest);
      expect(set.size).toBe(0);
      for (let i = 0; i < 200; i++) set.add({ offset: i * PAGE, length: BLOCK });
      set.add({ offset: 0, length: 200 * PAGE });
      set.remove({ offset: 0, length: 200 * PAGE });
    }
  });

  it.each([
    { offset: -1, length: 1 },
    { offset: 0, length: -1 },
    { offset: 2 ** 53 - 1, length: 1 },
    { offset: 0.5, length: 1 },
    { offset: 0, length: Number.NaN },
  ])('does not take $length bytes at $offset for a range', (range) => {
    expect(() => {
      new RangeSet(noScratch).add(range);
    }).toThrow(RangeError);
  });
});
