import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { digestsOver } from '../compare/digests-over.js';
import { applied, batchOf, lvsFile, plainStream } from '../streams.js';
import { Folder, succeed } from './run-lvstream.js';
import { traced, type SystemCall } from './traced.js';

/** What an `apply` has put on stable storage when it says that it is done. */

const folder = new Folder();
const BEFORE = new Uint8Array(4 * 4096).fill(7);
const RECORDS = [0, 2].map((block) => ({ offset: block * 4096, data: new Uint8Array(4096).fill(block + 1) }));
const AFTER = applied(BEFORE, RECORDS);

async function digested(): Promise<string> {
  const batch = batchOf(RECORDS);
  const pieces = digestsOver(BEFORE)(batch);
  const header = { id: new Uint8Array(16).fill(9), order: 'sorted', baseDigests: true } as const;
  return folder.file('stream.lvs', await lvsFile([{ ...batch, pieces }], header));
}

const plain = () => folder.file('stream', plainStream(RECORDS));
const device = () => folder.file('device', BEFORE);

const isSync = ({ name }: SystemCall) => name === 'fsync' || name === 'fdatasync';
const isWrite = (call: SystemCall) => !isSync(call);

/** The calls on the device up to the last word on standard output. */
function callsOn(target: string, calls: readonly SystemCall[], word: string): SystemCall[] {
  const said = calls.findIndex(({ text }) => text.includes(word));
  expect(said).toBeGreaterThan(0);
  return calls.slice(0, said).filter(({ path }) => path === target);
}

describe('before it says that it is done', () => {
  it.each([
    ['a plain stream', plain, []],
    ['a stream with digests', digested, []],
    ['one with a snapback', digested, ['--snapback']],
  ])('the device is synced behind its last write: %s', async (_, make, [snapback]) => {
    const target = device();
    const options = snapback === undefined ? [] : [snapback, folder.fresh('undo.lvs')];
    const { status, calls } = await traced(
      ['apply', await make(), target, ...options],
      folder.fresh('trace'),
    );
    expect(status).toBe(0);
    const own = callsOn(target, calls, ': applied');
    const last = own.findLastIndex(isWrite);
    expect(last).toBeGreaterThanOrEqual(0);
    expect(own.slice(last).some((call) => isSync(call) && call.succeeded)).toBe(true);
    expect(Buffer.compare(readFileSync(target), AFTER)).toBe(0);
  });

  it('nothing is synced with --no-sync', async () => {
    const target = device();
    const { calls } = await traced(['apply', plain(), target, '--no-sync'], folder.fresh('trace'));
    const own = callsOn(target, calls, ': applied');
    expect(own.length).toBeGreaterThan(0);
    expect(own.filter(isSync)).toEqual([]);
  });

  it.each([[[]], [['--snapback']]])('what an earlier run has written is synced: %j', async ([snapback]) => {
    const target = device();
    const stream = await digested();
    const options = snapback === undefined ? [] : [snapback, folder.fresh('undo.lvs')];
    await succeed(['apply', stream, target, ...options, '--no-sync']);
    const again = await traced(['apply', stream, target, ...options], folder.fresh('trace'));
    expect(again.status).toBe(0);
    const own = callsOn(target, again.calls, 'already applied');
    expect(own.filter(isWrite)).toEqual([]);
    expect(own.some((call) => isSync(call) && call.succeeded)).toBe(true);
  });
});

it('fails where the device cannot be synced, and is finished by a second run', async () => {
  const [target, stream, snapback] = [device(), await digested(), folder.fresh('undo.lvs')];
  const args = ['apply', stream, target, '--snapback', snapback];
  const failed = await traced(args, folder.fresh('trace'), 'fsync:error=EIO:when=3');
  expect(failed.status).toBe(1);
  expect(failed.errors).toMatch(
    /^lvstream: [^\n]*can't be synced[^\n]*: EIO: i\/o error\nlvstream: hint: [^\n]*\n$/,
  );
  await succeed(args);
  expect(Buffer.compare(readFileSync(target), AFTER)).toBe(0);
  await succeed(['apply', snapback, target]);
  expect(Buffer.compare(readFileSync(target), BEFORE)).toBe(0);
});

it('says in a line that the folder of a snapback cannot be synced', async () => {
  const [target, snapback] = [device(), folder.fresh('undo.lvs')];
  const args = ['apply', plain(), target, '--snapback', snapback];
  const { status, errors } = await traced(args, folder.fresh('trace'), 'fsync:error=EIO:when=2');
  expect(status).toBe(1);
  expect(errors).toMatch(/^lvstream: [^\n]*can't be put on stable storage: EIO[^\n]*\n$/);
  expect(Buffer.compare(readFileSync(target), BEFORE)).toBe(0);
  await succeed(args);
  await succeed(['apply', snapback, target]);
  expect(Buffer.compare(readFileSync(target), BEFORE)).toBe(0);
});

it('says in a line that the snapbacks beside a new one cannot be listed', async () => {
  const args = ['apply', plain(), device(), '--snapback', folder.fresh('undo.lvs')];
  const { status, errors } = await traced(args, folder.fresh('trace'), 'getdents64:error=EIO');
  expect(status).toBe(1);
  expect(errors).toMatch(/^lvstream: [^\n]*its snapbacks can't be listed: EIO: i\/o error\n$/);
});

it('writes nothing where what others wrote to the device cannot be synced', async () => {
  const target = device();
  const { status, calls, errors } = await traced(
    ['apply', await digested(), target],
    folder.fresh('trace'),
    'fsync:error=EIO:when=1',
  );
  expect(status).toBe(1);
  expect(errors).toContain('EIO');
  expect(calls.filter((call) => call.path === target && isWrite(call))).toEqual([]);
});
