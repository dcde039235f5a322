import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ApplyOptions, ApplyReport } from '#src/apply/work.js';
import { openInput } from '#src/files/open-input.js';
import { lvstream } from '../cli/run-lvstream.js';
import { applied, batchOf, codec, lvsFile, plainStream } from '../streams.js';
import { apply, inputOf, openFile } from './applying.js';
import { makeFolder } from '../device/block-devices.js';
import { digestsOver } from '../compare/digests-over.js';

/** What is done with a device of the wrong size, or one that holds a part of the stream already. */

const PIECE = 4096;
const DEVICE = new Uint8Array(6 * PIECE).fill(9);
const RECORDS = [0, 2, 4].map((block) => ({
  offset: block * PIECE,
  data: new Uint8Array(PIECE).fill(block + 1),
}));

let folder: string;
const at = (name: string) => path.join(folder, name);
beforeEach(() => {
  folder = makeFolder();
});

async function digested(header: { resultSize?: number } = {}): Promise<Uint8Array> {
  const digestPieces = digestsOver(DEVICE);
  const batches = RECORDS.map((record) => {
    const batch = batchOf([record]);
    return { ...batch, pieces: digestPieces(batch) };
  });
  return lvsFile(batches, { id: new Uint8Array(16).fill(4), order: 'sorted', baseDigests: true, ...header });
}

function holding(...done: number[]): string {
  const records = RECORDS.filter((_, i) => done.includes(i));
  writeFileSync(at('device'), applied(DEVICE, records));
  return at('device');
}

function expectHolds(file: string, bytes: Uint8Array): void {
  expect(Buffer.compare(readFileSync(file), bytes)).toBe(0);
}

describe('a device that is too small is refused before anything is written', () => {
  const short = DEVICE.subarray(0, 4 * PIECE + 1);

  it.each([
    ['by the size in the header', async () => inputOf(await digested({ resultSize: DEVICE.length }))],
    ['by the records of a file', async () => inputOf(await digested())],
    [
      'by the headers of a plain file',
      async () => {
        writeFileSync(at('stream'), plainStream(RECORDS));
        return openInput(at('stream'), codec, { pieces: true });
      },
    ],
  ])('%s', async (_, makeInput) => {
    writeFileSync(at('device'), short);
    const refused = apply(await makeInput(), at('device'), { dryRun: true });
    await expect(refused).rejects.toThrow(`has ${short.length} bytes`);
    expectHolds(at('device'), short);
  });

  it('by the size in the header, though every record fits', async () => {
    writeFileSync(at('device'), DEVICE);
    const stream = inputOf(await digested({ resultSize: DEVICE.length + 1 }));
    const says = `has ${DEVICE.length} bytes, the stream is of a device of ${DEVICE.length + 1} bytes`;
    await expect(apply(stream, at('device'))).rejects.toThrow(says);
    expectHolds(at('device'), DEVICE);
  });

  it('or, of a pipe, at the record that does not fit', async () => {
    writeFileSync(at('device'), short);
    const refused = apply(inputOf(plainStream(RECORDS), { rewindable: false }), at('device'));
    await expect(refused).rejects.toThrow(`has ${short.length} bytes`);
  });
});

describe('a device that holds some of the stream', () => {
  const outcomeOf = async (options: Partial<ApplyOptions>): Promise<ApplyReport['outcome']> =>
    (await apply(inputOf(await digested()), at('device'), options)).outcome;

  it.each([[[0]], [[0, 1]]])('from its beginning on, %j, is finished', async (done) => {
    holding(...done);
    expect(await outcomeOf({})).toBe('finished');
    expectHolds(at('device'), applied(DEVICE, RECORDS));
  });

  it.each([[[1]], [[2]], [[0, 2]], [[1, 2]]])('in another order, %j, is refused', async (done) => {
    const device = holding(...done);
    const before = readFileSync(device);
    await expect(outcomeOf({})).rejects.toThrow('in no order that an interrupted apply leaves');
    expectHolds(device, before);
    await outcomeOf({ finish: true });
    expectHolds(device, applied(DEVICE, RECORDS));
  });
});

it('a device that holds a part of one record is finished', async () => {
  const record = { offset: 0, data: new Uint8Array(2 * PIECE).fill(3) };
  const batch = batchOf([record]);
  const pieces = digestsOver(DEVICE)(batch);
  const stream = await lvsFile([{ ...batch, pieces }], { order: 'sorted', baseDigests: true });
  writeFileSync(at('device'), applied(DEVICE, [{ offset: PIECE, data: record.data.subarray(PIECE) }]));
  expect((await apply(inputOf(stream), at('device'))).outcome).toBe('finished');
  expectHolds(at('device'), applied(DEVICE, [record]));
});

describe('an unfinished snapback', () => {
  /** Leaves a journal of the first record alone. */
  async function begin(): Promise<void> {
    writeFileSync(at('device'), DEVICE);
    await apply(inputOf(plainStream(RECORDS.slice(0, 1))), at('device'), { snapback: at('undo') });
    const finished = readFileSync(at('undo'));
    const end = finished.indexOf(Uint8Array.of(0x51, 0x2a, 0x4d, 0x18));
    writeFileSync(at('undo.partial'), finished.subarray(0, end), { mode: 0o600 });
    rmSync(at('undo'));
  }

  it('vouches for the pieces that it has recorded, torn ones too', async () => {
    await begin();
    const torn = DEVICE.slice();
    torn.set(RECORDS[0]!.data.subarray(0, 512));
    writeFileSync(at('device'), torn);
    await apply(inputOf(await digested()), at('device'), { snapback: at('undo') });
    expectHolds(at('device'), applied(DEVICE, RECORDS));
    await apply(await openFile(at('undo')), at('device'));
    expectHolds(at('device'), DEVICE);
  });

  it('that has not recorded what the device holds of the stream is refused', async () => {
    await begin();
    const before = readFileSync(holding(0, 1));
    await expect(apply(inputOf(await digested()), at('device'), { snapback: at('undo') })).rejects.toThrow(
      'that the unfinished snapback has not recorded',
    );
    expectHolds(at('device'), before);
  });
});

describe('verify --against', () => {
  it('says no of a device that ends before the stream does', async () => {
    writeFileSync(at('stream'), plainStream(RECORDS));
    writeFileSync(at('device'), applied(DEVICE, RECORDS).subarray(0, 5 * PIECE - 1));
    const { status, text } = await lvstream(['verify', at('stream'), '--against', at('device')]);
    expect(status).toBe(6);
    expect(text).toContain('ends 1 byte');
  });
});

it.each([
  ['damaged', 3, plainStream(RECORDS).subarray(0, -1), DEVICE],
  ['refused', 4, plainStream(RECORDS), DEVICE.subarray(0, PIECE)],
])('a stream that is %s ends with status %i', async (_, status, stream, device) => {
  writeFileSync(at('stream'), stream);
  writeFileSync(at('device'), device);
  expect((await lvstream(['apply', at('stream'), at('device')])).status).toBe(status);
  expectHolds(at('device'), device);
});
