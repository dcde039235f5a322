import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, test } from 'vitest';
import { RunFolder, smallRuns } from './small-runs.js';

/** Every read and write passes seven bytes at most. */

const parent = mkdtempSync(path.join(tmpdir(), 'short-counts-'));
const folder = new RunFolder(path.join(parent, 'run'));
const library = path.join(parent, 'short-counts.so');
beforeAll(() => {
  const source = fileURLToPath(new URL('short-counts.c', import.meta.url));
  execFileSync('cc', ['-O1', '-shared', '-fPIC', '-o', library, source]);
});
afterAll(() => {
  rmSync(parent, { recursive: true });
});

test.each(await smallRuns(folder))('$name', async (run) => {
  folder.fill(run.given);
  const env = { LD_PRELOAD: library, SHORT_COUNTS_BELOW: folder.at(''), SHORT_COUNTS_MOST: '7' };
  await folder.expectDone(run, await folder.run(run, env));
});
