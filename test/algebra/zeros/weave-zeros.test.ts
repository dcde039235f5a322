import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRanges } from '#src/algebra/records/read-ranges.js';
import { weaveZeros } from '#src/algebra/zeros/weave-zeros.js';
import {
  createBufferPool,
  type BufferPool,
  type DataBatch,
  rangesOf,
  releaseBatch,
} from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { memoryDevice } from '../../compare/memory-device.js';

const numRuns = process.env['SLOW'] === '1' ? 10_000 : 200;
const SIZE = 400;

/** Ascending ranges that may touch, each data or zeros. */
const pieces = fc
  .array(fc.record({ gap: fc.nat(2), length: fc.integer({ min: 1, max: 9 }), zero: fc.boolean() }), {
    maxLength: 30,
  })
  .map((list) => {
    let at = 0;
    return list.map(({ gap, length, zero }) => {
      const offset = at + gap;
      at = offset + length;
      return { offset, length, zero };
    });
  });

/** Buffers that are of no use any more as soon as they are given back. */
function watchedPool(size: number): BufferPool & { readonly given: Set<ArrayBufferLike>; taken: number } {
  const given = new Set<ArrayBufferLike>();
  const pool = {
    ...createBufferPool(size),
    given,
    taken: 0,
    take: (need = size) => {
      pool.taken += 1;
      return new Uint8Array(Math.max(size, need));
    },
    give: (buffer: ArrayBufferLike) => {
      expect(given.has(buffer)).toBe(false);
      given.add(buffer);
      giveAway(buffer);
    },
  };
  return pool;
}

/** As a batch goes to a worker: nothing of the buffer is left here. */
function giveAway(buffer: ArrayBufferLike): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

const source = (): Uint8Array => Uint8Array.from({ length: SIZE }, (_, i) => (i % 250) + 1);

/** What the batch's bytes say, without a look at its arrays. */
function recordsIn({ bytes }: DataBatch): { offset: number; data: Buffer }[] {
  const view = Buffer.from(bytes);
  const records = [];
  for (let at = 0; at < view.length;) {
    const [offset, length] = [Number(view.readBigUInt64BE(at)), view.readUInt32BE(at + 8)];
    records.push({ offset, data: view.subarray(at + 12, at + 12 + length) });
    at += 12 + length;
  }
  return records;
}

function write(target: Uint8Array, { offset, length }: Range, bytes: Uint8Array): void {
  expect(bytes.length).toBe(length);
  target.set(bytes, offset);
}

describe('zeros between data', () => {
  it('come out sorted, once, and change no data, whenever batches are released', async () => {
    await fc.assert(
      fc.asyncProperty(
        pieces,
        fc.constantFrom(40, 100, 1000),
        fc.nat(3),
        fc.boolean(),
        async (all, batchSize, behind, isReleased) => {
          const of = (wanted: boolean) => all.filter(({ zero }) => zero === wanted);
          const pool = watchedPool(batchSize);
          const target = new Uint8Array(SIZE).fill(0xff);
          const expected = target.slice();
          for (const { offset, length, zero } of all)
            expected.set(zero ? new Uint8Array(length) : source().subarray(offset, offset + length), offset);
          const kept: DataBatch[] = [];
          const use = (batch: DataBatch): void => {
            for (const { offset, data } of recordsIn(batch))
              write(target, { offset, length: data.length }, data);
            if (isReleased) releaseBatch(batch);
            else giveAway(batch.bytes.buffer);
          };
          let end = 0;
          for await (const batch of weaveZeros(
            readRanges(of(false), memoryDevice(source()), pool),
            of(true),
          )) {
            for (const { offset, length } of rangesOf(batch)) {
              expect(offset).toBeGreaterThanOrEqual(end);
              end = offset + length;
            }
            if (batch.kind === 'zeros')
              for (const range of batch.ranges) write(target, range, new Uint8Array(range.length));
            else {
              expect(recordsIn(batch).map(({ offset, data }) => ({ offset, length: data.length }))).toEqual(
                rangesOf(batch),
              );
              batch.positions.slice(0, batch.count).forEach((position, i) => {
                expect(batch.bytes[position]).toBe(source()[batch.offsets[i]!]);
              });
              kept.push(batch);
              if (kept.length > behind) use(kept.shift()!);
            }
          }
          kept.forEach(use);
          expect(target).toEqual(expected);
          if (isReleased && of(false).length > 0) expect(pool.given.size).toBe(pool.taken);
        },
      ),
      { numRuns },
    );
  });

  it('leave a batch as it is where they do not fall into it', async () => {
    const read = () =>
      readRanges(
        [
          { offset: 10, length: 5 },
          { offset: 20, length: 5 },
        ],
        memoryDevice(source()),
      );
    const batches = [];
    const zeros = [
      { offset: 0, length: 10 },
      { offset: 25, length: 5 },
    ];
    for await (const batch of weaveZeros(read(), zeros)) batches.push(batch);
    expect(batches.map(({ kind }) => kind)).toEqual(['zeros', 'data', 'zeros']);
    expect(rangesOf(batches[1]!)).toEqual([
      { offset: 10, length: 5 },
      { offset: 20, length: 5 },
    ]);
  });
});
