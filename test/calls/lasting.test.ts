import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { applyPlain, formatPlain, parsePlain } from '../cli/plain-records.js';
import { succeed } from '../cli/run-lvstream.js';
import { decompress } from 'zstd-napi';
import { RunFolder, type SmallRun } from './small-runs.js';
import { runTraced, type Call } from './strace.js';

/** In what order a run puts on stable storage what it makes, and who may read it. */

const parent = mkdtempSync(path.join(tmpdir(), 'lasting-'));
const folder = new RunFolder(path.join(parent, 'run'));
const log = path.join(parent, 'strace.log');
afterAll(() => {
  rmSync(parent, { recursive: true });
});

const OLD = Buffer.alloc(16_384, 7);
const RECORDS = [0, 8192].map((offset) => ({ offset, data: Buffer.alloc(4096, 1 + offset / 4096) }));
const apply: SmallRun = {
  name: 'apply with a snapback',
  given: { stream: formatPlain(RECORDS), device: OLD },
  args: ['apply', './stream', './device', '-b', './undo'],
  device: applyPlain(OLD, RECORDS),
  makes: { name: 'undo', check: () => undefined },
};
const compress: SmallRun = {
  name: 'compress',
  given: { stream: formatPlain(RECORDS) },
  args: ['compress', './stream', '-o', './made'],
  makes: { name: 'made', check: () => undefined },
};

async function callsOf(run: SmallRun): Promise<readonly Call[]> {
  folder.fill(run.given);
  const traced = await runTraced(folder.program(run), log);
  await folder.expectDone(run, traced);
  return traced.calls;
}

const isOn = (call: Call, name: string) => call.text.includes(`<${folder.at(name)}>`);
const isSync = ({ name, text }: Call) => /^f(data)?sync$/.test(name) && !text.includes('= -1');
const isWrite = ({ name }: Call) => /^p?write(64)?$/.test(name);
const isSyncOf = (name: string) => (call: Call) => isSync(call) && isOn(call, name);
const isSyncOfFolder = (call: Call) =>
  isSync(call) && call.text.includes(`<${path.dirname(folder.at('x'))}>`);

describe('a snapback', () => {
  it('is on stable storage, and so is its name, before the device is written to', async () => {
    const calls = await callsOf(apply);
    const before = calls.slice(
      0,
      calls.findIndex((call) => isWrite(call) && isOn(call, 'device')),
    );
    const [header, images] = before.flatMap((call, i) => (isSyncOf('undo.partial')(call) ? [i] : []));
    const writes = (from = 0, to = 0) =>
      before.slice(from, to).filter((call) => isWrite(call) && isOn(call, 'undo.partial')).length;
    expect(writes(0, header)).toBeGreaterThan(0);
    expect(writes(header, images)).toBeGreaterThan(0);
    // Only the mark that says how much was synced.
    expect(writes(images, before.length)).toBeLessThanOrEqual(1);
    expect(before.some(isSyncOfFolder)).toBe(true);
  });

  it('is on stable storage before it gets its final name, which is then put there too', async () => {
    const calls = await callsOf(apply);
    const named = calls.findIndex(({ name }) => name === 'link');
    const last = calls.findLastIndex((call) => isWrite(call) && isOn(call, 'undo.partial'));
    expect(named).toBeGreaterThan(last);
    expect(calls.slice(last, named).some(isSyncOf('undo.partial'))).toBe(true);
    expect(calls.slice(named).some(isSyncOfFolder)).toBe(true);
  });

  it('is cut to what was on stable storage where a sync has failed', async () => {
    folder.fill(apply.given);
    const failed = await runTraced(folder.program(apply), log, 'fdatasync:error=EIO:when=2');
    expect(failed.status).toBe(1);
    expect(folder.read('device').equals(OLD)).toBe(true);
    const synced = failed.calls.filter((call) => isWrite(call) && isOn(call, 'undo.partial')).slice(0, 2);
    const sizes = synced.map(({ text }) => Number(/= (\d+)$/.exec(text)?.[1]));
    expect(folder.read('undo.partial')).toHaveLength(sizes[0]! + sizes[1]!);
  });

  it('of a record that reaches past the end holds what the device has', async () => {
    const records = [{ offset: 12_288, data: Buffer.alloc(8192, 5) }];
    folder.fill({ stream: formatPlain(records), device: OLD });
    const run: SmallRun = { ...apply, args: [...apply.args, '--skip-past-end'] };
    expect((await folder.run(run)).status).toBe(5);
    const saved = parsePlain(decompress(readFileSync(folder.at('undo'))));
    expect(saved).toEqual([{ offset: 12_288, data: OLD.subarray(12_288) }]);
    await succeed(['apply', folder.at('undo'), folder.at('device')]);
    expect(folder.read('device').equals(OLD)).toBe(true);
  });
});

it('a result is on stable storage before it gets its final name, which is then put there too', async () => {
  const calls = await callsOf(compress);
  const named = calls.findIndex(({ name }) => name === 'link');
  const last = calls.findLastIndex((call) => call.name === 'write' && call.text.includes('.tmp>'));
  expect(last).toBeGreaterThan(0);
  expect(calls.slice(last, named).some((call) => isSync(call) && call.text.includes('.tmp>'))).toBe(true);
  expect(calls.slice(named).some(isSyncOfFolder)).toBe(true);
});

describe.each([apply, compress])('what $name makes', (run) => {
  it('is a new file, never one that somebody has put there', async () => {
    const opened = (await callsOf(run)).filter(
      ({ name, text }) => name === 'openat' && text.includes('O_CREAT'),
    );
    expect(opened.length).toBeGreaterThan(0);
    for (const { text } of opened) expect(text).toMatch(/O_EXCL.*, 0600\)/);
  });

  it('is for its owner alone to read, whatever the umask', async () => {
    folder.fill(run.given);
    const before = process.umask(0);
    const ended = await folder.run(run).finally(() => process.umask(before));
    expect(ended.status).toBe(0);
    expect((statSync(folder.at(run.makes!.name)).mode & 0o777).toString(8)).toBe('600');
  });
});
