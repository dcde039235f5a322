import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { applyStream } from '#src/apply/apply.js';
import type { ApplyOptions } from '#src/apply/work.js';
import { hintOf } from '#src/cli/exit.js';
import { DeviceError, RefusedError } from '#src/errors.js';
import { openIndex, openInput } from '#src/files/open-input.js';
import { endsOf } from '#src/format/lvs/maps/ends.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { applied, batchOf, codec, lvsFile, plainStream } from '../streams.js';
import { OPTIONS } from './applying.js';
import { digestsOver } from '../compare/digests-over.js';

const PIECE = 4096;
const RECORDS = [
  { offset: 0, data: new Uint8Array(PIECE).fill(1) },
  { offset: 2 * PIECE, data: new Uint8Array(PIECE).fill(2) },
];
const DEVICE = new Uint8Array(4 * PIECE).fill(9);
const AFTER = applied(DEVICE, RECORDS);
const ID = new Uint8Array(16).fill(7);

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refusals-'));
  writeFileSync(at('device'), DEVICE);
  writeFileSync(at('stream'), plainStream(RECORDS));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const openFile = (path: string) => openInput(path, codec, { pieces: true });

async function apply(stream: string, options: Partial<ApplyOptions> = {}, device = 'device') {
  const input = await openFile(at(stream));
  try {
    return await applyStream(input, at(device), codec, openFile, { ...OPTIONS, ...options });
  } finally {
    input.close();
  }
}

function expectHolds(name: string, bytes: Uint8Array): void {
  expect(Buffer.compare(readFileSync(at(name)), bytes)).toBe(0);
}

test('a file beside the snapback that is no journal stays as it is', async () => {
  writeFileSync(at('undo.partial'), 'precious', { mode: 0o600 });
  await expect(apply('stream', { snapback: at('undo') })).rejects.toThrow(RefusedError);
  expectHolds('undo.partial', Buffer.from('precious'));
  expectHolds('device', DEVICE);
});

test('a journal whose header claims to be longer than the file is kept', async () => {
  await apply('stream', { snapback: at('undo') });
  const journal = readFileSync(at('undo'));
  journal[6]! ^= 0x80;
  writeFileSync(at('undo.partial'), journal, { mode: 0o600 });
  rmSync(at('undo'));
  await expect(apply('stream', { snapback: at('undo') })).rejects.toThrow(RefusedError);
  expectHolds('undo.partial', journal);
});

test('a device whose name ends in .partial is no journal', async () => {
  renameSync(at('device'), at('undo.partial'));
  await expect(apply('stream', { snapback: at('undo') }, 'undo.partial')).rejects.toThrow(RefusedError);
  expectHolds('undo.partial', DEVICE);
});

test('a journal with a damaged header is kept: what it recorded may be all that is left', async () => {
  await apply('stream', { snapback: at('undo') });
  const journal = readFileSync(at('undo'));
  journal[40]! ^= 1;
  writeFileSync(at('undo.partial'), journal, { mode: 0o600 });
  rmSync(at('undo'));
  await expect(apply('stream', { snapback: at('undo') })).rejects.toThrow(RefusedError);
  expectHolds('undo.partial', journal);
});

test.each([0, 1, 4, 100])('a journal that ends behind byte %i is begun anew', async (size) => {
  await apply('stream', { snapback: at('undo') });
  writeFileSync(at('undo.partial'), readFileSync(at('undo')).subarray(0, size), { mode: 0o600 });
  rmSync(at('undo'));
  writeFileSync(at('device'), DEVICE);
  await apply('stream', { snapback: at('undo') });
  await apply('undo');
  expectHolds('device', DEVICE);
});

test('killed before its second name is gone, a snapback that was put elsewhere is not cut', async () => {
  await apply('stream', { snapback: at('undo') });
  mkdirSync(at('archive'));
  linkSync(at('undo'), at('undo.partial'));
  renameSync(at('undo'), at('archive/undo'));
  const saved = readFileSync(at('archive/undo'));
  await apply('stream', { snapback: at('undo') });
  expectHolds('archive/undo', saved);
  expect(existsSync(at('undo.partial'))).toBe(false);
});

test.each(['', '-', 'new/', 'x.partial'])('a snapback is not called %j', async (name) => {
  const snapback = name === '' || name === '-' ? name : at(name);
  await expect(apply('stream', { snapback })).rejects.toThrow(RefusedError);
  expectHolds('device', DEVICE);
});

test('a link or folder where the journal belongs is an error of the device kind, before anything is written', async () => {
  symlinkSync(at('nowhere'), at('undo.partial'));
  await expect(apply('stream', { snapback: at('undo') })).rejects.toThrow(DeviceError);
  rmSync(at('undo.partial'));
  mkdirSync(at('undo.partial'));
  await expect(apply('stream', { snapback: at('undo') })).rejects.toThrow(DeviceError);
  await expect(apply('stream', { snapback: at('n'.repeat(250)) })).rejects.toThrow(DeviceError);
  expectHolds('device', DEVICE);
});

test('a stream is not applied to itself', async () => {
  const stream = plainStream([{ offset: 0, data: Uint8Array.of(1, 2, 3) }]);
  writeFileSync(at('stream'), stream);
  linkSync(at('stream'), at('other-name'));
  await expect(apply('stream', {}, 'stream')).rejects.toThrow(RefusedError);
  await expect(apply('stream', {}, 'other-name')).rejects.toThrow(RefusedError);
  expectHolds('stream', stream);
});

