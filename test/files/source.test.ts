import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Source, spool } from '#src/files/source.js';

const openFiles = (): number => readdirSync('/proc/self/fd').length;

test('a pipe that breaks while it is spooled leaves no file open', async () => {
  const broken = { readInto: () => Promise.reject(new Error('broken')) };
  const pipe: Source = {
    name: 'pipe',
    path: undefined,
    size: undefined,
    start: () => broken,
    readAt: () => Promise.reject(new Error('a pipe has no places')),
    close: () => undefined,
  };
  const before = openFiles();
  await expect(spool(pipe)).rejects.toThrow('broken');
  expect(openFiles()).toBe(before);
});
