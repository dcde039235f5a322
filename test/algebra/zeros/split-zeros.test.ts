import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitZeroRuns, takeZeroRecords } from '#src/algebra/zeros/split-zeros.js';
import { createZeroTest } from '#src/algebra/zeros/zero-runs.js';
import { countRecords, type DataBatch, rangesOf, type RecordBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { lvsFile, openBytes } from '../../streams.js';

const numRuns = process.env['SLOW'] === '1' ? 5_000 : 100;
const unit = 32 << 10;
const KiB = 1 << 10;

interface Segment {
  readonly offset: number;
  readonly data: Buffer;
}

/** A PROTO[3] stream of these records, without its first line. */
const encode = (records: readonly Segment[]): Buffer =>
  Buffer.concat(
    records.flatMap(({ offset, data }) => {
      const header = Buffer.alloc(12);
      header.writeBigUInt64BE(BigInt(offset));
      header.writeUInt32BE(data.length, 8);
      return [header, data];
    }),
  );

/** The stream in batches of about `size` bytes, records going on from one to the next; `shift` sets the alignment. */
function batchesOf(records: readonly Segment[], size: number, shift = 0): DataBatch[] {
  const batches: DataBatch[] = [];
  let parts: { bytes: Buffer; offset: number; length: number }[] = [];
  let continues = false;
  const close = (open: boolean): void => {
    if (parts.length === 0) return;
    const bytes = Buffer.concat([Buffer.alloc(shift, 9), ...parts.map((part) => part.bytes)]).subarray(shift);
    let at = 0;
    const positions = parts.map((part) => (at += part.bytes.length) - part.length);
    const offsets = Float64Array.from(parts, (part) => part.offset);
    const lengths = Uint32Array.from(parts, (part) => part.length);
    const arrays = { offsets, lengths, positions: Uint32Array.from(positions) };
    batches.push({ kind: 'data', bytes, count: parts.length, ...arrays, continues, open });
    parts = [];
    continues = open;
  };
  for (const record of records) {
    const bytes = encode([record]);
    for (let from = 0; from < bytes.length;) {
      const used = parts.reduce((sum, part) => sum + part.bytes.length, 0);
      const end = Math.min(bytes.length, from + Math.max(13, size - used));
      const offset = record.offset + Math.max(0, from - 12);
      parts.push({ bytes: bytes.subarray(from, end), offset, length: end - Math.max(12, from) });
      if (end < bytes.length) close(true);
      else if (used + end - from >= size) close(false);
      from = end;
    }
  }
  close(false);
  return batches;
}

async function* flow(batches: readonly RecordBatch[]): AsyncGenerator<RecordBatch> {
  for (const batch of batches) yield Promise.resolve(batch);
}

async function collect(batches: AsyncIterable<RecordBatch>): Promise<RecordBatch[]> {
  const all: RecordBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** The stream that batches stand for, zero ranges as records of at most 16 MiB, and whether parts of records fit. */
function streamOf(batches: readonly RecordBatch[]): Buffer {
  let open = false;
  const pieces = batches.map((batch) => {
    if (batch.kind === 'zeros') {
      expect(open).toBe(false);
      return encode(batch.ranges.map(({ offset, length }) => ({ offset, data: Buffer.alloc(length) })));
    }
    expect(batch.continues).toBe(open);
    open = batch.open;
    return Buffer.from(batch.bytes);
  });
  expect(open).toBe(false);
  return Buffer.concat(pieces);
}

/** Writes what the arrays say, in order. */
function apply(device: Buffer, batches: readonly RecordBatch[]): Buffer {
  const result = Buffer.from(device);
  for (const batch of batches) {
    rangesOf(batch).forEach(({ offset, length }, i) => {
      if (batch.kind === 'zeros') result.fill(0, offset, offset + length);
      else result.set(batch.bytes.subarray(batch.positions[i], batch.positions[i]! + length), offset);
    });
  }
  return result;
}

/** The records that the bytes of the batches hold, read without their arrays. */
function parse(stream: Buffer): Segment[] {
  const records: Segment[] = [];
  for (let at = 0; at < stream.length;) {
    const length = stream.readUInt32BE(at + 8);
    records.push({
      offset: Number(stream.readBigUInt64BE(at)),
      data: stream.subarray(at + 12, at + 12 + length),
    });
    at += 12 + length;
  }
  return records;
}

const zeroRanges = (batches: readonly RecordBatch[]): readonly Range[] =>
  batches.flatMap((batch) => (batch.kind === 'zeros' ? batch.ranges : []));

const deviceSize = 40 * unit;

/** Sorted records: each a gap, then stretches of zeros and of data, some of an odd length. */
const stretch = fc.record({ zero: fc.boolean(), units: fc.integer({ min: 1, max: 6 }), odd: fc.nat(5) });
const sortedRecords = fc
  .array(
    fc.record({
      gap: fc.constantFrom(0, 0, 512, unit),
      parts: fc.array(stretch, { minLength: 1, maxLength: 4 }),
    }),
    {
      maxLength: 8,
    },
  )
  .map((specs) => {
    const records: Segment[] = [];
    let offset = 0;
    for (const { gap, parts } of specs) {
      offset += gap;
      const data = Buffer.concat(
        parts.map(({ zero, units, odd }) => Buffer.alloc(units * unit + odd, zero ? 0 : 1 + odd)),
      );
      if (offset + data.length > deviceSize) break;
      records.push({ offset, data });
      offset += data.length;
    }
    return records;
  });
const batchSize = fc.constantFrom(1000, 100 * KiB, 200 * KiB, 1 << 20);
const device = Buffer.alloc(deviceSize, 0xee);

describe('splitZeroRuns', () => {
  it('gives a stream of the same effect, in order, of whole records', async () => {
    await fc.assert(
      fc.asyncProperty(sortedRecords, batchSize, fc.nat(7), async (records, size, shift) => {
        const expected = apply(device, batchesOf(records, size));
        const result = await collect(splitZeroRuns(flow(batchesOf(records, size, shift))));
        expect(apply(device, result).equals(expected)).toBe(true);
        const parsed = parse(streamOf(result));
        let last = 0;
        for (const { offset, data } of parsed) {
          expect(offset).toBeGreaterThanOrEqual(last);
          last = offset + data.length;
        }
        for (const batch of result)
          if (batch.kind === 'data') expect([batch.continues, batch.open]).toEqual([false, false]);
        for (const { length } of zeroRanges(result)) expect(length).toBeGreaterThanOrEqual(128 * KiB);
      }),
      { numRuns },
    );
  });

  it('leaves no run of 128 KiB within a batch', async () => {
    await fc.assert(
      fc.asyncProperty(sortedRecords, async (records) => {
        const result = await collect(splitZeroRuns(flow(batchesOf(records, 1 << 30))));
        const again = await collect(splitZeroRuns(flow(result)));
        expect(zeroRanges(again)).toEqual(zeroRanges(result));
      }),
      { numRuns },
    );
  });

  it('passes batches without long runs through as they are', async () => {
    const records = [
      { offset: 0, data: Buffer.alloc(127 * KiB) },
      { offset: 200 * KiB, data: Buffer.alloc(300 * KiB, 1) },
    ];
    const batches = batchesOf(records, 1 << 20);
    const result = await collect(splitZeroRuns(flow(batches)));
    expect(result).toHaveLength(1);
    expect(result[0]).toBe(batches[0]);
  });

  it('joins a run through batches, and across records that touch', async () => {
    const records = Array.from({ length: 40 }, (_, i) => ({
      offset: i * 96 * KiB,
      data: Buffer.alloc(96 * KiB),
    }));
    const result = await collect(splitZeroRuns(flow(batchesOf(records, 1 << 20))));
    expect(zeroRanges(result)).toEqual([{ offset: 0, length: 40 * 96 * KiB }]);
  });

  it('cuts records at multiples of 4096 device bytes', async () => {
    const data = Buffer.concat([Buffer.alloc(1000, 1), Buffer.alloc(200 * KiB), Buffer.alloc(1000, 1)]);
    const result = await collect(splitZeroRuns(flow(batchesOf([{ offset: 100, data }], 1 << 20))));
    const [range] = zeroRanges(result);
    expect(result.map(({ kind }) => kind)).toEqual(['data', 'zeros', 'data']);
    expect(range).toEqual({ offset: 4096, length: 196 * KiB });
  });

  it('passes a terabyte on in ranges that each fill a zero frame', async () => {
    const tera = 2 ** 40;
    const result = await collect(
      splitZeroRuns(flow([{ kind: 'zeros', ranges: [{ offset: 512, length: tera }] }])),
    );
    const ranges = zeroRanges(result);
    const lengths = new Set(ranges.slice(0, -1).map(({ length }) => length));
    expect([...lengths]).toEqual([63 << 24]);
    expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBe(tera);
    expect(
      ranges.every(({ offset }, i) => i === 0 || offset === ranges[i - 1]!.offset + ranges[i - 1]!.length),
    ).toBe(true);
  });

  it('keeps content within what a data frame holds', async () => {
    const records = [{ offset: 0, data: Buffer.alloc(24 << 20, 1) }];
    const result = await collect(splitZeroRuns(flow(batchesOf(records, 8 << 20))));
    for (const batch of result)
      if (batch.kind === 'data') expect(batch.bytes.length).toBeLessThanOrEqual(8 << 20);
    expect(apply(Buffer.alloc(24 << 20), result).equals(records[0]!.data)).toBe(true);
  });
});

describe('takeZeroRecords', () => {
  it('stands for the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(sortedRecords, batchSize, fc.nat(7), async (records, size, shift) => {
        const result = await collect(takeZeroRecords(flow(batchesOf(records, size, shift))));
        expect(streamOf(result).equals(encode(records))).toBe(true);
        expect(result.reduce((sum, batch) => sum + countRecords(batch), 0)).toBe(records.length);
      }),
      { numRuns },
    );
  });

  it('takes every whole record of zeros from 128 KiB to 16 MiB, in any order, and no others', async () => {
    const sizes = [128 * KiB - 1, 128 * KiB, 128 * KiB, 16 << 20, (16 << 20) + 1];
    const records = sizes.map((size, i) => ({ offset: (9 - i) * 2 ** 25, data: Buffer.alloc(size) }));
    const result = await collect(takeZeroRecords(flow(batchesOf(records, 2 ** 30))));
    expect(zeroRanges(result).map(({ length }) => length)).toEqual(sizes.slice(1, 4));
    expect(result.map(({ kind }) => kind)).toEqual(['data', 'zeros', 'data']);
    expect(streamOf(result).equals(encode(records))).toBe(true);
  });

  it('leaves a record alone that goes on in another batch', async () => {
    const batches = batchesOf([{ offset: 0, data: Buffer.alloc(2 << 20) }], 1 << 20);
    const result = await collect(takeZeroRecords(flow(batches)));
    expect(result.every((batch, i) => batch === batches[i])).toBe(true);
  });

  it('passes zero batches on', async () => {
    const zeros: RecordBatch = { kind: 'zeros', ranges: [{ offset: 0, length: 2 ** 30 }] };
    expect(await collect(takeZeroRecords(flow([zeros])))).toEqual([zeros]);
  });
});

