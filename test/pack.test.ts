import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectWorking, packInto, readPackage, root } from './pack-files.js';

/**
 * The package as `npm pack` makes it, unpacked elsewhere. Its dependencies are links to those here, each one that
 * `package.json` names and no other, as installing them would compile one; `test/long` does install it.
 */

let folder: string;
let installed: string;
let files: readonly string[];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'pack-'));
  const tarball = await packInto(folder);
  const listed = await execa('tar', ['-tf', tarball]);
  files = listed.stdout.split('\n').map((name) => name.replace(/^package\//, ''));
  installed = path.join(folder, 'node_modules', 'lvstream');
  mkdirSync(installed, { recursive: true });
  await execa('tar', ['-xf', tarball, '-C', installed, '--strip-components=1']);
  for (const name of Object.keys(readPackage(installed).dependencies)) {
    const link = path.join(folder, 'node_modules', name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(path.join(root, 'node_modules', name), link);
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const commandOf = (name: string): string => path.join(installed, readPackage(installed).bin[name]!);

describe('the packed package', () => {
  it('holds what it takes to use it, and nothing of the rest', () => {
    const wanted = [
      'README.md',
      'SECURITY.md',
      'CHANGELOG.md',
      'LICENSE',
      'spec/lvstream.md',
      'spec/programs.md',
      'spec/algebra.md',
      'dist/index.js',
      'dist/index.d.ts',
    ];
    expect(files).toEqual(expect.arrayContaining(wanted));
    const strangers = files.filter(
      (name) => !/^(dist|bin|spec)\/|^(README|CHANGELOG|SECURITY)\.md$|^LICENSE$/.test(name),
    );
    expect(strangers).toEqual(['package.json']);
    expect(files.filter((name) => /\/\.|\.ts$/.test(name) && !name.endsWith('.d.ts'))).toEqual([]);
  });

  it.each(['lvstream', 'lvmsync'])('has the command %s', (name) => {
    const command = commandOf(name);
    accessSync(command, constants.X_OK);
    expect(readFileSync(command, 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node');
  });

  it('dumps, applies and rolls back where it is installed', async () => {
    await expectWorking(folder, commandOf);
  });

  it('is a library', async () => {
    const script = "import('lvstream').then((library) => console.log(typeof library.applyStream))";
    const { stdout } = await execa(process.execPath, ['-e', script], { cwd: folder });
    expect(stdout).toBe('function');
  });
});
