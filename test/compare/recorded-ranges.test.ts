import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differences } from '#src/algebra/differences.js';
import { RecordedRanges } from '#src/compare/recorded-ranges.js';
import { RefusedError } from '#src/errors.js';
import type { RecordBatch } from '#src/format/batch.js';
import { batchOf, codec, type TestRecord } from '../streams.js';
import { memoryDevice } from './memory-device.js';

/** What a journal recorded, held against the device, byte by byte. */

const SPACE = 3 * 512;

interface Written extends TestRecord {
  readonly isZeros: boolean;
}

/** Few values, so that bytes are equal often. */
const bytes = (maxLength: number) => fc.uint8Array({ minLength: 1, maxLength, max: 1 });
const record: fc.Arbitrary<Written> = fc
  .record({ offset: fc.nat(SPACE), data: bytes(SPACE), isZeros: fc.boolean() })
  .map(({ offset, data, isZeros }) => ({
    offset,
    data: isZeros ? new Uint8Array(data.length) : data,
    isZeros,
  }));
const records = fc.array(record, { minLength: 1, maxLength: 3 });

function batchFor({ offset, data, isZeros }: Written): RecordBatch {
  if (isZeros) return { kind: 'zeros', ranges: [{ offset, length: data.length }] };
  const pooled = batchOf([
    { offset, data },
    { offset: 0, data: Uint8Array.of(7) },
  ]);
  return { ...pooled, count: 1 } as RecordBatch;
}

/** Of each byte the first record's, since a journal saves a byte once. */
function firstOf(all: readonly Written[]): Map<number, number> {
  const values = new Map<number, number>();
  for (const { offset, data } of all)
    for (const [i, byte] of data.entries()) if (!values.has(offset + i)) values.set(offset + i, byte);
  return values;
}

/** The records without what an earlier one covers. */
function disjoint(all: readonly Written[]): Written[] {
  const covered = new Set<number>();
  return all.flatMap((each) => {
    const own = [...each.data.keys()].filter((i) => !covered.has(each.offset + i));
    for (const i of own) covered.add(each.offset + i);
    const starts = own.filter((i) => !own.includes(i - 1));
    return starts.map((start) => {
      let end = start;
      while (own.includes(end)) end++;
      return { ...each, offset: each.offset + start, data: each.data.subarray(start, end) };
    });
  });
}

const takeBack = { name: 'take-back', stream: 'undo', device: 'device', skipPastEnd: false } as const;

const open = (device: Uint8Array) => new RecordedRanges(memoryDevice(device), takeBack, codec.openScratch);

describe('what a journal recorded', () => {
  it('is accounted for where the device holds that, or what the stream writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        records,
        records,
        bytes(2 * SPACE),
        fc.nat(3),
        async (images, stream, device, settled) => {
          const preImages = disjoint(images);
          for (const { offset, data } of settled === 0 ? preImages : [])
            device.set(
              data.subarray(0, Math.max(0, device.length - offset)),
              Math.min(offset, device.length),
            );
          const recorded = open(device);
          for (const image of preImages) await recorded.addPreImages(batchFor(image));
          const values = firstOf(preImages);
          expect(recorded.saved.size).toBe(values.size);
          const wanted = (at: number) =>
            stream.some(({ offset, data }) => data[at - offset] === device[at]) ||
            values.get(at) === device[at];
          const open_ = [...values.keys()].filter(
            (at) => at < device.length && device[at] !== values.get(at),
          );
          expect(recorded.isOpen).toBe(open_.length > 0);
          for (const each of stream) await recorded.addStream(batchFor(each));
          for (const image of preImages) await recorded.addStream(batchFor(image));
          const wrong = open_.filter((at) => !wanted(at)).sort((a, b) => a - b);
          expect(recorded.isOpen).toBe(wrong.length > 0);
          const check = () => {
            recorded.check();
          };
          if (wrong.length === 0) expect(check).not.toThrow();
          else {
            expect(check).toThrow(RefusedError);
            expect(check).toThrow(expect.objectContaining({ remedies: [takeBack] }));
            expect(check).toThrow(`byte ${wrong[0]} is neither`);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is remembered by sectors, until the stream is asked byte by byte', async () => {
    const device = new Uint8Array(SPACE);
    const recorded = open(device);
    await recorded.addPreImages(
      batchFor({ offset: 300, data: new Uint8Array(900).fill(1, 500, 501), isZeros: false }),
    );
    expect(recorded.isOpen).toBe(true);
    const sector = { offset: 512, data: new Uint8Array(512), isZeros: false };
    await recorded.addStream(batchFor({ ...sector, data: sector.data.subarray(0, 511) }));
    expect(recorded.isOpen).toBe(true);
    await recorded.addStream(batchFor({ offset: 1023, data: Uint8Array.of(0), isZeros: false }));
    expect(recorded.isOpen).toBe(false);
  });

  it('is held by the device or not', async () => {
    await fc.assert(
      fc.asyncProperty(record, bytes(SPACE), fc.boolean(), async (written, device, holds) => {
        const { offset, data } = written;
        if (holds && offset < device.length) device.set(data.subarray(0, device.length - offset), offset);
        const isHeld =
          offset + data.length <= device.length && data.every((byte, i) => byte === device[offset + i]);
        expect(await open(device).isHeld(batchFor(written))).toBe(isHeld);
      }),
    );
  });

  it('is held only if all of it is', async () => {
    const device = new Uint8Array(64);
    const all = [0, 32, 16].map((offset) => ({ offset, data: Uint8Array.of(offset === 32 ? 1 : 0) }));
    expect(await open(device).isHeld(batchOf(all))).toBe(false);
    expect(await open(device).isHeld(batchOf(all.filter(({ offset }) => offset !== 32)))).toBe(true);
  });

  it('may be long', async () => {
    const size = 5 << 20;
    const device = new Uint8Array(size);
    const recorded = open(device);
    await recorded.addPreImages({ kind: 'zeros', ranges: [{ offset: 0, length: size }] });
    expect(recorded.isOpen).toBe(false);
    device[size - 1] = 1;
    await recorded.addPreImages(batchOf([{ offset: 0, data: new Uint8Array(size) }]));
    expect(() => {
      recorded.check();
    }).toThrow(`byte ${size - 512} is neither`);
  });
});

it('differences are the runs of bytes that differ', () => {
  fc.assert(
    fc.property(bytes(40), fc.nat(9), (a, offset) => {
      const b = a.map((byte, i) => (i % 3 === 0 ? 0 : byte));
      const all = [...differences({ offset, length: a.length }, a, b)];
      const differing = [...a.keys()].filter((i) => a[i] !== b[i]);
      expect(all.flatMap((range) => [...Array(range.length).keys()].map((i) => range.offset + i))).toEqual(
        differing.map((i) => offset + i),
      );
      expect(all.every(({ length }) => length > 0)).toBe(true);
      for (const [i, { offset: at }] of all.entries())
        if (i > 0) expect(at).toBeGreaterThan(all[i - 1]!.offset + all[i - 1]!.length);
    }),
  );
});
