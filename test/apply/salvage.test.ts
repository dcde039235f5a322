import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ApplyOptions } from '#src/apply/work.js';
import { applyStream } from '#src/apply/apply.js';
import { openInput } from '#src/files/open-input.js';
import { lvstream } from '../cli/run-lvstream.js';
import { applied, batchOf, codec, lvsFile, plainStream } from '../streams.js';
import { OPTIONS } from './applying.js';
import { digestsOver } from '../compare/digests-over.js';

/** A salvage leaves out what lies behind the damage, and no check of what lies before it. */

const PIECE = 4096;
const folder = mkdtempSync(join(tmpdir(), 'salvage-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

let files = 0;
function fileOf(bytes: Uint8Array): string {
  const path = join(folder, `file-${files++}`);
  writeFileSync(path, bytes);
  return path;
}

/** More frames than an index page lists. */
const COUNT = 4100;
const BASE = new Uint8Array(COUNT * 16).fill(9);
const RECORDS = Array.from({ length: COUNT }, (_, i) => ({
  offset: i * 16,
  data: new Uint8Array(8).fill(i % 8),
}));
const WRONG = BASE.slice().fill(1, 16, 17);

async function digested(): Promise<Uint8Array> {
  const digestPieces = digestsOver(BASE);
  const batches = RECORDS.map((record) => {
    const batch = batchOf([record]);
    return { ...batch, pieces: digestPieces(batch) };
  });
  return lvsFile(batches, { id: new Uint8Array(16).fill(3), order: 'sorted', baseDigests: true });
}

/** The same without the end of the last page, which lists the last seven records: a page has room left for a pair of frames. */
async function cut(): Promise<Uint8Array> {
  const whole = await digested();
  const seekTable = Buffer.from(whole).lastIndexOf(Uint8Array.of(0x5e, 0x2a, 0x4d, 0x18));
  return whole.subarray(0, seekTable - 20);
}

const openFile = (path: string) => openInput(path, codec, { pieces: true });

async function apply(stream: string, device: string, options: Partial<ApplyOptions> = {}) {
  const input = await openInput(stream, codec, { pieces: true, rewindable: true });
  try {
    return await applyStream(input, device, codec, openFile, { ...OPTIONS, ...options });
  } finally {
    input.close();
  }
}

function expectHolds(path: string, bytes: Uint8Array): void {
  expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
}

describe('a whole stream, with --salvage', () => {
  it('is refused by a device of another base, and applied without a remark to its own', async () => {
    const stream = fileOf(await digested());
    const wrong = fileOf(WRONG);
    const refused = await lvstream(['apply', '--salvage', '--no-sync', stream, wrong]);
    expect(refused.status).toBe(4);
    expect(refused.errors).toContain('byte 16 and what follows is not what the stream was made for');
    expectHolds(wrong, WRONG);
    const right = fileOf(BASE);
    const done = await lvstream(['apply', '--salvage', '--no-sync', stream, right]);
    expect(done).toMatchObject({ status: 0, errors: '' });
    expectHolds(right, applied(BASE, RECORDS));
  });

  it('is already applied where it is', async () => {
    const [stream, device, snapback] = [fileOf(await digested()), fileOf(BASE), join(folder, 'undo-twice')];
    await apply(stream, device, { snapback });
    expect((await apply(stream, device, { salvage: true, snapback })).outcome).toBe('already-applied');
  });

  it('is refused as a snapback by a device that does not hold what it undoes', async () => {
    const [device, snapback] = [fileOf(BASE), join(folder, 'undo-other')];
    await apply(fileOf(plainStream(RECORDS)), device, { snapback });
    writeFileSync(device, WRONG);
    await expect(apply(snapback, device, { salvage: true })).rejects.toThrow('wrong base');
    expectHolds(device, WRONG);
  });
});

describe('a damaged stream, with --salvage', () => {
  it('is refused where a page before the damage says that the base is another', async () => {
    const stream = fileOf(await cut());
    const wrong = fileOf(WRONG);
    await expect(apply(stream, wrong, { salvage: true })).rejects.toThrow('wrong base');
    expectHolds(wrong, WRONG);
  });

  it('says how much of its base could not be checked', async () => {
    const stream = fileOf(await cut());
    const device = fileOf(BASE);
    const { fault, notices } = await apply(stream, device, { salvage: true });
    expect(fault?.fault).toBe('truncated');
    expect(notices).toEqual(['56 bytes could not be checked: the damage has left no digests of their base']);
    expectHolds(device, applied(BASE, RECORDS));
  });

  it('is refused as a snapback while a newer one has not been rolled back', async () => {
    const device = fileOf(new Uint8Array(2 * PIECE));
    const write = (block: number) =>
      plainStream([{ offset: block * PIECE, data: new Uint8Array(PIECE).fill(5) }]);
    const [older, newer] = [join(folder, 'older'), join(folder, 'newer')];
    await apply(fileOf(write(0)), device, { snapback: older });
    await apply(fileOf(write(1)), device, { snapback: newer });
    writeFileSync(older, readFileSync(older).subarray(0, -60));
    await expect(apply(older, device, { salvage: true })).rejects.toThrow('has not been rolled back yet');
    expectHolds(device, new Uint8Array(2 * PIECE).fill(5));
  });
});
