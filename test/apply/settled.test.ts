import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { applyStream } from '#src/apply/apply.js';
import type { ApplyOptions, ApplyReport } from '#src/apply/work.js';
import { openInput } from '#src/files/open-input.js';
import { lvstream } from '../cli/run-lvstream.js';
import { applied, batchOf, codec, lvsFile } from '../streams.js';
import { attachLoop, makeFile, makeFolder, mountOn, run } from '../device/block-devices.js';
import { OPTIONS } from './applying.js';
import { digestsOver } from '../compare/digests-over.js';

/**
 * A write that failed in the background leaves what was to be written in the page cache, clean. The same is made here by
 * writing to what lies below a loop device, past the caches of the device and of a file system on it.
 */

const SIZE = 8 << 20;
const RECORDS = [0, 5].map((block) => ({
  offset: block * 4096,
  data: new Uint8Array(4096).fill(0xb0 + block),
}));
const BEFORE = new Uint8Array(8 * 4096).fill(0xa1);
const AFTER = applied(BEFORE, RECORDS);

async function makeStream(): Promise<string> {
  const digestPieces = digestsOver(BEFORE);
  const batches = RECORDS.map((record) => {
    const batch = batchOf([record]);
    return { ...batch, pieces: digestPieces(batch) };
  });
  const stream = path.join(makeFolder(), 'stream.lvs');
  writeFileSync(stream, await lvsFile(batches, { order: 'sorted', baseDigests: true }));
  return stream;
}

async function applyTo(
  target: string,
  stream: string,
  options: Partial<ApplyOptions> = {},
): Promise<ApplyReport> {
  const openFile = (name: string) => openInput(name, codec, { pieces: true });
  const input = await openFile(stream);
  onTestFinished(() => {
    input.close();
  });
  return applyStream(input, target, codec, openFile, { ...OPTIONS, sync: true, ...options });
}

/** Writes to a file or device that is kept open, as a device drops its cache when nobody has it open. */
function writeAndKeep(target: string, bytes: Uint8Array): void {
  const fd = openSync(target, 'r+');
  onTestFinished(() => {
    closeSync(fd);
  });
  writeSync(fd, bytes, 0, bytes.length, 0);
  fsyncSync(fd);
}

/** Where in a file these bytes stand. */
function find(file: string, bytes: Uint8Array): number {
  const at = readFileSync(file).indexOf(bytes);
  expect(at).toBeGreaterThanOrEqual(0);
  return at;
}

function writeBelow(file: string, bytes: Uint8Array, position: number): void {
  const fd = openSync(file, constants.O_WRONLY);
  writeSync(fd, bytes, 0, bytes.length, position);
  fsyncSync(fd);
  closeSync(fd);
}

/** A device whose cache holds the result of the stream, and whose medium holds what was there before. */
function staleDevice() {
  const medium = makeFile(SIZE);
  const device = attachLoop(medium);
  writeAndKeep(device, AFTER);
  writeBelow(medium, BEFORE, 0);
  expect(Buffer.compare(readFileSync(device).subarray(0, AFTER.length), AFTER)).toBe(0);
  return { target: device, medium, at: 0 };
}

/** The same of a file in a file system. */
function staleFile() {
  const medium = makeFile(SIZE);
  const target = path.join(mountOn(attachLoop(medium)), 'image');
  writeFileSync(target, AFTER);
  writeAndKeep(target, AFTER);
  const at = find(medium, AFTER);
  writeBelow(medium, BEFORE, at);
  expect(Buffer.compare(readFileSync(target), AFTER)).toBe(0);
  return { target, medium, at };
}

const stale = [
  ['a device', staleDevice],
  ['a file', staleFile],
] as const;

it.each(stale)(
  'what is in the cache of %s alone is not already applied, and is written again',
  async (_, make) => {
    const { target, medium, at } = make();
    const report = await applyTo(target, await makeStream());
    expect(report.outcome).toBe('applied');
    run('sync', '-f', medium);
    expect(Buffer.compare(readFileSync(medium).subarray(at, at + AFTER.length), AFTER)).toBe(0);
  },
);

it('an unfinished snapback is what the medium holds of it, not what its cache holds', async () => {
  const disk = makeFile(SIZE);
  const folder = mountOn(attachLoop(disk));
  const target = makeFile(BEFORE.length, BEFORE);
  const snapback = path.join(folder, 'undo');
  const stream = await makeStream();
  await applyTo(target, stream, { snapback });
  const cached = readFileSync(snapback);
  writeFileSync(`${snapback}.partial`, cached, { mode: 0o600 });
  writeAndKeep(`${snapback}.partial`, cached);
  rmSync(snapback);
  const held = readFileSync(disk);
  const lost = new Uint8Array(cached.length).fill(0xee);
  for (let at = held.indexOf(cached); at >= 0; at = held.indexOf(cached, at + 1)) writeBelow(disk, lost, at);
  await expect(applyTo(target, stream, { snapback })).rejects.toThrow('is no unfinished snapback');
});

it.each(stale)('verify compares with what %s holds, not with its cache', async (_, make) => {
  const { target } = make();
  const { status } = await lvstream(['verify', await makeStream(), '--against', target]);
  expect(status).toBe(6);
});
