import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { plainStream } from '../streams.js';

const PROGRAM = new URL('../../bin/lvstream.js', import.meta.url).pathname;
const SIZE = 48 << 20;
const RECORD = 64 << 10;
const KILLS = process.env['SLOW'] === undefined ? 4 : 100;

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

/** Kills an apply once its journal has that many bytes; answers whether it was still at work. */
async function killAt(least: number): Promise<boolean> {
  const run = lvstream('apply', 'stream', 'image', '--snapback', 'undo.lvs', '--no-sync');
  const end = run.catch(() => undefined);
  const size = () => statSync(PARTIAL(), { throwIfNoEntry: false })?.size ?? 0;
  while (run.exitCode === null && size() < least) await sleep(1);
  run.kill('SIGKILL');
  await end;
  return existsSync(PARTIAL());
}

const PARTIAL = () => join(folder, 'undo.lvs.partial');

test.each(Array.from({ length: KILLS }, (_, i) => i))(
  'kill -9 number %i: run again, and rolled back',
  async (i) => {
    let caught = false;
    for (let attempt = 0; attempt < 10 && !caught; attempt++) {
      rmSync(join(folder, 'undo.lvs'), { force: true });
      writeFileSync(join(folder, 'image'), before);
      caught = await killAt(((i + 0.5) / KILLS) * (SIZE / 2));
    }
    expect(caught).toBe(true);
    await lvstream('apply', 'stream', 'image', '--snapback', 'undo.lvs', '--no-sync');
    expect(Buffer.compare(readFileSync(join(folder, 'image')), after)).toBe(0);
    await lvstream('verify', 'undo.lvs');
    await lvstream('apply', 'undo.lvs', 'image', '--no-sync');
    expect(Buffer.compare(readFileSync(join(folder, 'image')), before)).toBe(0);
    expect(existsSync(PARTIAL())).toBe(false);
    rmSync(join(folder, 'undo.lvs'));
  },
  120_000,
);
