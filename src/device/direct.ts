import { constants } from 'node:fs';
import type { RangeReader } from '../algebra/random-access.js';
import { readSegmentsWith } from '../algebra/read-segments.js';
import { DeviceError } from '../errors.js';
import { readSome, readSomeAsync } from '../files/descriptor.js';
import { alignedMemory } from './aligned-memory.js';
import {
  attempt,
  checkInside,
  closeFile,
  closingOnError,
  openDescriptor,
  openImage,
  sizeOf,
  statImage,
  type ImageReader,
  type OpenFile,
} from './image.js';
import { logicalSectorSize } from './syscalls.js';

/** How a device is read while its reader goes on with other work. */
export interface AlignedReads {
  /** Bytes of which offsets are multiples, and lengths too, unless they reach to the device's end. */
  readonly unit: number;
  /**
   * Fills `target`, which lies inside {@link alignedMemory} at a multiple of `unit`, from `offset` on. Neither may
   * `target` be touched nor the device be closed until the promise is settled. Rejects if any of the range can't be
   * read; `readSegments` says where.
   */
  read(target: Uint8Array, offset: number): Promise<void>;
}

/** A device that can be read ahead where `ahead` is there; any other reader will do where it is not. */
export interface AheadReader extends RangeReader {
  readonly ahead?: AlignedReads | undefined;
}

/** A device open for reading past every cache. The caller closes it, not before the reads of `ahead` have ended. */
export interface DirectReader extends ImageReader, AheadReader {}

/** What is read aligned is never less than a memory page, so that no sector size of the past matters. */
const MIN_UNIT = 4096;
const STEP = 1 << 20;

/**
 * Opens a block device for reading what the device itself holds (open(2), O_DIRECT): the page cache of its node can be
 * stale for what device-mapper or a mounted file system writes below it. Dirty pages of the range are written out by
 * each read before it (mm/filemap.c). Any offset and length can be read.
 *
 * A file is opened as {@link openImage} does, without `ahead`: whoever writes to a file writes through its page cache,
 * which is never stale. Throws as {@link openImage} does.
 */
export function openDirect(path: string): DirectReader {
  const stats = statImage(path);
  if (!stats.isBlockDevice()) return openImage(path);
  const fd = openDescriptor(path, constants.O_RDONLY | constants.O_DIRECT);
  return closingOnError(fd, () => {
    const file: OpenFile = { fd, name: path, size: sizeOf(fd, stats, path) };
    const unit = Math.max(MIN_UNIT, logicalSectorSize(fd));
    return directReaderOf(file, unit);
  });
}

function directReaderOf(file: OpenFile, unit: number): DirectReader {
  const { name, size } = file;
  const readInto = (target: Uint8Array, offset: number) => {
    checkInside(file, { offset, length: target.length });
    readThroughScratch(file, target, offset, unit);
  };
  return {
    name,
    size,
    readInto,
    readSegments: readSegmentsWith(readInto),
    ahead: { unit, read: (target, offset) => readWhole(file, target, offset) },
    close: () => {
      closeFile(file);
    },
  };
}

/** One for all devices: it is in use during one synchronous call only. */
let scratch: Uint8Array<ArrayBuffer> | undefined;

/** A part that fails as a whole is read again unit by unit, for the sake of the byte that the error names. */
function readThroughScratch(file: OpenFile, target: Uint8Array, offset: number, unit: number): void {
  const memory = (scratch ??= alignedMemory(STEP));
  const end = offset + target.length;
  let most = STEP;
  for (let at = offset; at < end;) {
    const start = Math.floor(at / unit) * unit;
    const stop = Math.min(Math.ceil(end / unit) * unit, start + most, file.size);
    try {
      fill(file, memory.subarray(0, stop - start), start, at);
    } catch (error) {
      if (most === unit) throw error;
      most = unit;
      continue;
    }
    const until = Math.min(stop, end);
    target.set(memory.subarray(at - start, until - start), at - offset);
    at = until;
  }
}

/** `wanted`: the first byte that somebody asked for, for errors. */
function fill({ fd, name }: OpenFile, memory: Uint8Array, start: number, wanted: number): void {
  for (let done = 0; done < memory.length;) {
    const at = start + done;
    const count = attempt(`${name}: can't be read at byte ${Math.max(at, wanted)}`, () =>
      readSome(fd, memory.subarray(done), at),
    );
    if (count === 0) throw endedEarly(name, at);
    done += count;
  }
}

function endedEarly(name: string, at: number): DeviceError {
  return new DeviceError(`${name}: ends at byte ${at}, before the size it had when it was opened`);
}

async function readWhole({ fd, name }: OpenFile, target: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < target.length;) {
    const bytesRead = await readSomeAsync(fd, target.subarray(done), offset + done);
    if (bytesRead === 0) throw endedEarly(name, offset + done);
    done += bytesRead;
  }
}
