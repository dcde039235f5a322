import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameSnapback } from '#src/cli/arguments/snapback-name.js';
import { UsageError } from '#src/errors.js';

const NOW = new Date(2026, 10, 5, 9, 7, 3);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'names-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('a snapback', () => {
  it('has the name that was given, with the time in it where that is asked for', () => {
    expect(nameSnapback('undo.lvs', '/dev/vg/vm', NOW)).toBe('undo.lvs');
    expect(nameSnapback('/a/vm.%Y%m%d-%H%M', '/dev/vg/vm', NOW)).toBe('/a/vm.20261105-0907');
    expect(nameSnapback('%S/100%%', '/dev/vg/vm', NOW)).toBe('03/100%');
  });

  it('is named in a folder by the device and the time', () => {
    expect(nameSnapback('new/', '/dev/vg/vm', NOW)).toBe('new/vg-vm.20261105-090703.undo.lvs');
    expect(nameSnapback(folder, '/dev/mapper/vg-vm', NOW)).toBe(
      path.join(folder, 'vg-vm.20261105-090703.undo.lvs'),
    );
    expect(nameSnapback('%Y/', 'images/replica.img', NOW)).toBe('2026/replica.img.20261105-090703.undo.lvs');
  });

  it.each(['vm.%y', 'vm.%', '%\n'])('of %j is a mistake, since nobody knows what that means', (name) => {
    expect(() => nameSnapback(name, '/dev/vg/vm', NOW)).toThrow(UsageError);
  });
});
