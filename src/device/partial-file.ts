import { constants, fstatSync, openSync } from 'node:fs';
import { DeviceError } from '../errors.js';
import { readSomeAsync } from '../files/descriptor.js';
import { reason } from '../files/reason.js';
import { ByteReader } from '../format/byte-reader.js';

/** An open partial file (§6.4). */
export interface PartialFile {
  readonly fd: number;
  /** Its own path, for messages. */
  readonly name: string;
}

/** Where the journal of a snapback that will be called `path` lies until it is finished. */
export function partialPath(path: string): string {
  return `${path}.partial`;
}

/** Opens the partial file of the snapback `path`, to be read and written. Throws `DeviceError`. */
export function openPartial(path: string, flags: number): PartialFile {
  const name = partialPath(path);
  try {
    return { name, fd: openSync(name, constants.O_RDWR | flags, 0o600) };
  } catch (cause) {
    throw new DeviceError(`${name}: can't be opened: ${reason(cause)}`, { cause });
  }
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
