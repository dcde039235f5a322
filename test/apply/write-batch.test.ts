import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RandomAccessWriter } from '#src/algebra/random-access.js';
import { writeAll, writeBatch } from '#src/apply/write-batch.js';
import { createBufferPool, dataSize, rangesOf, type RecordBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { ZERO_RECORD_SIZE } from '#src/format/layout.js';
import { batchOf } from '../streams.js';
import { memoryDevice } from '../compare/memory-device.js';

const SIZE = 64;

/** A device in memory, and the ranges that were written to it; one of zeros may be larger than the memory. */
function writable(
  bytes: Uint8Array,
  size = bytes.length,
): RandomAccessWriter & { readonly written: Range[] } {
  const written: Range[] = [];
  return {
    ...memoryDevice(bytes),
    size,
    written,
    write: (data, offset) => {
      written.push({ offset, length: data.length });
      bytes.set(data, offset);
    },
    zero: ({ offset, length }) => {
      written.push({ offset, length });
      bytes.fill(0, offset, offset + length);
    },
    sync: () => undefined,
  };
}

const range = fc.record({ offset: fc.nat(2 * SIZE), length: fc.integer({ min: 1, max: SIZE }) });
const record = range.map(({ offset, length }) => ({ offset, data: new Uint8Array(length).fill(offset + 1) }));
const batches = fc.oneof(
  fc.array(record, { maxLength: 4 }).map((records) => batchOf(records)),
  fc.array(range, { maxLength: 4 }).map((ranges): RecordBatch => ({ kind: 'zeros', ranges })),
);

/** Byte by byte: the last record that reaches a byte decides. */
function expectedBytes(batch: RecordBatch): Uint8Array {
  const bytes = new Uint8Array(SIZE).fill(255);
  for (const [i, { offset, length }] of rangesOf(batch).entries())
    for (let at = offset; at < Math.min(offset + length, SIZE); at++)
      bytes[at] = batch.kind === 'zeros' ? 0 : batch.bytes[batch.positions[i]! + at - offset]!;
  return bytes;
}

describe('a batch', () => {
  it('is written as far as the device reaches, and the rest counted', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const bytes = new Uint8Array(SIZE).fill(255);
        const device = writable(bytes);
        const left = writeBatch(batch, device);
        expect(bytes).toEqual(expectedBytes(batch));
        const total = device.written.reduce((sum, { length }) => sum + length, 0);
        expect(left + total).toBe(dataSize(batch));
        expect(device.written.every(({ offset, length }) => length > 0 && offset + length <= SIZE)).toBe(
          true,
        );
      }),
    );
  });

  it('is written as far as it counts: pooled arrays are longer', () => {
    const bytes = new Uint8Array(SIZE);
    const records = [1, 2].map((offset) => ({ offset, data: Uint8Array.of(offset) }));
    expect(writeBatch({ ...batchOf(records), count: 1 } as RecordBatch, writable(bytes))).toBe(0);
    expect(bytes).toEqual(new Uint8Array(SIZE).fill(1, 1, 2));
  });

  it('of zeros is written record by record, so that at most one is half done behind a kill', () => {
    const device = writable(new Uint8Array(0), 2 * ZERO_RECORD_SIZE + 5);
    expect(
      writeBatch({ kind: 'zeros', ranges: [{ offset: 1, length: 2 * ZERO_RECORD_SIZE + 9 }] }, device),
    ).toBe(5);
    expect(device.written).toEqual([
      { offset: 1, length: ZERO_RECORD_SIZE },
      { offset: 1 + ZERO_RECORD_SIZE, length: ZERO_RECORD_SIZE },
      { offset: 1 + 2 * ZERO_RECORD_SIZE, length: 4 },
    ]);
  });
});

it('batches are handed on in order, each given back behind its write', async () => {
  const pool = createBufferPool(100);
  const given: RecordBatch[] = [1, 2].map((offset) => ({
    ...batchOf([{ offset, data: Uint8Array.of(offset) }]),
    bytes: new Uint8Array(100),
    pool,
  }));
  const written: RecordBatch[] = [];
  await writeAll(
    (async function* () {
      yield* given;
    })(),
    (batch) => {
      written.push(batch);
    },
  );
  expect(written).toEqual(given);
  expect(pool.take().buffer).toBe(given[1]!.kind === 'data' && given[1]!.bytes.buffer);
});
