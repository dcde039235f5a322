import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  allocatedIn,
  attempt,
  CLOSED,
  closeFile,
  closingOnError,
  openDescriptor,
  openImage,
  requireWritable,
  sizeOf,
  statPath,
} from '#src/device/image.js';
import { DeviceError } from '#src/errors.js';
import { kernelError, replaceCall } from '../files/replace-call.js';
import { attachLoop, makeFile, MIB } from './block-devices.js';

function open(file: string): number {
  const fd = openSync(file, 'r');
  onTestFinished(() => {
    closeSync(fd);
  });
  return fd;
}

/** Has a descriptor closed at the end of a test only if the test has not. */
function openToClose(file: string): number {
  const fd = openSync(file, 'r');
  const { ino } = fstatSync(fd);
  onTestFinished(() => {
    if (isOpen(fd, ino)) closeSync(fd);
  });
  return fd;
}

function isOpen(fd: number, ino: number): boolean {
  try {
    return fstatSync(fd).ino === ino;
  } catch {
    return false;
  }
}

describe('what cannot be opened', () => {
  it('is named, and is no file with a number', () => {
    expect(() => openDescriptor('/nowhere/image', constants.O_RDONLY)).toThrow(
      expect.objectContaining({
        name: 'DeviceError',
        message: "/nowhere/image: can't be opened: ENOENT: no such file or directory",
        hint: 'check the name; a logical volume has its node while it is active',
      }),
    );
  });

  it('may be a node below /dev, which is then proposed', () => {
    const device = attachLoop(makeFile(MIB));
    const name = path.basename(device);
    expect(() => openImage(name)).toThrow(expect.objectContaining({ hint: `did you mean ${device}?` }));
    expect(() => openImage(`./${name}`)).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/^check the name;/) as string }),
    );
    // Neither is a device with a size.
    for (const other of ['null', 'no such device'])
      expect(() => openImage(other)).toThrow(
        expect.objectContaining({ hint: expect.stringMatching(/^check the name;/) as string }),
      );
  });

  it('for another reason is not said to be a mistaken name', () => {
    const name = path.basename(attachLoop(makeFile(MIB)));
    replaceCall('statSync', (call) => (...values: Parameters<typeof call>) => {
      if (values[0] === name) throw kernelError('EACCES');
      return call(...values);
    });
    expect(() => openImage(name)).toThrow(
      expect.objectContaining({
        message: `${name}: can't be opened: EACCES: said by a test`,
        hint: expect.stringMatching(/^devices are opened as root/) as string,
      }),
    );
  });
});

describe('what is to be written', () => {
  it('is a file or a device that can be', () => {
    for (const file of [makeFile(MIB), attachLoop(makeFile(MIB))])
      expect(() => {
        requireWritable(open(file), file, statPath(file));
      }).not.toThrow();
  });

  it('is no device that is set read-only', () => {
    const device = attachLoop(makeFile(MIB), '--read-only');
    expect(() => {
      requireWritable(open(device), device, statPath(device));
    }).toThrow(
      expect.objectContaining({
        name: 'DeviceError',
        message: `${device}: can't be opened: EROFS: read-only file system`,
        hint: expect.stringMatching(/^make it writable first/) as string,
      }),
    );
  });

  it('is nothing that the kernel lets nobody write', () => {
    const file = makeFile(MIB);
    replaceCall('accessSync', () => (name: string, mode: number) => {
      if (name === file && mode === constants.W_OK) throw kernelError('EACCES');
    });
    expect(() => {
      requireWritable(open(file), file, statPath(file));
    }).toThrow(`${file}: can't be opened: EACCES: said by a test`);
  });
});

describe('an open file', () => {
  it('is closed once, and its number is that of no other file then', () => {
    const name = makeFile(10);
    const fd = openToClose(name);
    const { ino } = fstatSync(fd);
    const file = { fd, name, size: 10 };
    closeFile(file);
    expect(isOpen(fd, ino)).toBe(false);
    expect(file.fd).toBe(CLOSED);
    expect(() => {
      closeFile(file);
    }).not.toThrow();
  });

  it('is closed when what follows fails, and then alone', () => {
    const fd = openToClose(makeFile(10));
    const { ino } = fstatSync(fd);
    expect(closingOnError(fd, () => 7)).toBe(7);
    expect(isOpen(fd, ino)).toBe(true);
    const fail = () => {
      throw new Error('what follows');
    };
    expect(() => closingOnError(fd, fail)).toThrow('what follows');
    expect(isOpen(fd, ino)).toBe(false);
    expect(() => closingOnError(undefined, fail)).toThrow('what follows');
  });

  it('has a size that a number can say, or is refused', () => {
    const file = makeFile(10);
    const stats = statPath(file);
    expect(sizeOf(open(file), stats, file)).toBe(10);
    const huge = Object.assign(Object.create(stats) as typeof stats, { size: 2n ** 53n });
    expect(() => sizeOf(open(file), huge, file)).toThrow(`${file}: has ${2 ** 53} bytes, more than 2^53`);
  });

  it('has an inode whose number is not rounded', () => {
    const file = makeFile(10);
    expect(statPath(file).ino).toBe(statSync(file, { bigint: true }).ino);
  });

  it('that cannot tell holes from data is all data', () => {
    // A file of procfs knows neither SEEK_DATA nor SEEK_HOLE.
    const file = { fd: open('/proc/version'), name: 'version', size: 100 };
    expect([...allocatedIn(file).allocated({ offset: 10, length: 50 })]).toEqual([
      { offset: 10, length: 50 },
    ]);
  });

  it('that fails otherwise is not taken for data', () => {
    const file = { fd: CLOSED, name: 'closed', size: 100 };
    expect(() => [...allocatedIn(file).allocated({ offset: 10, length: 50 })]).toThrow(
      "closed: can't be searched for data at byte 10: EBADF: bad file descriptor",
    );
  });
});

describe('a failure', () => {
  const failWith = (error: Error) => () =>
    attempt(
      "disk: can't be written",
      () => {
        throw error;
      },
      'free some room',
    );

  it('of a system call says what could not be done, why, and the way out', () => {
    expect(failWith(kernelError('ENOSPC'))).toThrow(
      expect.objectContaining({
        name: 'DeviceError',
        message: "disk: can't be written: ENOSPC: said by a test",
        hint: 'free some room',
      }),
    );
  });

  it('of the program is passed on as it is', () => {
    const faults = [new TypeError('a fault'), kernelError('ERR_OUT_OF_RANGE')];
    for (const fault of faults) {
      expect(failWith(fault)).toThrow(fault);
      expect(failWith(fault)).not.toThrow(DeviceError);
    }
  });
});
