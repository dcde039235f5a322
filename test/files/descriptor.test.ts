import { closeSync, openSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import { readSome, readSomeAsync, release, writeSomeAsync } from '#src/files/descriptor.js';
import { makeFile } from '../device/block-devices.js';
import { kernelError, replaceCall } from './replace-call.js';

function open(file: string, flags = 'r'): number {
  const fd = openSync(file, flags);
  onTestFinished(() => {
    closeSync(fd);
  });
  return fd;
}

/** Has the next reads fail with these errors, one each. */
function failReads(...codes: string[]): void {
  replaceCall('readSync', (call) => (...values: Parameters<typeof call>) => {
    const code = codes.shift();
    if (code !== undefined) throw kernelError(code);
    return call(...values);
  });
  replaceCall('read', (call) => (...values: Parameters<typeof call>) => {
    const code = codes.shift();
    if (code === undefined) call(...values);
    else (values.at(-1) as (error: Error) => void)(kernelError(code));
  });
}

const bytes = Uint8Array.of(1, 2, 3, 4, 5);

const reads = [
  ['at once', (...values: Parameters<typeof readSome>) => Promise.resolve(readSome(...values))],
  ['in another thread', readSomeAsync],
] as const;

it.each(reads)('what is read %s comes from its place, up to the end', async (_, read) => {
  const fd = open(makeFile(5, bytes));
  const target = new Uint8Array(4);
  expect(await read(fd, target, 2)).toBe(3);
  expect(target).toEqual(Uint8Array.of(3, 4, 5, 0));
  expect(await read(fd, target, 5)).toBe(0);
});

it.each(reads)('a read %s that a signal interrupts is made again', async (_, read) => {
  const fd = open(makeFile(5, bytes));
  failReads('EINTR', 'EINTR');
  expect(await read(fd, new Uint8Array(4), 0)).toBe(4);
});

it.each(reads)('any other error of a read %s is told', async (_, read) => {
  const fd = open(makeFile(5, bytes));
  failReads('EIO');
  await expect(async () => read(fd, new Uint8Array(4), 0)).rejects.toThrow('EIO');
});

it('without a place it is read on from where the file is', async () => {
  const fd = open(makeFile(5, bytes));
  const target = new Uint8Array(2);
  await readSomeAsync(fd, target, null);
  expect(await readSomeAsync(fd, target, null)).toBe(2);
  expect(target).toEqual(Uint8Array.of(3, 4));
});

it('what is written is there, and whoever takes nothing is an error', async () => {
  const fd = open(makeFile(5, bytes), 'r+');
  expect(await writeSomeAsync(fd, Uint8Array.of(9, 8), 1)).toBe(2);
  const target = new Uint8Array(5);
  readSome(fd, target, 0);
  expect(target).toEqual(Uint8Array.of(1, 9, 8, 4, 5));
  await expect(writeSomeAsync(open('/dev/full', 'w'), bytes, null)).rejects.toThrow('ENOSPC');
  await expect(writeSomeAsync(fd, new Uint8Array(), 0)).rejects.toThrow('it takes no more data');
});

it('a file is closed, and what the kernel says of it then matters only if it is still open', () => {
  const fd = openSync(makeFile(5), 'r');
  release(fd);
  expect(() => readSome(fd, new Uint8Array(1), 0)).toThrow('EBADF');
  expect(() => {
    release(2 ** 20);
  }).toThrow('EBADF');
  replaceCall('closeSync', () => () => {
    throw kernelError('EIO');
  });
  expect(() => {
    release(2 ** 20);
  }).not.toThrow();
});
