import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect } from 'vitest';
import { captureFile, readCapture } from './captures.js';

/** What the tests of the packed package share. */

export const root = fileURLToPath(new URL('..', import.meta.url));

export interface Package {
  readonly name: string;
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

export function readPackage(folder: string): Package {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Package;
}

/** Packs what is compiled by now; answers the path of the tarball. */
export async function packInto(folder: string): Promise<string> {
  const argv = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const { stdout } = await execa('npm', argv, { cwd: root, stderr: 'ignore' });
  const [{ filename }] = JSON.parse(stdout) as [{ readonly filename: string }];
  const tarball = path.join(folder, filename);
  return existsSync(tarball) ? tarball : path.join(folder, path.basename(filename));
}

/** Has the commands there name themselves, dump, apply and roll back. */
export async function expectWorking(folder: string, commandOf: (name: string) => string): Promise<void> {
  const { version } = readPackage(root);
  const run = (name: string, ...argv: readonly string[]) =>
    execa(commandOf(name), argv, { cwd: folder, stdin: 'ignore' });
  for (const name of ['lvstream', 'lvmsync']) {
    expect((await run(name, '--version')).stdout).toBe(`${name} ${version}`);
  }
  const [cow, origin] = [captureFile('a', 'cow.img'), captureFile('a', 'origin.img')];
  const device = path.join(folder, 'device');
  writeFileSync(device, readCapture('a', 'snapshot.img'));
  await run('lvstream', 'dump', '--cow', cow, '--origin', origin, '-o', 'changes.lvs');
  await run('lvstream', 'apply', 'changes.lvs', device, '--snapback', 'undo.lvs');
  expect(readFileSync(device).equals(readCapture('a', 'origin.img'))).toBe(true);
  await run('lvmsync', '--apply', 'undo.lvs', device);
  expect(readFileSync(device).equals(readCapture('a', 'snapshot.img'))).toBe(true);
}
