import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectWorking, packInto } from '../pack-files.js';

/** The package installed by npm from its tarball, as somebody who downloaded it would. */

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'install-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

it('installs from its tarball and works there', async () => {
  const tarball = await packInto(folder);
  const installed = await execa('npm', ['install', '--no-audit', '--no-fund', tarball], {
    cwd: folder,
    reject: false,
  });
  expect(installed.exitCode, installed.stderr).toBe(0);
  await expectWorking(folder, (name) => path.join(folder, 'node_modules', '.bin', name));
});
