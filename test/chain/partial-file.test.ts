import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import {
  finishedPath,
  isPartial,
  openPartial,
  partialPath,
  readPartial,
  readPartialAt,
  sizeOfPartial,
} from '#src/chain/partial-file.js';
import { DeviceError, RefusedError } from '#src/errors.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'partial-'));
  path = join(folder, 'undo');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function openHolding(text: string) {
  writeFileSync(partialPath(path), text, { mode: 0o600 });
  const file = openPartial(path);
  onTestFinished(() => {
    closeSync(file.fd);
  });
  return file;
}

it('a partial file is known by its name, which leads to the finished one', () => {
  expect(partialPath('a.partial/undo')).toBe('a.partial/undo.partial');
  expect(finishedPath(partialPath('a/long name.lvs'))).toBe('a/long name.lvs');
  expect(['undo.partial', '.partial', 'undo', 'partial', '.partial.lvs'].map(isPartial)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

it('one that is not there, or is a link, can not be opened; one of others is refused', () => {
  const open = () => openPartial(path);
  expect(open).toThrow(DeviceError);
  writeFileSync(join(folder, 'target'), '', { mode: 0o600 });
  symlinkSync(join(folder, 'target'), partialPath(path));
  expect(open).toThrow(`${partialPath(path)}: can't be opened: `);
  rmSync(partialPath(path));
  writeFileSync(partialPath(path), '');
  chmodSync(partialPath(path), 0o644);
  expect(open).toThrow(RefusedError);
});

it('one is read from any place to where it ended then', async () => {
  const file = openHolding('0123456789');
  expect(sizeOfPartial(file)).toBe(10);
  const reader = readPartial(file, 4);
  appendFileSync(partialPath(path), 'more than there was before');
  expect(Buffer.from(await reader.peek(100)).toString()).toBe('456789');
  expect((await readPartialAt(file, 8, 4)).toString()).toBe('89mo');
  expect((await readPartialAt(file, 30, 100)).toString()).toBe('before');
  expect(await readPartialAt(file, 36, 4)).toHaveLength(0);
});
