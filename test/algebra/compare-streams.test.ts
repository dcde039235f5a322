import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareStreams, type StreamDifference } from '#src/algebra/compare-streams.js';
import type { RecordBatch } from '#src/format/batch.js';
import { batchOf } from '../streams.js';
import { apply, type Batches, coalesced, flow, SIZE, sorted } from './small-streams.js';

const numRuns = process.env['SLOW'] === '1' ? 10_000 : 200;

async function compare(s: Batches, t: Batches): Promise<StreamDifference[]> {
  const all: StreamDifference[] = [];
  for await (const part of compareStreams(flow(s), flow(t))) all.push(...part);
  return all;
}

/** Streams that often do the same, in other records and batches. */
const reframed = (batches: Batches): Batches =>
  coalesced(batches).map(([offset, byte]) => batchOf([{ offset, data: Uint8Array.of(byte) }]));

describe('laws', () => {
  it('compare(s, t) is empty exactly if s and t do the same to every device', async () => {
    const law = async (s: Batches, t: Batches) => {
      const devices = [0, 255].map((byte) => new Uint8Array(SIZE).fill(byte));
      const isSame = devices.every((device) => Buffer.compare(apply(s, device), apply(t, device)) === 0);
      expect((await compare(s, t)).length === 0).toBe(isSame);
    };
    await fc.assert(fc.asyncProperty(sorted, sorted, law), { numRuns });
    await fc.assert(
      fc.asyncProperty(sorted, (s) => law(s, reframed(s))),
      { numRuns },
    );
  });

  it('compare(s, t) names each byte that differs, by who writes it', async () => {
    await fc.assert(
      fc.asyncProperty(sorted, sorted, async (s, t) => {
        const [one, other] = [new Map(coalesced(s)), new Map(coalesced(t))];
        const expected = Array.from({ length: SIZE }, (_, at) => {
          if (one.get(at) === other.get(at)) return undefined;
          return one.has(at) ? (other.has(at) ? 'both' : 'first') : 'second';
        });
        const found = Array.from({ length: SIZE }, (): string | undefined => undefined);
        let end = 0;
        for (const { offset, length, writer } of await compare(s, t)) {
          expect(offset).toBeGreaterThanOrEqual(end);
          end = offset + length;
          found.fill(writer, offset, end);
        }
        expect(found).toEqual(expected);
      }),
      { numRuns },
    );
  });
});

describe('a comparison', () => {
  const zeros = (offset: number, length: number): RecordBatch => ({
    kind: 'zeros',
    ranges: [{ offset, length }],
  });

  it('takes a range of zeros for zeros', async () => {
    const data = batchOf([{ offset: 5, data: new Uint8Array(3 << 20) }]);
    expect(await compare([zeros(5, 3 << 20)], [data])).toEqual([]);
    const other = batchOf([{ offset: 5, data: new Uint8Array(3 << 20).fill(1, 2 ** 20, 2 ** 20 + 2) }]);
    expect(await compare([other], [zeros(5, 3 << 20)])).toEqual([
      { offset: 2 ** 20 + 5, length: 2, writer: 'both' },
    ]);
  });

  it('of a TiB of zeros does not expand them', async () => {
    const tera = 2 ** 40;
    const cut = [zeros(0, 1000), zeros(1000, tera - 1000)];
    expect(await compare([zeros(0, tera)], cut)).toEqual([]);
  });

  it('reads both to their ends, and ends both when one fails', async () => {
    const ended: string[] = [];
    const stream = async function* (name: string, error?: Error): AsyncGenerator<RecordBatch> {
      try {
        yield batchOf([{ offset: 0, data: Uint8Array.of(1) }]);
        if (error) throw error;
      } finally {
        ended.push(name);
      }
    };
    await expect(collectAll(stream('s', new Error('damaged')), stream('t'))).rejects.toThrow('damaged');
    await expect(collectAll(stream('u'), stream('v', new Error('cut')))).rejects.toThrow('cut');
    expect(ended.toSorted()).toEqual(['s', 't', 'u', 'v']);
  });
});

async function collectAll(one: AsyncIterable<RecordBatch>, other: AsyncIterable<RecordBatch>): Promise<void> {
  for await (const part of compareStreams(one, other)) expect(part).toEqual([]);
}
