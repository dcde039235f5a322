import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { invertStream } from '#src/compare/invert-stream.js';
import type { RecordBatch } from '#src/format/batch.js';
import { PieceRunBuilder, piecesOf } from '#src/format/pieces.js';
import { apply, type Batches, coalesced, collect, flow, SIZE, sorted } from '../algebra/small-streams.js';
import { batchOf, codec } from '../streams.js';
import { memoryDevice } from './memory-device.js';

/** The laws of section 7 of inverting. */

const numRuns = process.env['SLOW'] === '1' ? 10_000 : 200;
const devices = fc.uint8Array({ minLength: SIZE, maxLength: SIZE });

const invert = (s: Batches, device: Uint8Array) =>
  collect(invertStream(flow(s), memoryDevice(device), codec));

const law = (name: string, check: (s: Batches, device: Uint8Array) => Promise<void>) =>
  it(name, async () => {
    await fc.assert(fc.asyncProperty(sorted, devices, check), { numRuns });
  });

describe('laws', () => {
  law('apply(invert(s, D), apply(s, D)) = D', async (s, device) => {
    expect(apply(await invert(s, device), apply(s, device))).toEqual(device);
  });

  law('invert(invert(s, D), apply(s, D)) = coalesce(s)', async (s, device) => {
    const undo = await invert(s, device);
    expect(coalesced(await invert(undo, apply(s, device)))).toEqual(coalesced(s));
  });

  law('the pieces of invert(s, D) are those of apply(s, D)', async (s, device) => {
    for (const batch of await invert(s, device))
      expect(batch.pieces).toEqual(piecesIn(batch, apply(s, device)));
  });
});

function piecesIn(batch: RecordBatch, device: Uint8Array): Uint8Array {
  const runs = new PieceRunBuilder();
  for (const { offset, length } of piecesOf(batch)) {
    const piece = device.subarray(offset, offset + length);
    if (piece.every((byte) => byte === 0)) runs.addZero(1);
    else runs.addDigest(createHash('sha256').update(piece).digest());
  }
  return runs.takeSection();
}

describe('an inverted stream', () => {
  it('joins records that touch, and leaves out what lies past the end', async () => {
    const record = (offset: number, length: number) => ({ offset, data: new Uint8Array(length).fill(1) });
    const device = new Uint8Array(100).fill(9);
    const undo = await invert(
      [batchOf([record(10, 20), record(30, 5)]), batchOf([record(35, 5), record(90, 20)])],
      device,
    );
    const records = undo.flatMap((batch) => [...piecesOf(batch)]);
    expect(records).toEqual([
      { offset: 10, length: 30 },
      { offset: 90, length: 10 },
    ]);
  });

  it('of long records has pieces of each of its own', async () => {
    const length = (5 << 20) + 77;
    const old = new Uint8Array(length + 100).map((_, i) => (i % 253) + 1);
    old.fill(0, 1 << 20, 3 << 20);
    const data = new Uint8Array(length).map((_, i) => (i % 251) + 1);
    const s = [batchOf([{ offset: 33, data }])];
    const undo = await invert(s, old);
    expect(undo.some(({ kind }) => kind === 'zeros')).toBe(true);
    const after = apply(s, old);
    for (const batch of undo) expect(Buffer.compare(batch.pieces!, piecesIn(batch, after))).toBe(0);
    expect(Buffer.compare(apply(undo, after), old)).toBe(0);
  });
});
