import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RefusedError } from '#src/errors.js';
import { readLvsHeader } from '#src/files/lvs-header.js';
import { surveyDamage, writeSalvage } from '#src/files/salvage-input.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { batchOf, codec, lvsFile, openBytes, sourceOf } from '../streams.js';
import { apply, inputOf, openFile } from '../apply/applying.js';

/** A snapback or salvage that was written can be read, whatever the stream said of itself. */

const LIMIT = 2 ** 20;
const BEFORE = new Uint8Array(4096).fill(7);
const RECORDS = [{ offset: 9, data: new Uint8Array(50).fill(1) }];
const ID = new Uint8Array(16).fill(5);

let folder: string;
let device: string;
let snapback: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'room-'));
  [device, snapback] = [join(folder, 'device'), join(folder, 'undo')];
  writeFileSync(device, BEFORE);
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const streamOf = (header: Partial<StreamHeader>, extras?: Parameters<typeof lvsFile>[2]) =>
  lvsFile([batchOf(RECORDS)], { id: ID, ...header }, extras);
const names = (length: number) => ({ note: 'x'.repeat(length) });
const expectUntouched = () => {
  expect(Buffer.compare(readFileSync(device), BEFORE)).toBe(0);
};

test.each([
  ['names of the origin', { origin: names(LIMIT - 150) }, {}],
  ['details of its base', { base: { id: 'lv:a', details: names(LIMIT - 150) } }, {}],
  ['details of its result', { result: { id: 'lv:b', details: names(LIMIT - 150) } }, {}],
  ['details of its result, said at the end', {}, { result: { id: 'lv:b', details: names(LIMIT - 126) } }],
  ['a name of its result, said at the end', {}, { result: { id: 'x'.repeat(LIMIT - 116) } }],
])('%s that fill what room there is leave a snapback that goes back', async (_, header, extras) => {
  await apply(inputOf(await streamOf(header, () => extras)), device, { snapback });
  await apply(await openFile(snapback), device);
  expectUntouched();
});

test('a name of the base that has no room beside what a snapback says is refused before the first write', async () => {
  const stream = await streamOf({ base: { id: 'x'.repeat(LIMIT - 150) } });
  await expect(apply(inputOf(stream), device, { snapback })).rejects.toThrow(RefusedError);
  expectUntouched();
  expect(existsSync(`${snapback}.partial`)).toBe(false);
});

test('nothing comes after the highest sequence, and that is said before the first write', async () => {
  const target = { path: device, size: BEFORE.length };
  const last = { kind: 'snapback', order: 'sorted', target, undoes: [ID], sequence: 2 ** 53 - 1 } as const;
  writeFileSync(join(folder, 'last'), await streamOf({ ...last, id: ID.map((byte) => byte + 1) }));
  const refused = apply(inputOf(await streamOf({})), device, { snapback });
  await expect(refused).rejects.toThrow('its sequence is the highest there is');
  expectUntouched();
  expect(existsSync(`${snapback}.partial`)).toBe(false);
});

test('a snapback that was made of others is no link of the chain (§6.4), whatever its sequence', async () => {
  const target = { path: device, size: BEFORE.length };
  const derived = { kind: 'snapback', order: 'sorted', target, undoes: [ID], sequence: 2 ** 53 - 1 } as const;
  const squash = { ...derived, id: ID.map((byte) => byte + 1), derivedFrom: [{ by: 'squash' }] };
  writeFileSync(join(folder, 'squash'), await streamOf(squash));
  await apply(inputOf(await streamOf({})), device, { snapback });
  expect((await readLvsHeader(snapback))?.sequence).toBe(1);
  await apply(await openFile(snapback), device);
  expectUntouched();
});

test('what is salvaged of a stream whose names fill what room there is can be read', async () => {
  const stream = await streamOf({ origin: names(LIMIT - 91) });
  const damaged = stream.subarray(0, -5);
  const file = {
    size: damaged.length,
    hasIndex: true,
    start: () => sourceOf(damaged),
    readAt: async (target: Uint8Array, position: number) => {
      target.set(damaged.subarray(position, position + target.length));
    },
  };
  const input = { ...inputOf(damaged, { pieces: false }), file };
  const parts: Uint8Array[] = [];
  const sink = { write: async (bytes: Uint8Array) => void parts.push(bytes.slice()) };
  const packer = { generator: 'test', time: 1, id: ID };
  await writeSalvage(input, await surveyDamage(input), sink, codec, packer);
  const salvaged = await openBytes(Buffer.concat(parts));
  let records = 0;
  for await (const batch of salvaged.batches) records += batch.kind === 'data' ? batch.count : 0;
  expect(records).toBe(1);
});
