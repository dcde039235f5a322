import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeStreams } from '#src/algebra/merge-streams.js';
import { BatchBuilder } from '#src/algebra/records/batch-builder.js';
import { expectedPieces } from '#src/algebra/records/expected-pieces.js';
import type { RecordPart } from '#src/algebra/records/record-cursor.js';
import { RefusedError } from '#src/errors.js';
import type { RecordBatch } from '#src/format/batch.js';
import { digestsOver } from '../compare/digests-over.js';
import { batchOf, codec } from '../streams.js';
import { ascendingParts, DEVICE_SIZE, writeParts } from './records/parts.js';

const numRuns = process.env['SLOW'] === '1' ? 10_000 : 200;
const device = new Uint8Array(DEVICE_SIZE).map((_, i) => (i % 251) + 1);

async function* flow(batches: readonly RecordBatch[]): AsyncGenerator<RecordBatch> {
  yield* batches;
}

/** The parts as batches that expect to be written to this device. */
function streamOf(parts: readonly RecordPart[], base: Uint8Array): RecordBatch[] {
  const builder = new BatchBuilder();
  for (const { offset, length, bytes } of parts) builder.add({ offset, length, bytes, pieces: undefined });
  const digest = digestsOver(Buffer.from(base));
  return builder.finish().map((batch) => ({ ...batch, pieces: digest(batch) }));
}

/** The merge of both; undefined where it is refused. */
async function merge(
  s: readonly RecordBatch[],
  t: readonly RecordBatch[],
): Promise<RecordBatch[] | undefined> {
  const merged: RecordBatch[] = [];
  try {
    const batches = mergeStreams([flow(s), flow(t)], { pieces: true, hasher: codec, names: ['s', 't'] });
    for await (const batch of batches) merged.push(batch);
    return merged;
  } catch (error) {
    if (error instanceof RefusedError) return undefined;
    throw error;
  }
}

/** Whether the device holds what is expected wherever that is known, and whether it is known everywhere. */
function judge(batches: readonly RecordBatch[], held: Uint8Array) {
  let [isBase, isKnown] = [true, true];
  for (const { range, expected } of batches.flatMap((batch) => [...expectedPieces(batch)])) {
    const bytes = held.subarray(range.offset, range.offset + range.length);
    if (expected === 'unknown') isKnown = false;
    else if (expected === 'zero') isBase &&= bytes.every((byte) => byte === 0);
    else isBase &&= Buffer.compare(codec.sha256(bytes).subarray(0, 16), expected) === 0;
  }
  return { isBase, isKnown };
}

describe('laws', () => {
  it('merge(s, t) is base on D exactly if s is on D and t is on apply(s, D)', async () => {
    const flips = fc.array(fc.nat(DEVICE_SIZE - 1), { maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(
        ascendingParts(false),
        ascendingParts(false),
        flips,
        flips,
        async (s, t, early, late) => {
          const between = writeParts(device, s);
          const [atS, atT] = [device.slice(), between.slice()];
          for (const at of early) atS[at]! ^= 0xff;
          for (const at of late) atT[at]! ^= 0xff;
          const [one, other] = [streamOf(s, atS), streamOf(t, atT)];
          const isOn = judge(one, device).isBase && judge(other, between).isBase;
          const merged = await merge(one, other);
          if (!merged) expect(judge(other, between).isBase).toBe(false);
          else {
            const { isBase, isKnown } = judge(merged, device);
            if (isOn) expect(isBase).toBe(true);
            if (isKnown) expect(isBase).toBe(isOn);
          }
        },
      ),
      { numRuns },
    );
  });
});

describe('what a stream writes', () => {
  const block = (byte: number, ...numbers: number[]) =>
    batchOf(numbers.map((number) => ({ offset: number * 4096, data: new Uint8Array(4096).fill(byte) })));
  const expecting = (batch: RecordBatch, held: Uint8Array) => {
    const digest = digestsOver(Buffer.from(held));
    return { ...batch, pieces: digest(batch) };
  };

  it('is held against what the next one expects, and the place is named', async () => {
    const s = expecting(block(1, 2), device);
    const t = expecting(block(2, 2, 3), device);
    const merging = mergeStreams([flow([s]), flow([t])], { pieces: true, hasher: codec, names: ['s', 't'] });
    await expect(merging.next()).rejects.toThrow(
      't: byte 8192 of the device: expects something else than the streams before it leave there',
    );
    expect(await merge([s], [expecting(block(2, 2, 3), writeParts(device, [part(2, 1)]))])).toBeDefined();
    expect(await merge([s], [expecting(block(2, 3), device)])).toBeDefined();
  });

  it('is held against it where several records make up a piece, and zeros', async () => {
    const halves = [0, 2048].map((offset) => ({ offset, data: new Uint8Array(2048).fill(9) }));
    const s = batchOf(halves.slice(0, 1));
    const zeros: RecordBatch = { kind: 'zeros', ranges: [{ offset: 2048, length: 2048 }] };
    const held = new Uint8Array(4096);
    held.fill(9, 0, 2048);
    expect(await merge([s, zeros], [expecting(block(1, 0), held)])).toBeDefined();
    held[4095] = 1;
    expect(await merge([s, zeros], [expecting(block(1, 0), held)])).toBeUndefined();
    const none = new Uint8Array(4096);
    expect(
      await merge([{ kind: 'zeros', ranges: [{ offset: 0, length: 4096 }] }], [expecting(block(1, 0), none)]),
    ).toBeDefined();
    expect(await merge([batchOf(halves)], [expecting(block(1, 0), none)])).toBeUndefined();
    expect(await merge([s], [expecting(block(1, 0), none)])).toBeDefined();
  });

  it('is held against nothing without a hasher', async () => {
    const t = expecting(block(2, 2), device);
    const merging = mergeStreams([flow([block(1, 2)]), flow([t])], { pieces: true });
    expect((await merging.next()).done).toBe(false);
  });

  function part(number: number, byte: number): RecordPart {
    return { offset: number * 4096, length: 4096, bytes: new Uint8Array(4096).fill(byte), pieces: undefined };
  }
});
