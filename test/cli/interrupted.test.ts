import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { plainStream } from '../streams.js';
import { BIN, Folder, succeed } from './run-lvstream.js';

/** What an apply says that is interrupted in the middle, and whether what it says is so. */

const SIZE = 40 << 20;
const RECORD = 1 << 20;
const folder = new Folder();
const before = Buffer.alloc(SIZE, 7);
const after = randomBytes(SIZE);
const stream = plainStream(
  Array.from({ length: SIZE / RECORD }, (_, i) => ({
    offset: i * RECORD,
    data: after.subarray(i * RECORD, (i + 1) * RECORD),
  })),
);

/** Applies the stream through a pipe that stops, and interrupts that once something has been written. */
async function interruptHalfway(device: string, options: readonly string[]) {
  const untouched = statSync(device).mtimeMs;
  const run = execa(process.execPath, [BIN, 'apply', '-', device, '--no-sync', ...options], {
    reject: false,
    stripFinalNewline: false,
  });
  run.stdin.write(stream.subarray(0, -RECORD));
  while (run.exitCode === null && statSync(device).mtimeMs === untouched) await sleep(5);
  run.kill('SIGINT');
  return run;
}

const written = (device: string) =>
  `lvstream: ${device}: interrupted, [1-9]\\d* bytes of the stream are written, the rest is not\n`;

it('with a snapback: the same again finishes it, and the command that it names takes it back', async () => {
  const [device, snapback] = [folder.file('device', before), folder.fresh('un do.lvs')];
  const { exitCode, stderr } = await interruptHalfway(device, ['--snapback', snapback]);
  expect(exitCode).toBe(130);
  const hint = `lvstream: hint: the same command again finishes it, or take it back: lvstream (.*)\n`;
  const [, command = ''] = new RegExp(`^${written(device)}${hint}$`).exec(stderr) ?? [];
  const back = await execa('sh', ['-c', `"$0" "$1" ${command}`, process.execPath, BIN], { reject: false });
  expect(back.exitCode).toBe(5);
  expect(Buffer.compare(readFileSync(device), before)).toBe(0);
  await succeed(['apply', '-', device, '--snapback', snapback, '--no-sync'], stream);
  expect(Buffer.compare(readFileSync(device), after)).toBe(0);
}, 60_000);

it('without one: that nothing of what was there is saved', async () => {
  const device = folder.file('device', before);
  const { exitCode, stderr } = await interruptHalfway(device, []);
  expect(exitCode).toBe(130);
  const hint = 'lvstream: hint: the same command again finishes it; what was there before is saved nowhere\n';
  expect(stderr).toMatch(new RegExp(`^${written(device)}${hint}$`));
  await succeed(['apply', '-', device, '--no-sync'], stream);
  expect(Buffer.compare(readFileSync(device), after)).toBe(0);
}, 60_000);
