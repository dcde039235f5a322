import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { report } from '../fault-table.js';
import { plainStream } from '../streams.js';
import { BIN, Folder, succeed } from './run-lvstream.js';

const folder = new Folder();
const SIZE = 64 << 10;
const CALLS = [
  'linkat',
  'link',
  'unlink',
  'unlinkat',
  'rename',
  'fsync',
  'fdatasync',
  'ftruncate',
  'pwrite64',
];
const MOST = process.env['SLOW'] === undefined ? 3 : 100;

const before = Buffer.alloc(SIZE, 1);
const records = [5000, 30_000, 60_000].map((offset, i) => ({ offset, data: Buffer.alloc(4000, 2 + i) }));
const after = Buffer.from(before);
for (const { offset, data } of records) data.copy(after, offset);

/**
 * Kills a command when it is about to make a call for the nth time. strace(1) counts the calls of each thread for
 * itself, so there is only one that reads and writes beside the main one. Returns whether it came so far.
 */
async function killAt(args: readonly string[], call: string, nth: number): Promise<boolean> {
  const inject = `inject=${call}:signal=SIGKILL:when=${nth}`;
  const words = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject, process.execPath, BIN];
  const run = await execa('strace', [...words, ...args], {
    env: { UV_THREADPOOL_SIZE: '1' },
    reject: false,
    stdin: 'ignore',
  });
  if (run.signal !== 'SIGKILL') expect(run.stderr).toBe('');
  return run.signal === 'SIGKILL';
}

interface Devices {
  readonly stream: string;
  readonly image: string;
  readonly undo: string;
}

function start(): Devices {
  const stream = folder.file('stream', plainStream(records));
  return { stream, image: folder.file('image', before), undo: folder.fresh('undo.lvs') };
}

const isThere = ({ image }: Devices, bytes: Uint8Array) =>
  Buffer.compare(readFileSync(image), bytes) === 0 ? 'as it should be' : 'wrong';

async function roundTrip(devices: Devices): Promise<string> {
  await succeed(['apply', devices.stream, devices.image, '--snapback', devices.undo]);
  expect(isThere(devices, after)).toBe('as it should be');
  await succeed(['verify', devices.undo]);
  await succeed(['apply', devices.undo, devices.image]);
  return isThere(devices, before);
}

async function killApply(call: string, nth: number): Promise<boolean> {
  const devices = start();
  const args = ['apply', devices.stream, devices.image, '--snapback', devices.undo];
  const killed = await killAt(args, call, nth);
  expect(await roundTrip(devices)).toBe('as it should be');
  expect(existsSync(`${devices.undo}.partial`)).toBe(false);
  return killed;
}

async function killRollBack(call: string, nth: number, withRedo: boolean): Promise<boolean> {
  const devices = start();
  await succeed(['apply', devices.stream, devices.image, '--snapback', devices.undo]);
  const redo = withRedo ? ['--snapback', folder.fresh('redo.lvs')] : [];
  const args = ['apply', devices.undo, devices.image, ...redo];
  const killed = await killAt(args, call, nth);
  await succeed(args);
  expect(isThere(devices, before)).toBe('as it should be');
  return killed;
}

const kills = {
  'an apply': killApply,
  'a roll-back': (call: string, nth: number) => killRollBack(call, nth, false),
  'a roll-back with a snapback': (call: string, nth: number) => killRollBack(call, nth, true),
};

test.each(Object.entries(kills))(
  'killed at any call, %s is finished by running it again',
  async (name, kill) => {
    let killed = 0;
    for (const call of CALLS) for (let nth = 1; nth <= MOST && (await kill(call, nth)); nth++) killed++;
    expect(killed).toBeGreaterThan(3);
    report({ fault: `kill -9 at a call (${name})`, tried: killed, survived: killed, lost: 0 });
  },
  300_000,
);
