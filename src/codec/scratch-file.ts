import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeviceError, reason } from '../errors.js';
import type { Scratch } from '../ranges/scratch.js';

/** asm-generic/fcntl.h */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/**
 * Opens a new file for reading and writing where TMPDIR says, which has no name and gets none, so that nothing is left of it
 * however this process ends. Throws `DeviceError`.
 */
export function openTemporaryFile(): number {
  try {
    return openSync(tmpdir(), constants.O_RDWR | constants.O_EXCL | O_TMPFILE, 0o600);
  } catch {
    return openNamed();
  }
}

/** Not every file system makes files without names (open(2), O_TMPFILE); this one loses its name at once. */
function openNamed(): number {
  const folder = makeTemporaryFolder();
  try {
    return openSync(join(folder, 'spool'), 'wx+', 0o600);
  } catch (cause) {
    throw noTemporaryFile(cause);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Opens a {@link Scratch} that is a file without a name where TMPDIR says. The caller closes it. Throws `DeviceError`. */
export function openScratchFile(): Scratch {
  const fd = openTemporaryFile();
  let isOpen = true;
  return {
    write: (at, bytes) => {
      moveAll(bytes, (rest, done) => writeSync(fd, rest, 0, rest.length, at + done));
    },
    read: (at, into) => {
      moveAll(into, (rest, done) => readSync(fd, rest, 0, rest.length, at + done));
    },
    close: () => {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

/** A call may move a part; one that moves nothing never will. */
function moveAll(bytes: Uint8Array, move: (rest: Uint8Array, done: number) => number): void {
  try {
    for (let done = 0; done < bytes.length;) {
      const moved = move(bytes.subarray(done), done);
      if (moved === 0) throw new DeviceError('the file ends too early');
      done += moved;
    }
  } catch (cause) {
    const hint =
      'TMPDIR names the folder for temporary files: see that there is room, and run the same command again';
    throw new DeviceError(`${tmpdir()}: a temporary file there fails: ${reason(cause)}`, { cause, hint });
  }
}

/** Makes a new folder, which nobody else may enter, where TMPDIR says. The caller removes it. Throws `DeviceError`. */
export function makeTemporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'lvstream-'));
  } catch (cause) {
    throw noTemporaryFile(cause);
  }
}

function noTemporaryFile(cause: unknown): DeviceError {
  const hint = 'TMPDIR names the folder for temporary files';
  return new DeviceError(`${tmpdir()}: no temporary file can be made there: ${reason(cause)}`, {
    cause,
    hint,
  });
}
