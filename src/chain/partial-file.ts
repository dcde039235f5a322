import { constants, fstatSync, openSync } from 'node:fs';
import { DeviceError, RefusedError, reason } from '../errors.js';
import { readSomeAsync } from '../files/descriptor.js';
import { ByteReader } from '../format/byte-reader.js';
import { closingOnError } from '../device/image.js';

/** An open partial file (§6.4). */
export interface PartialFile {
  readonly fd: number;
  /** Its own path, for messages. */
  readonly name: string;
}

const PARTIAL = '.partial';

/** Where the journal of a snapback that will be called `path` lies until it is finished. */
export function partialPath(path: string): string {
  return path + PARTIAL;
}

/** The name that the snapback of a partial file will have when it is finished. */
export function finishedPath(partial: string): string {
  return partial.slice(0, -PARTIAL.length);
}

/** Whether a name is that of a partial file. */
export function isPartial(name: string): boolean {
  return name.endsWith(PARTIAL);
}

const OF_OTHERS = 0o077;
/** Its own name and, behind a kill at the very end, the finished snapback's. */
const MOST_NAMES = 2;

/**
 * Opens the partial file of the snapback `path`, to be read and written; never waits for the other end of a pipe. Throws
 * `DeviceError`, and `RefusedError` of a file that somebody else may have put there or can read: what a device held is
 * not to land in it (§11).
 */
export function openPartial(path: string, flags = 0): PartialFile {
  const name = partialPath(path);
  try {
    const fd = openSync(name, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK | flags, 0o600);
    closingOnError(fd, () => {
      refuseForeign(fd, name);
    });
    return { name, fd };
  } catch (cause) {
    if (cause instanceof RefusedError) throw cause;
    throw new DeviceError(`${name}: can't be opened: ${reason(cause)}`, { cause });
  }
}

/** Throws `RefusedError` of an open file that is not one of our own alone. */
export function refuseForeign(fd: number, name: string): void {
  const stats = fstatSync(fd);
  const hint =
    'see who put it there; choose another name for this snapback, in a folder that only you can write to';
  if (!stats.isFile()) throw new RefusedError(`${name}: is not a file`, { hint });
  if (stats.uid !== process.geteuid?.()) throw new RefusedError(`${name}: belongs to another user`, { hint });
  if ((stats.mode & OF_OTHERS) !== 0 || stats.nlink > MOST_NAMES)
    throw new RefusedError(`${name}: others can read it, write to it, or have it under another name`, {
      hint,
    });
}

/** Bytes that the file has now. */
export function sizeOfPartial({ fd }: PartialFile): number {
  return fstatSync(fd).size;
}

/** Reads on from `start` to where the file ends now. */
export function readPartial(file: PartialFile, start: number): ByteReader {
  const size = sizeOfPartial(file);
  let position = start;
  const readInto = async (target: Uint8Array) => {
    const got = await readSomeAt(file, target.subarray(0, Math.max(0, size - position)), position);
    position += got;
    return got;
  };
  return new ByteReader({ readInto });
}

/** Reads bytes at a place of the file, fewer only at its end. */
export async function readPartialAt(file: PartialFile, position: number, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  let filled = 0;
  for (let got = -1; got !== 0 && filled < size; filled += got)
    got = await readSomeAt(file, bytes.subarray(filled), position + filled);
  return bytes.subarray(0, filled);
}

async function readSomeAt({ fd, name }: PartialFile, target: Uint8Array, position: number): Promise<number> {
  try {
    return await readSomeAsync(fd, target, position);
  } catch (cause) {
    throw new DeviceError(`${name}: can't be read: ${reason(cause)}`, { cause });
  }
}
