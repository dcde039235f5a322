import {
  closeSync,
  constants,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTemporaryFolder, openScratchFile, openTemporaryFile } from '#src/codec/scratch-file.js';
import { DeviceError } from '#src/errors.js';
import { kernelError, moveInParts, replaceCall } from '../files/replace-call.js';

let folder: string;
const before = process.env['TMPDIR'];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'scratch-'));
  process.env['TMPDIR'] = folder;
});
afterEach(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  rmSync(folder, { recursive: true, force: true });
});

describe('a scratch file', () => {
  it('keeps what is written anywhere in it, and has no name', () => {
    const scratch = openScratchFile();
    scratch.write(8192, Uint8Array.of(1, 2, 3, 4));
    scratch.write(0, Uint8Array.of(5, 6));
    scratch.write(8193, Uint8Array.of(7));
    const into = new Uint8Array(4);
    scratch.read(8192, into);
    expect(into).toEqual(Uint8Array.of(1, 7, 3, 4));
    expect(readdirSync(folder)).toEqual([]);
    scratch.close();
  });

  it('says so where nothing was written', () => {
    const scratch = openScratchFile();
    scratch.write(0, Uint8Array.of(5, 6));
    expect(() => {
      scratch.read(1, new Uint8Array(2));
    }).toThrow(`${folder}: a temporary file there fails: the file ends too early`);
    scratch.close();
  });

  it('says so where there can be none', () => {
    rmSync(folder, { recursive: true });
    const refusal = expect.objectContaining({
      name: 'DeviceError',
      message: expect.stringContaining(
        `${folder}: no temporary file can be made there: ENOENT: no such file or directory`,
      ) as string,
      hint: 'TMPDIR names the folder for temporary files',
    }) as Error;
    expect(openScratchFile).toThrow(refusal);
    expect(makeTemporaryFolder).toThrow(refusal);
  });

  it('is gone when it is closed', () => {
    const scratch = openScratchFile();
    scratch.write(0, Uint8Array.of(5));
    scratch.close();
    expect(() => {
      scratch.write(0, Uint8Array.of(5));
    }).toThrow('EBADF');
    const other = openSync(folder, 'r');
    scratch.close();
    expect(fstatSync(other).isDirectory()).toBe(true);
    closeSync(other);
  });

  it('takes and gives what a call moves in parts', () => {
    const scratch = openScratchFile();
    moveInParts('writeSync', 1);
    moveInParts('readSync', 1);
    scratch.write(3, Uint8Array.of(1, 2, 3));
    const into = new Uint8Array(3);
    scratch.read(3, into);
    expect(into).toEqual(Uint8Array.of(1, 2, 3));
    scratch.close();
  });

  it('says what fails, and what helps', () => {
    const scratch = openScratchFile();
    const cause = kernelError('ENOSPC');
    replaceCall('writeSync', () => () => {
      throw cause;
    });
    expect(() => {
      scratch.write(0, Uint8Array.of(1));
    }).toThrow(
      expect.objectContaining({
        name: 'DeviceError',
        message: `${folder}: a temporary file there fails: ${cause.message}`,
        hint: expect.stringContaining('run the same command again') as string,
        cause,
      }),
    );
    scratch.close();
  });
});

describe('a temporary file', () => {
  /** The flags of include/uapi/asm-generic/fcntl.h that make a file without a name. */
  const UNNAMED = 0o20200000;

  it('never has a name, and can get none', () => {
    const flags: number[] = [];
    replaceCall('openSync', (call) => (...values: Parameters<typeof call>) => {
      flags.push(values[1] as number);
      return call(...values);
    });
    closeSync(openTemporaryFile());
    expect(flags).toEqual([UNNAMED | constants.O_RDWR | constants.O_EXCL]);
  });

  it('loses its name at once where files must have one', () => {
    replaceCall('openSync', (call) => (...values: Parameters<typeof call>) => {
      if (Number(values[1]) >= UNNAMED) throw kernelError('EOPNOTSUPP');
      return call(...values);
    });
    const fd = openTemporaryFile();
    expect(fstatSync(fd)).toMatchObject({ nlink: 0, size: 0 });
    expect(fstatSync(fd).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual([]);
    closeSync(fd);
  });

  it('is there also if somebody clears the folder meanwhile', () => {
    replaceCall('openSync', (call) => (...values: Parameters<typeof call>) => {
      if (Number(values[1]) >= UNNAMED) throw kernelError('EOPNOTSUPP');
      const fd = call(...values);
      rmSync(path.dirname(values[0] as string), { recursive: true });
      return fd;
    });
    const fd = openTemporaryFile();
    expect(fstatSync(fd).nlink).toBe(0);
    closeSync(fd);
  });

  it('is refused where it cannot be made in either way', () => {
    replaceCall('openSync', () => () => {
      throw kernelError('EMFILE');
    });
    expect(openTemporaryFile).toThrow(DeviceError);
    expect(openTemporaryFile).toThrow(`${folder}: no temporary file can be made there: EMFILE`);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a temporary folder', () => {
  it("is its owner's alone", () => {
    const made = makeTemporaryFolder();
    expect(path.dirname(made)).toBe(folder);
    expect(statSync(made).mode & 0o777).toBe(0o700);
  });
});
