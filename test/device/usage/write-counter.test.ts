import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDirect } from '#src/device/direct.js';
import { zeroOut } from '#src/device/syscalls.js';
import { writesTo } from '#src/device/usage/write-counter.js';
import { DeviceError } from '#src/errors.js';
import { attachLoop, KIB, makeFile, MIB, run } from '../block-devices.js';

/** Whether the counter has changed once `act` is done. */
function countsAs(device: string, act: (fd: number) => void): boolean {
  const fd = openSync(device, 'r+');
  try {
    const before = writesTo(device);
    act(fd);
    fsyncSync(fd);
    return writesTo(device) !== before;
  } finally {
    closeSync(fd);
  }
}

describe('the count of writes', () => {
  it('changes with writes, zeroing and discards, and with nothing else', () => {
    const device = attachLoop(makeFile(MIB));
    const page = Buffer.alloc(4096, 1);
    expect(countsAs(device, (fd) => writeSync(fd, page, 0, 4096, 8192))).toBe(true);
    expect(
      countsAs(device, (fd) => {
        zeroOut(fd, { offset: 0, length: 4096 });
      }),
    ).toBe(true);
    expect(countsAs(device, () => run('blkdiscard', '--length', '65536', device))).toBe(true);
    expect(countsAs(device, (fd) => readSync(fd, page, 0, 4096, 512 * 1024))).toBe(false);
    expect(countsAs(device, () => undefined)).toBe(false);
    expect(
      countsAs(device, () => {
        const reader = openDirect(device);
        reader.readInto(page, 0);
        reader.close();
      }),
    ).toBe(false);
  });

  it('changes with a write and a discard of as many bytes', () => {
    const device = attachLoop(makeFile(MIB));
    const hasChanged = countsAs(device, (fd) => {
      writeSync(fd, Buffer.alloc(64 * KIB, 1), 0, 64 * KIB, 0);
      fsyncSync(fd);
      run('blkdiscard', '--offset', String(512 * KIB), '--length', String(64 * KIB), device);
    });
    expect(hasChanged).toBe(true);
  });

  it('takes one byte of a device, however large, and leaves nothing open', () => {
    const file = makeFile(0);
    truncateSync(file, 2 ** 40);
    const device = attachLoop(file);
    const openFiles = () => readdirSync('/proc/self/fd').length;
    const before = openFiles();
    expect(writesTo(device)).not.toBeNaN();
    expect(openFiles()).toBe(before);
  });

  it('is the time of the last change of a file', () => {
    const file = makeFile(100);
    utimesSync(file, 1000, 1234.5678);
    expect(writesTo(file)).toBe(1_234_567_800);
    const before = writesTo(file);
    closeSync(openSync(file, 'r'));
    expect(writesTo(file)).toBe(before);
  });

  it('equals nothing where the kernel does not count', () => {
    const device = attachLoop(makeFile(MIB));
    const switchTo = path.join('/sys/block', path.basename(device), 'queue/iostats');
    writeFileSync(switchTo, '0');
    onTestFinished(() => {
      writeFileSync(switchTo, '1');
    });
    expect(writesTo(device)).toBeNaN();
  });

  it('is of a device or file', () => {
    expect(() => writesTo('/nowhere/device')).toThrow(DeviceError);
  });
});
