import { closeSync, constants, fdatasyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  deviceSize,
  dropCleanPages,
  flushBuffers,
  isReadOnly,
  isSameOpenFile,
  logicalSectorSize,
  punchHole,
  seekData,
  seekHole,
  setPipeSize,
  syncFileSystem,
  tryLock,
  zeroOut,
} from '#src/device/syscalls.js';
import { DeviceError, errorCode } from '#src/errors.js';
import { attachLoop, KIB, makeFile, makeFolder, MIB, run, startHolding } from './block-devices.js';

const open = (file: string, flags: number = constants.O_RDWR): number => {
  const fd = openSync(file, flags);
  onTestFinished(() => {
    closeSync(fd);
  });
  return fd;
};

const NO_FILE = 2 ** 20;

describe('system calls', () => {
  it('name the errno and the call that failed', () => {
    const failing = [
      () => tryLock(NO_FILE, 'shared'),
      () => {
        punchHole(NO_FILE, { offset: 0, length: 1 });
      },
      () => {
        zeroOut(NO_FILE, { offset: 0, length: 512 });
      },
      () => deviceSize(NO_FILE),
      () => logicalSectorSize(NO_FILE),
      () => seekData(NO_FILE, 0),
      () => seekHole(NO_FILE, 0),
      () => setPipeSize(NO_FILE, MIB),
      () => {
        syncFileSystem(NO_FILE);
      },
      () => {
        flushBuffers(NO_FILE);
      },
      () => {
        dropCleanPages(NO_FILE);
      },
      () => isReadOnly(NO_FILE),
    ];
    for (const fail of failing) {
      expect(fail).toThrow(DeviceError);
      expect(fail).toThrow(/^\w+( \w+)?: EBADF: bad file descriptor$/);
    }
  });

  it('give the errno of an error through whatever wraps it', () => {
    const missing = Object.assign(new Error('no'), { code: 'ENOENT' });
    expect(errorCode(new DeviceError('outer', { cause: new DeviceError('inner', { cause: missing }) }))).toBe(
      'ENOENT',
    );
    expect(errorCode(new DeviceError('alone'))).toBeUndefined();
    expect(errorCode('ENOENT')).toBeUndefined();
  });

  it('lock a file for one, or for many that share', () => {
    const file = makeFile(0);
    const [first, second] = [open(file), open(file)];
    expect(tryLock(first, 'shared')).toBe(true);
    expect(tryLock(second, 'shared')).toBe(true);
    expect(tryLock(second, 'exclusive')).toBe(false);
    const third = openSync(file, 'r');
    expect(tryLock(third, 'shared')).toBe(true);
    closeSync(third);
  });

  it('punch holes, and find data and holes past 4 GiB', () => {
    const at = 5 * 1024 * MIB;
    const fd = open(makeFile(at + MIB));
    writeSync(fd, new Uint8Array(64 * KIB).fill(1), 0, 64 * KIB, at);
    expect(seekData(fd, 0)).toBe(at);
    expect(seekHole(fd, at)).toBe(at + 64 * KIB);
    expect(seekData(fd, at + 64 * KIB)).toBeUndefined();
    punchHole(fd, { offset: at, length: 32 * KIB });
    expect(seekData(fd, 0)).toBe(at + 32 * KIB);
  });

  it('know and zero a block device', () => {
    const file = makeFile(MIB, new Uint8Array(MIB).fill(7));
    const fd = open(attachLoop(file, '--sector-size', '4096'));
    expect(deviceSize(fd)).toBe(MIB);
    expect(logicalSectorSize(fd)).toBe(4096);
    zeroOut(fd, { offset: 4096, length: 8192 });
    const expected = Buffer.alloc(MIB, 7).fill(0, 4096, 12_288);
    expect(readFileSync(file).equals(expected)).toBe(true);
    expect(() => {
      zeroOut(fd, { offset: 512, length: 512 });
    }).toThrow('ioctl BLKZEROOUT: EINVAL: invalid argument');
  });

  it('know whether a block device is set read-only', () => {
    const file = makeFile(MIB);
    expect(isReadOnly(open(attachLoop(file)))).toBe(false);
    expect(isReadOnly(open(attachLoop(file, '--read-only'), constants.O_RDONLY))).toBe(true);
  });

  it('drop what the page cache has of a device, so that it is read again', () => {
    const file = makeFile(MIB);
    const device = open(attachLoop(file));
    const behind = open(file);
    const first = () => {
      const byte = new Uint8Array(1);
      readSync(device, byte, 0, 1, 0);
      return byte[0];
    };
    expect(first()).toBe(0);
    writeSync(behind, new Uint8Array(4 * KIB).fill(7), 0, 4 * KIB, 0);
    fdatasyncSync(behind);
    expect(first()).toBe(0);
    dropCleanPages(device);
    expect(first()).toBe(7);
  });

  it('tell what two processes share from what each has opened', async () => {
    const file = makeFile(10);
    const pid = await startHolding('exec 3<"$1" 4<&3 5<"$1"; sleep 1000 & echo $!; wait', file);
    const child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
    expect(isSameOpenFile({ pid, fd: 3 }, { pid: child, fd: 3 })).toBe(true);
    expect(isSameOpenFile({ pid, fd: 3 }, { pid: child, fd: 4 })).toBe(true);
    expect(isSameOpenFile({ pid, fd: 3 }, { pid: child, fd: 5 })).toBe(false);
    expect(isSameOpenFile({ pid, fd: 3 }, { pid: process.pid, fd: open(file) })).toBe(false);
    expect(() => isSameOpenFile({ pid, fd: 3 }, { pid, fd: NO_FILE })).toThrow(
      'kcmp: EBADF: bad file descriptor',
    );
    process.kill(child);
  });

  it('widen a pipe', () => {
    const pipe = path.join(makeFolder(), 'pipe');
    run('mkfifo', pipe);
    expect(setPipeSize(open(pipe, constants.O_RDWR | constants.O_NONBLOCK), 500_000)).toBe(512 * KIB);
  });
});
