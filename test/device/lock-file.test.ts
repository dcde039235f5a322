import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { lockPath, openLockFile, RUN_FOLDER } from '#src/device/lock-file.js';
import { DeviceError } from '#src/errors.js';
import { release } from '#src/files/descriptor.js';
import { makeFolder, run } from './block-devices.js';

/** The file of a lock, which lvstream alone may hold. */

let folder: string;
let file: string;
beforeEach(() => {
  folder = path.join(makeFolder(), 'run', 'lvstream');
  file = lockPath('name', folder);
});

const openFiles = () => readdirSync('/proc/self/fd').length;
const modeOf = (name: string) => statSync(name).mode & 0o777;
const open = () => {
  release(openLockFile(file));
};

it('has the name of the lock, in a folder of its own', () => {
  expect(lockPath('a')).toBe(`${RUN_FOLDER}/a.lock`);
  expect(lockPath('a', '/x')).toBe('/x/a.lock');
});

it("is made with its folder, its owner's alone, and stays as it is when it is opened again", () => {
  open();
  expect([modeOf(folder), modeOf(file)]).toEqual([0o700, 0o600]);
  writeFileSync(file, 'a note');
  open();
  expect(readFileSync(file, 'utf8')).toBe('a note');
});

describe('is no file of ours', () => {
  const refused = () => {
    const before = openFiles();
    expect(open).toThrow(DeviceError);
    expect(open).toThrow(`${file}: is no file of ours`);
    expect(openFiles()).toBe(before);
  };

  it('if it is a pipe', () => {
    mkdirSync(folder, { recursive: true });
    run('mkfifo', file);
    refused();
  });

  it.skipIf(process.getuid?.() !== 0)('if it is of another user', () => {
    open();
    chmodSync(file, 0o666);
    chownSync(file, 65534, 65534);
    refused();
  });
});

it.each<[string, string, () => void]>([
  [
    'a symbolic link',
    'ELOOP',
    () => {
      writeFileSync(path.join(folder, 'victim'), '');
      symlinkSync('victim', file);
    },
  ],
  ['a folder', 'EISDIR', () => mkdirSync(file)],
])('can not be opened where %s has its name', (_, code, plant) => {
  mkdirSync(folder, { recursive: true });
  plant();
  expect(open).toThrow(DeviceError);
  expect(open).toThrow(`${file}: can't be opened: ${code}`);
});
