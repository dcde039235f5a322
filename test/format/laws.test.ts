import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packStream } from '#src/algebra/pack-stream.js';
import { releaseBatch } from '#src/format/batch.js';
import { ByteReader } from '#src/format/byte-reader.js';
import { openStream } from '#src/format/open-stream.js';
import { writePlain } from '#src/format/lvmsync/plain.js';
import { batchOf, codec, lvsFile, plainStream, sourceOf, type TestRecord } from '../streams.js';

const RUNS = process.env['SLOW'] === undefined ? 100 : 10_000;

/** Records anywhere below 2^53, in any order; long runs of zeros among them, and now and then one of over 1 MiB. */
const data = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 300 }),
  fc.integer({ min: 1, max: 300_000 }).map((length) => new Uint8Array(length)),
  fc.integer({ min: 1, max: 9000 }).map((length) => Uint8Array.from({ length }, (_, i) => i * 31)),
);
const longData = fc
  .integer({ min: (1 << 20) - 20, max: (1 << 20) + 9000 })
  .map((length) => new Uint8Array(length).fill(0x5a));
const records = fc.array(
  fc.record({
    offset: fc.oneof(
      fc.nat(100_000),
      fc.maxSafeInteger().map((n) => Math.floor(Math.abs(n) / 2 ** 8)),
    ),
    data: fc.oneof({ weight: 40, arbitrary: data }, { weight: 1, arbitrary: longData }),
  }),
  { maxLength: 12 },
);
const chunks = fc.oneof(
  fc.integer({ min: 1, max: 50 }),
  fc.integer({ min: 51, max: 100_000 }),
  fc.constant(Infinity),
);

/** All bytes of the plain stream that a reader makes of a stream in pieces of `chunk` bytes. */
async function decodeToPlain(bytes: Uint8Array, chunk: number): Promise<Buffer> {
  const stream = await openStream(new ByteReader(sourceOf(bytes, chunk)), codec);
  const parts: Uint8Array[] = [];
  await writePlain(stream.batches, { write: async (part) => void parts.push(part.slice()) });
  return Buffer.concat(parts);
}

async function decode(bytes: Uint8Array, chunk: number): Promise<TestRecord[]> {
  const stream = await openStream(new ByteReader(sourceOf(bytes, chunk)), codec);
  const found: { offset: number; data: Uint8Array }[] = [];
  for await (const batch of stream.batches) {
    if (batch.kind === 'zeros') {
      for (const { offset, length } of batch.ranges) found.push({ offset, data: new Uint8Array(length) });
      continue;
    }
    for (let i = 0; i < batch.count; i++) {
      const at = batch.positions[i]!;
      const part = batch.bytes.slice(at, at + batch.lengths[i]!);
      const last = found.at(-1);
      if (i === 0 && batch.continues && last) last.data = Buffer.concat([last.data, part]);
      else found.push({ offset: batch.offsets[i]!, data: part });
    }
    releaseBatch(batch);
  }
  return found;
}

function expectSame(found: readonly TestRecord[], wanted: readonly TestRecord[]): void {
  expect(found.map(({ offset, data: { length } }) => [offset, length])).toEqual(
    wanted.map(({ offset, data: { length } }) => [offset, length]),
  );
  for (const [i, { data: bytes }] of found.entries()) expect(Buffer.compare(bytes, wanted[i]!.data)).toBe(0);
}

describe('decode(encode(s)) = s, whatever the chunks it arrives in', () => {
  test('of a plain stream', async () => {
    await fc.assert(
      fc.asyncProperty(records, chunks, async (wanted, chunk) => {
        const long = wanted.some(({ data: { length } }) => length > 10_000);
        expectSame(await decode(plainStream(wanted), long ? Math.max(chunk, 1000) : chunk), wanted);
      }),
      { numRuns: RUNS },
    );
  });

  test('of an .lvs file', async () => {
    const short = records.filter((all) => all.every(({ data: { length } }) => length <= 1 << 20));
    await fc.assert(
      fc.asyncProperty(short, fc.integer({ min: 1, max: 5 }), chunks, async (wanted, perBatch, chunk) => {
        const batches = [];
        for (let i = 0; i < wanted.length; i += perBatch)
          batches.push(batchOf(wanted.slice(i, i + perBatch)));
        expectSame(await decode(await lvsFile(batches), Math.max(chunk, 7)), wanted);
      }),
      { numRuns: RUNS },
    );
  });
});

test('decompress(compress(x)) = x for every valid version 3 stream', async () => {
  await fc.assert(
    fc.asyncProperty(records, async (wanted) => {
      const plain = plainStream(wanted);
      const stream = await openStream(new ByteReader(sourceOf(plain)), codec);
      const parts: Uint8Array[] = [];
      await packStream(stream, { write: async (part) => void parts.push(part.slice()) }, codec, {
        generator: 'test',
        time: 0,
      });
      const again = await decodeToPlain(Buffer.concat(parts), Infinity);
      expect(Buffer.compare(again, plain)).toBe(0);
    }),
    { numRuns: RUNS },
  );
});
