import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { report } from '../fault-table.js';
import { plainStream } from '../streams.js';

const PROGRAM = new URL('../../bin/lvstream.js', import.meta.url).pathname;
const SIZE = 48 << 20;
const RECORD = 64 << 10;
const KILLS = process.env['SLOW'] === undefined ? 4 : 1000;

let folder: string;
let before: Buffer;
let after: Buffer;

/** Every second 64 KiB of the image changes, in an order of no kind. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kill-'));
  before = randomBytes(SIZE);
  after = Buffer.from(before);
  const places = Array.from(
    { length: SIZE / RECORD / 2 },
    (_, i) => ((i * 169) % (SIZE / RECORD / 2)) * 2 * RECORD,
  );
  const records = places.map((offset) => ({ offset, data: randomBytes(RECORD) }));
  for (const { offset, data } of records) data.copy(after, offset);
  writeFileSync(join(folder, 'stream'), plainStream(records));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const lvstream = (...args: string[]) => execa(process.execPath, [PROGRAM, ...args], { cwd: folder });

const IMAGE = 'image';
const at = (name: string) => join(folder, name);
const isImage = (content: Buffer) => Buffer.compare(readFileSync(at(IMAGE)), content) === 0;
const apply = (stream: string, ...args: string[]) => lvstream('apply', stream, IMAGE, '--no-sync', ...args);

/** What is cut short: the stream, what it saves under, and what the image holds before and after. */
const WORK = {
  apply: { stream: 'stream', snapback: 'undo.lvs', ends: () => [before, after] },
  'roll-back': { stream: 'undo.lvs', snapback: 'redo.lvs', ends: () => [after, before] },
} as const;
type Work = (typeof WORK)[keyof typeof WORK];

/** Kills it once its journal has that many bytes; answers whether it was still at work. */
async function killAt({ stream, snapback }: Work, least: number): Promise<boolean> {
  const partial = at(`${snapback}.partial`);
  const run = apply(stream, '--snapback', snapback);
  const end = run.catch(() => undefined);
  const size = () => statSync(partial, { throwIfNoEntry: false })?.size ?? 0;
  while (run.exitCode === null && size() < least) await sleep(1);
  run.kill('SIGKILL');
  await end;
  return existsSync(partial);
}

async function begin(work: Work): Promise<void> {
  for (const name of ['undo.lvs', 'redo.lvs']) rmSync(at(name), { force: true });
  writeFileSync(at(IMAGE), before);
  if (work.stream === 'undo.lvs') await apply('stream', '--snapback', 'undo.lvs');
}

/** Whether the same command ends right, and what it saved leads back. */
async function survives({ stream, snapback, ends }: Work): Promise<boolean> {
  const [start, end] = ends();
  await apply(stream, '--snapback', snapback);
  if (!isImage(end!)) return false;
  await lvstream('verify', snapback);
  await apply(snapback);
  return isImage(start!) && !existsSync(at(`${snapback}.partial`));
}

const half = KILLS / 2;
const KINDS = Object.entries(WORK).flatMap(([name, work]) =>
  Array.from({ length: half }, (_, i) => ({ name, i, work })),
);

test.each(KINDS)(
  'kill -9 in: $name, number $i: run again, and rolled back',
  async ({ name, i, work }) => {
    let caught = false;
    for (let attempt = 0; attempt < 10 && !caught; attempt++) {
      await begin(work);
      caught = await killAt(work, ((i + 0.5) / half) * (SIZE / 2));
    }
    expect(caught).toBe(true);
    const survived = await survives(work);
    report({ fault: `kill -9 (${name})`, tried: 1, survived: survived ? 1 : 0, lost: survived ? 0 : 1 });
    expect(survived).toBe(true);
  },
  120_000,
);
