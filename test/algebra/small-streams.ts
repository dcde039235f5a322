import fc from 'fast-check';
import { rangesOf, type RecordBatch } from '#src/format/batch.js';
import { batchOf, type TestRecord } from '../streams.js';

/** Streams on devices of 64 bytes, and what they mean byte by byte. */

/** Bytes of the device. */
export const SIZE = 64;

export type Batches = readonly RecordBatch[];

/** A sorted stream: batches of records of a few bytes that often touch; zeros among them as ranges. */
export const sorted: fc.Arbitrary<Batches> = fc
  .array(
    fc.record({
      gap: fc.constantFrom(0, 0, 1, 5),
      length: fc.integer({ min: 1, max: 12 }),
      byte: fc.integer({ min: 0, max: 255 }),
      ends: fc.boolean(),
    }),
    { maxLength: 10 },
  )
  .map((specs) => {
    const batches: RecordBatch[] = [];
    let records: TestRecord[] = [];
    let end = 0;
    const close = () => {
      if (records.length > 0) batches.push(batchOf(records));
      records = [];
    };
    for (const { gap, length, byte, ends } of specs) {
      const offset = end + gap;
      if (offset + length > SIZE) break;
      end = offset + length;
      if (byte === 0) {
        close();
        batches.push({ kind: 'zeros', ranges: [{ offset, length }] });
      } else records.push({ offset, data: new Uint8Array(length).fill(byte) });
      if (ends) close();
    }
    close();
    return batches;
  });

export async function* flow(batches: Batches): AsyncGenerator<RecordBatch> {
  yield* batches;
}

export async function collect(batches: AsyncIterable<RecordBatch>): Promise<RecordBatch[]> {
  const all: RecordBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

export function recordsOf(batches: Batches): TestRecord[] {
  return batches.flatMap((batch) =>
    rangesOf(batch).map(({ offset, length }, i) => {
      if (batch.kind === 'zeros') return { offset, data: new Uint8Array(length) };
      const at = batch.positions[i]!;
      return { offset, data: batch.bytes.slice(at, at + length) };
    }),
  );
}

export function apply(batches: Batches, device: Uint8Array): Uint8Array {
  const result = device.slice();
  for (const { offset, data } of recordsOf(batches)) result.set(data, offset);
  return result;
}

/** The stream as a list of what it leaves in each byte that it writes. */
export function coalesced(batches: Batches): [number, number][] {
  const bytes = new Map<number, number>();
  for (const { offset, data } of recordsOf(batches)) data.forEach((byte, i) => bytes.set(offset + i, byte));
  return [...bytes].sort(([a], [b]) => a - b);
}
