import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leaveOutEqual } from '#src/algebra/leave-out-equal.js';
import { readRanges } from '#src/algebra/records/read-ranges.js';
import { createBufferPool, type DataBatch, rangesOf } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { memoryDevice } from '../compare/memory-device.js';

const PIECE = 4096;
const numRuns = process.env['SLOW'] === '1' ? 10_000 : 100;

/** What the records in a batch's bytes say, read from the bytes alone. */
function recordsIn({ bytes }: DataBatch): { offset: number; data: Uint8Array }[] {
  const view = Buffer.from(bytes);
  const records = [];
  for (let at = 0; at < view.length;) {
    const offset = Number(view.readBigUInt64BE(at));
    const length = view.readUInt32BE(at + 8);
    expect(at + 12 + length).toBeLessThanOrEqual(view.length);
    records.push({ offset, data: Uint8Array.from(view.subarray(at + 12, at + 12 + length)) });
    at += 12 + length;
  }
  return records;
}

/** Each batch is looked at, and its bytes overwritten, before the next is asked for, as an owner may. */
async function difference(
  left: Uint8Array,
  right: Uint8Array,
  ranges: readonly Range[],
  batchSize = 1 << 20,
): Promise<{ offset: number; data: Uint8Array }[]> {
  const pool = createBufferPool(batchSize);
  const read = (bytes: Uint8Array) => readRanges(ranges, memoryDevice(bytes), pool);
  const records = [];
  for await (const batch of leaveOutEqual(read(left), read(right))) {
    const inBatch = recordsIn(batch);
    expect(rangesOf(batch)).toEqual(inBatch.map(({ offset, data }) => ({ offset, length: data.length })));
    records.push(...inBatch);
    batch.bytes.fill(0xee);
    pool.give(batch.bytes.buffer);
  }
  return records;
}

const count = 24;
const size = count * PIECE + 700;

/** Ascending ranges that do not overlap, with and without gaps, seldom aligned. */
const ascending = fc
  .uniqueArray(
    fc.oneof(
      fc.nat({ max: size }),
      fc.nat({ max: count }).map((i) => i * PIECE),
    ),
    { maxLength: 12 },
  )
  .map((cuts) => {
    const ends = cuts.toSorted((a, b) => a - b);
    return ends.slice(1).map((end, i) => ({ offset: ends[i]!, length: end - ends[i]! }));
  })
  .chain((ranges) => fc.subarray(ranges));
const changed = fc.uniqueArray(fc.nat({ max: size - 1 }), { maxLength: 30 });

const filled = (): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 12)) % 251);

describe('what differs', () => {
  it('takes the left device to the right one inside the ranges, and holds no equal piece', async () => {
    await fc.assert(
      fc.asyncProperty(
        ascending,
        changed,
        fc.constantFrom(300, 10_000, 50_000),
        async (ranges, bytes, batchSize) => {
          const left = filled();
          const right = left.slice();
          for (const at of bytes) right[at]! ^= 0x55;
          const records = await difference(left, right, ranges, batchSize);

          const expected = left.slice();
          for (const { offset, length } of ranges)
            expected.set(right.subarray(offset, offset + length), offset);
          const result = left.slice();
          for (const { offset, data } of records) result.set(data, offset);
          expect(Buffer.compare(result, expected)).toBe(0);

          for (const { offset, data } of records) {
            for (let at = offset; at < offset + data.length;) {
              const end = Math.min(offset + data.length, (Math.floor(at / PIECE) + 1) * PIECE);
              expect(bytes.some((byte) => byte >= at && byte < end)).toBe(true);
              at = end;
            }
          }
          expect(records.map(({ offset }) => offset)).toEqual(
            records.map(({ offset }) => offset).toSorted((a, b) => a - b),
          );
        },
      ),
      { numRuns },
    );
  });

  it('is nothing where nothing differs', async () => {
    expect(await difference(filled(), filled(), [{ offset: 10, length: size - 10 }])).toEqual([]);
  });

  it('becomes one record where neighbours differ', async () => {
    const right = filled();
    for (const at of [PIECE, 2 * PIECE + 5, 4 * PIECE - 1]) right[at]! ^= 1;
    const records = await difference(filled(), right, [{ offset: 100, length: 6 * PIECE }]);
    expect(records).toEqual([{ offset: PIECE, data: right.slice(PIECE, 4 * PIECE) }]);
  });
});

async function batchesOf(batches: AsyncIterable<DataBatch>): Promise<DataBatch[]> {
  const all = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

describe('batches', () => {
  const all = [{ offset: 0, length: 100 * PIECE }];
  const plain = new Uint8Array(100 * PIECE);
  const pool = () => createBufferPool(16 * PIECE);

  it('that differ everywhere pass through as they are', async () => {
    const right = await batchesOf(readRanges(all, memoryDevice(plain.slice().fill(1)), pool()));
    const left = readRanges(all, memoryDevice(plain), pool());
    const passed = await batchesOf(leaveOutEqual(left, streamOf(right)));
    expect(passed.length).toBeGreaterThan(5);
    for (const [i, batch] of passed.entries()) expect(batch).toBe(right[i]);
  });

  it('of which little is left are put together', async () => {
    const changes = plain.slice();
    for (let piece = 0; piece < 100; piece += 10) changes[piece * PIECE] = 1;
    const left = readRanges(all, memoryDevice(plain), pool());
    const batches = await batchesOf(leaveOutEqual(left, readRanges(all, memoryDevice(changes), pool())));
    expect(batches.map((batch) => batch.count)).toEqual([10]);
  });

  it('of other ranges are no business of it, and both sides are ended', async () => {
    const ended: string[] = [];
    const side = (name: string, ranges: readonly Range[]) =>
      ending(readRanges(ranges, memoryDevice(plain), pool()), () => ended.push(name));
    const other = [{ offset: 0, length: 99 * PIECE }];
    await expect(batchesOf(leaveOutEqual(side('a', all), side('b', other)))).rejects.toThrow('same batches');
    await expect(batchesOf(leaveOutEqual(side('c', []), side('d', all)))).rejects.toThrow('same batches');
    await expect(batchesOf(leaveOutEqual(side('e', all), side('f', [])))).rejects.toThrow('same batches');
    expect(ended.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });
});

async function* streamOf(batches: readonly DataBatch[]): AsyncGenerator<DataBatch> {
  yield* batches;
}

async function* ending(batches: AsyncIterable<DataBatch>, end: () => void): AsyncGenerator<DataBatch> {
  try {
    yield* batches;
  } finally {
    end();
  }
}