async function streamWithDigests(device: Uint8Array): Promise<Uint8Array> {
  const digestPieces = digestsOver(device);
  const batches = RECORDS.map((record) => {
    const batch = batchOf([record]);
    return { ...batch, pieces: digestPieces(batch) };
  });
  return lvsFile(batches, { id: ID, order: 'sorted', baseDigests: true });
}

test('what was salvaged of a stream is not all of it: the whole stream is applied afterwards', async () => {
  const stream = await lvsFile(
    RECORDS.map((record) => batchOf([record])),
    { id: ID, result: { id: 'lv:after' } },
  );
  writeFileSync(at('stream'), stream);
  writeFileSync(at('damaged'), stream.subarray(0, stream.length - 400));
  const salvaged = await apply('damaged', { snapback: at('undo'), salvage: true });
  expect(salvaged.fault).toBeDefined();
  writeFileSync(at('device'), applied(DEVICE, RECORDS.slice(0, 1)));
  await expect(apply('stream', { snapback: at('undo') })).rejects.toThrow(RefusedError);
  const undo = await openFile(at('undo'));
  const { header, closing } = (await openIndex(undo, codec))!;
  undo.close();
  expect(endsOf(header, closing).base?.id).toMatch(/^uuid:/);
});

test('a stream that goes past the end is not called applied for the sake of its other records', async () => {
  writeFileSync(at('stream'), await streamWithDigests(DEVICE));
  const short = DEVICE.slice(0, 2 * PIECE + 100);
  short.set(RECORDS[0]!.data);
  writeFileSync(at('device'), short);
  const { outcome } = await apply('stream', { skipPastEnd: true });
  expect(outcome).toBe('finished');
  expectHolds('device', AFTER.slice(0, short.length));
});

test('a piece of another base is seen though a record of its batch goes past the end', async () => {
  const batch = batchOf(RECORDS);
  const pieces = digestsOver(DEVICE)(batch);
  writeFileSync(at('stream'), await lvsFile([{ ...batch, pieces }], { order: 'sorted', baseDigests: true }));
  const short = DEVICE.slice(0, 2 * PIECE + 100).fill(5, 0, 10);
  writeFileSync(at('device'), short);
  await expect(apply('stream', { skipPastEnd: true })).rejects.toThrow(RefusedError);
  expectHolds('device', short);
});

test('a device that is larger than the one of the stream is written, and that it is gets said', async () => {
  const size = DEVICE.length;
  const notices = async (header: Partial<StreamHeader>, options: Partial<ApplyOptions> = {}) => {
    writeFileSync(at('stream'), await lvsFile([batchOf(RECORDS)], header));
    return (await apply('stream', options)).notices;
  };
  const said = [
    `${at('device')} has ${size} bytes, and the stream is of a device of ${size - 1}: what lies behind stays as it is`,
  ];
  expect(await notices({ baseSize: size - 2, resultSize: size - 1 }, { dryRun: true })).toEqual(said);
  expect(await notices({ baseSize: size - 1 })).toEqual(said);
  expectHolds('device', AFTER);
  expect(await notices({ baseSize: size, resultSize: size - 1 })).toEqual([]);
  expect(await notices({})).toEqual([]);
});

test.each([
  ['a plain stream', () => plainStream(RECORDS)],
  ['a file without an id', () => lvsFile(RECORDS.map((record) => batchOf([record])))],
])('killed while its snapback had two names, %s is already applied', async (_, make) => {
  writeFileSync(at('stream'), await make());
  await apply('stream', { snapback: at('undo') });
  linkSync(at('undo'), at('undo.partial'));
  const saved = readFileSync(at('undo'));
  expect((await apply('stream', { snapback: at('undo'), dryRun: true })).outcome).toBe('already-applied');
  expect(existsSync(at('undo.partial'))).toBe(true);
  expect((await apply('stream', { snapback: at('undo') })).outcome).toBe('already-applied');
  expect(existsSync(at('undo.partial'))).toBe(false);
  expectHolds('undo', saved);
});

test('another stream under the name of a finished snapback is refused, with no hint to remove it', async () => {
  await apply('stream', { snapback: at('undo') });
  const other = plainStream([...RECORDS, { offset: 3 * PIECE, data: Uint8Array.of(1) }]);
  writeFileSync(at('stream'), other);
  await expect(apply('stream', { snapback: at('undo') })).rejects.toMatchObject({
    message: expect.stringContaining('exists already') as string,
    hint: 'choose another name',
  });
});

test('a newer dump of a block that has been written already is refused, with the way back', async () => {
  await apply('stream', { snapback: at('un do') });
  const journal = readFileSync(at('un do'));
  const firstPage = journal.indexOf(Uint8Array.of(0x51, 0x2a, 0x4d, 0x18));
  writeFileSync(at('un do.partial'), journal.subarray(0, firstPage), { mode: 0o600 });
  rmSync(at('un do'));
  writeFileSync(at('newer'), plainStream([{ offset: 0, data: new Uint8Array(PIECE).fill(8) }]));
  const command = `lvstream apply --salvage '${at('un do.partial')}' ${at('device')}`;
  const refusal: unknown = await apply('newer', { snapback: at('un do') }).catch((error: unknown) => error);
  expect(hintOf(refusal as RefusedError)).toContain(command);
  expectHolds('device', AFTER);
  await apply('un do.partial', { salvage: true });
  expectHolds('device', DEVICE);
  await apply('newer', { snapback: at('un do') });
  await apply('un do');
  expectHolds('device', DEVICE);
});
