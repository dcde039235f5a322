import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRange, readSegmentsWith } from '#src/algebra/read-segments.js';
import type { Segments } from '#src/format/batch.js';
import { SegmentList } from '#src/format/segments.js';
import type { Range } from '#src/ranges/range.js';
import { memoryDevice } from '../compare/memory-device.js';

const SECTOR = 512;
const SIZE = 300 * SECTOR;
const device = Uint8Array.from({ length: SIZE }, (_, i) => 1 + ((i * 7 + (i >> 9)) % 250));
const GAP = 3;

/** Each behind the one before in the target, with a few bytes between them. */
function laidOut(ranges: readonly Range[]): Segments {
  const list = new SegmentList();
  let position = GAP;
  for (const { offset, length } of ranges) {
    list.push(offset, length, position);
    position += length + GAP;
  }
  return list.toSegments();
}

async function read(ranges: readonly Range[], from = 0, to = ranges.length) {
  const reads: Range[] = [];
  const readSegments = readSegmentsWith((target, offset) => {
    reads.push({ offset, length: target.length });
    target.set(device.subarray(offset, offset + target.length));
  });
  const target = new Uint8Array(ranges.reduce((sum, { length }) => sum + length + GAP, GAP));
  await readSegments(laidOut(ranges), from, to, target);
  return { target, reads };
}

const sectorsOf = ({ offset, length }: Range) =>
  [...Array(Math.ceil((offset + length) / SECTOR) - Math.floor(offset / SECTOR)).keys()].map(
    (i) => i + Math.floor(offset / SECTOR),
  );

const range = fc
  .tuple(
    fc.nat(SIZE - 1),
    fc.oneof(fc.nat(8), fc.integer({ min: SECTOR - 2, max: SECTOR + 2 }), fc.nat(9000)),
  )
  .map(([offset, length]) => ({ offset, length: Math.min(length, SIZE - offset) }));
/** Short ones, one not far behind the other. */
const neighbours = fc
  .array(fc.tuple(fc.nat(1200), fc.integer({ min: 1, max: 600 })), { minLength: 1, maxLength: 80 })
  .map((steps) => {
    let end = 0;
    return steps.map(([gap, length]) => {
      const offset = end + gap;
      end = offset + length;
      return { offset, length };
    });
  });

describe('segments', () => {
  it('are what the device holds, at their positions, and no sector is read that none of them names', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.array(range, { maxLength: 20 }), neighbours),
        fc.nat(80),
        fc.nat(80),
        async (ranges, a, b) => {
          const [from, to] = [a, b].map((at) => Math.min(at, ranges.length)).sort((x, y) => x - y) as [
            number,
            number,
          ];
          const { target, reads } = await read(ranges, from, to);
          const asked = ranges.slice(from, to);
          const wanted = new Uint8Array(target.length);
          const { positions } = laidOut(ranges);
          for (const [i, { offset, length }] of ranges.entries())
            if (i >= from && i < to) wanted.set(device.subarray(offset, offset + length), positions[i]);
          expect(Buffer.compare(target, wanted)).toBe(0);
          const named = new Set(asked.filter(({ length }) => length > 0).flatMap(sectorsOf));
          expect(reads.flatMap(sectorsOf).filter((sector) => !named.has(sector))).toEqual([]);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('that are short are read together', async () => {
    const short = [...Array(1000).keys()].map((i) => ({ offset: i * 64, length: 1 }));
    expect((await read(short)).reads).toEqual([{ offset: 0, length: 999 * 64 + 1 }]);
  });

  it('reject with what reading throws', async () => {
    const fail = () => {
      throw new Error('broken');
    };
    await expect(
      readSegmentsWith(fail)(laidOut([{ offset: 0, length: 1 }]), 0, 1, new Uint8Array(9)),
    ).rejects.toThrow('broken');
  });

  it('may be a single range', async () => {
    const target = new Uint8Array(5);
    await readRange(memoryDevice(device), { offset: 1000, length: 5 }, target);
    expect(target).toEqual(device.slice(1000, 1005));
  });
});
