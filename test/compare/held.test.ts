import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Held, type Stretch } from '#src/compare/held.js';
import type { Range } from '#src/ranges/range.js';
import { batchOf } from '../streams.js';
import { memoryDevice, readingDevice } from './memory-device.js';

const MIB = 1 << 20;
const PIECE = 4096;

/** A device of any length that knows its holes: every other part of `unit` bytes. */
function striped(unit: number, reads: Range[]) {
  const device = readingDevice(2 ** 42, 'striped', (target, offset) => {
    reads.push({ offset, length: target.length });
    target.fill(1);
  });
  function* allocated({ offset, length }: Range): Generator<Range> {
    for (let at = offset; at < offset + length;) {
      const end = Math.min(offset + length, (Math.floor(at / unit) + 1) * unit);
      if (Math.floor(at / unit) % 2 === 1) yield { offset: at, length: end - at };
      at = end;
    }
  }
  return { ...device, allocated };
}

describe('what is held', () => {
  it('in a range comes in order, by 1 MiB at most, cut at pieces, and holes are not read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(2 ** 40),
        fc.nat(3),
        fc.constantFrom(-1, 0, 1, PIECE),
        fc.constantFrom(10 * PIECE, MIB, 2 * MIB + 512),
        async (offset, count, more, unit) => {
          const length = Math.max(0, count * MIB + more);
          const reads: Range[] = [];
          const all: Stretch[] = [];
          for await (const stretch of new Held(striped(unit, reads)).stretches({ offset, length }))
            all.push(stretch);
          let at = offset;
          for (const { range, held } of all) {
            expect(range.offset).toBe(at);
            expect(range.length).toBeGreaterThan(0);
            if (held) expect(held.length).toBe(range.length);
            at += range.length;
            expect(at % PIECE === 0 || at === offset + length).toBe(true);
          }
          expect(at).toBe(offset + length);
          expect(reads).toEqual(all.filter(({ held }) => held).map(({ range }) => range));
          expect(reads.every((read) => read.length <= MIB)).toBe(true);
          for (const { range } of all.filter(({ held }) => !held)) {
            const first = Math.floor(range.offset / unit);
            expect(first % 2).toBe(0);
            expect(range.offset + range.length).toBeLessThanOrEqual((first + 1) * unit);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('of a batch stands where its data does, and the memory is used again', async () => {
    const bytes = Uint8Array.from({ length: 3 * PIECE }, (_, i) => 1 + (i % 200));
    const held = new Held(memoryDevice(bytes));
    const batch = batchOf([5000, 10].map((offset) => ({ offset, data: new Uint8Array(700) })));
    if (batch.kind !== 'data') throw new Error('no data');
    const read = await held.data(batch, batch);
    for (const [i, offset] of [5000, 10].entries())
      expect(read.subarray(batch.positions[i], batch.positions[i]! + 700)).toEqual(
        bytes.subarray(offset, offset + 700),
      );
    expect(await held.data(batch, batch)).toBe(read);
  });
});
