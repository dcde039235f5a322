import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeviceError, reason, remedy, sentence, type Sentence } from '../errors.js';
import type { Scratch } from '../ranges/scratch.js';

/** asm-generic/fcntl.h */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/**
 * Opens a new file for reading and writing in the folder, or where TMPDIR says, which has no name and gets none, so that
 * nothing is left of it however this process ends. Throws `DeviceError`.
 */
export function openTemporaryFile(folder: string = tmpdir()): number {
  try {
    return openSync(folder, constants.O_RDWR | constants.O_EXCL | O_TMPFILE, 0o600);
  } catch {
    return openNamed(folder);
  }
}

/** Not every file system makes files without names (open(2), O_TMPFILE); this one loses its name at once. */
function openNamed(parent: string): number {
  const folder = makeTemporaryFolder(parent);
  try {
    return openSync(join(folder, 'spool'), 'wx+', 0o600);
  } catch (cause) {
    throw noTemporaryFile(parent, cause);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Opens a {@link Scratch} that is a file without a name in the folder, or where TMPDIR says. The caller closes it. Throws
 * `DeviceError`.
 */
export function openScratchFile(folder: string = tmpdir()): Scratch {
  const fd = openTemporaryFile(folder);
  let isOpen = true;
  return {
    write: (at, bytes) => {
      moveAll(folder, bytes, (rest, done) => writeSync(fd, rest, 0, rest.length, at + done));
    },
    read: (at, into) => {
      moveAll(folder, into, (rest, done) => readSync(fd, rest, 0, rest.length, at + done));
    },
    close: () => {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

/** A call may move a part; one that moves nothing never will. */
function moveAll(folder: string, bytes: Uint8Array, move: (rest: Uint8Array, done: number) => number): void {
  try {
    for (let done = 0; done < bytes.length;) {
      const moved = move(bytes.subarray(done), done);
      if (moved === 0) throw new DeviceError('the file ends too early');
      done += moved;
    }
  } catch (cause) {
    const hint = sentence`${whoNames(folder)}: see that there is room, and run the same command again`;
    throw new DeviceError(`${folder}: a temporary file there fails: ${reason(cause)}`, { cause, hint });
  }
}

/** Makes a new folder, which nobody else may enter, in another or where TMPDIR says. The caller removes it. Throws `DeviceError`. */
export function makeTemporaryFolder(parent: string = tmpdir()): string {
  try {
    return mkdtempSync(join(parent, 'lvstream-'));
  } catch (cause) {
    throw noTemporaryFile(parent, cause);
  }
}

function noTemporaryFile(folder: string, cause: unknown): DeviceError {
  const hint = whoNames(folder);
  return new DeviceError(`${folder}: no temporary file can be made there: ${reason(cause)}`, { cause, hint });
}

function whoNames(folder: string): Sentence {
  if (folder === tmpdir()) return 'TMPDIR names the folder for temporary files';
  return sentence`${remedy('temp-folder')} names another folder for temporary files`;
}
