import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
    (_, i) => ((i * 171) % (SIZE / RECORD / 2)) * 2 * RECORD,
  );
  const records = places.map((offset) => ({ offset, data: randomBytes(RECORD) }));
  for (const { offset, data } of records) data.copy(after, offset);
  writeFileSync(join(folder, 'stream'), plainStream(records));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const lvstream = (...args: string[]) => execa(process.execPath, [PROGRAM, ...args], { cwd: folder });

test.each(Array.from({ length: KILLS }, (_, i) => i))(
  'kill -9 number %i: run again, and rolled back',
  async (i) => {
    writeFileSync(join(folder, 'image'), before);
    const started = performance.now();
    await lvstream('apply', 'stream', 'image', '--dry-run');
    const toStart = performance.now() - started;
    const run = lvstream('apply', 'stream', 'image', '--snapback', 'undo.lvs', '--no-sync');
    await sleep(toStart * (0.8 + i / KILLS));
    run.kill('SIGKILL');
    await run.catch(() => undefined);
    if (!existsSync(join(folder, 'undo.lvs'))) {
      await lvstream('apply', 'stream', 'image', '--snapback', 'undo.lvs', '--no-sync');
    }
    expect(Buffer.compare(readFileSync(join(folder, 'image')), after)).toBe(0);
    await lvstream('verify', 'undo.lvs');
    await lvstream('apply', 'undo.lvs', 'image', '--no-sync');
    expect(Buffer.compare(readFileSync(join(folder, 'image')), before)).toBe(0);
    expect(existsSync(join(folder, 'undo.lvs.partial'))).toBe(false);
    rmSync(join(folder, 'undo.lvs'));
  },
  120_000,
);