describe('the test for zeros', () => {
  it('sees a single byte anywhere, whatever the alignment', () => {
    const place = {
      base: fc.nat(9),
      position: fc.nat(40),
      length: fc.integer({ min: 1, max: 200 }),
      at: fc.nat(),
    };
    fc.assert(
      fc.property(fc.record(place), ({ base, position, length, at }) => {
        const bytes = new Uint8Array(new ArrayBuffer(300), base);
        bytes.fill(1);
        bytes.fill(0, position, position + length);
        expect(createZeroTest(bytes)(position, length)).toBe(true);
        bytes[position + (at % length)] = 0x80;
        expect(createZeroTest(bytes)(position, length)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('long ranges apart from each other', () => {
  const MiB = 1024 * KiB;
  const long = [600, 600, 1000].map((size, i) => ({ offset: i * 2048 * MiB, length: size * MiB }));

  it('come in batches that each fit a zero frame', async () => {
    const batches = long.map((range): RecordBatch => ({ kind: 'zeros', ranges: [range] }));
    const split = await collect(splitZeroRuns(flow(batches)));
    expect(zeroRanges(split)).toEqual(long);
    const file = await lvsFile(split);
    const read = await collect((await openBytes(file)).batches);
    expect(zeroRanges(read)).toEqual(long);
  });

  it('are not written as one batch', async () => {
    await expect(lvsFile([{ kind: 'zeros', ranges: long }])).rejects.toThrow('do not fit one zero frame');
  });
});
