import { accessSync, constants, existsSync, openSync, statSync, type BigIntStats } from 'node:fs';
import type { DeviceReader, RangeReader } from '../algebra/random-access.js';
import { readSegmentsWith } from '../algebra/read-segments.js';
import { DeviceError, errorCode, reason, systemFailure } from '../errors.js';
import { readSome, release } from '../files/descriptor.js';
import type { Range } from '../ranges/range.js';
import { deviceSize, isReadOnly, seekData, seekHole } from './syscalls.js';

/** An image file or block device, open for reading. The caller closes it; reading afterwards throws. */
export interface ImageReader extends DeviceReader {
  /** Ends the use of the image. A second call does nothing. */
  close(): void;
}

/** A number that no file descriptor has. */
export const CLOSED = 2 ** 31 - 1;

/** A file or device that this process holds open. */
export interface OpenFile {
  /** {@link CLOSED} once it is closed, so that a late call meets EBADF and never another file of the same number. */
  fd: number;
  readonly name: string;
  readonly size: number;
}

/**
 * Opens a file or block device for reading through the page cache. `size` is what it had when it was opened.
 * `allocated` is there for files only, and follows the holes that the file system knows.
 * Throws `DeviceError` if it is missing, not permitted, or neither a file nor a block device.
 */
export function openImage(path: string): ImageReader {
  const stats = statImage(path);
  const fd = openDescriptor(path, constants.O_RDONLY);
  return closingOnError(fd, () => {
    const file: OpenFile = { fd, name: path, size: sizeOf(fd, stats, path) };
    return {
      ...readerOf(file),
      ...(stats.isFile() && allocatedIn(file)),
      close: () => {
        closeFile(file);
      },
    };
  });
}

/** What stands at `path`. Throws `DeviceError` if nothing does, or nothing with a size. */
export function statImage(path: string): BigIntStats {
  const stats = statPath(path);
  if (stats.isFile() || stats.isBlockDevice()) return stats;
  throw new DeviceError(`${path}: is ${stats.isDirectory() ? 'a directory' : 'not a file or block device'}`, {
    hint: 'name an image file or a block device, such as /dev/VG/LV',
  });
}

/** The same for anything that exists. */
export function statPath(path: string): BigIntStats {
  try {
    return statSync(path, { bigint: true });
  } catch (cause) {
    throw openError(path, cause);
  }
}

/** What a device that is set read-only would be said to be, if opening it failed. */
const READ_ONLY = Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' });

/** Opens without creating or truncating anything; whoever calls closes the descriptor. */
export function openDescriptor(path: string, flags: number): number {
  try {
    return openSync(path, flags);
  } catch (cause) {
    throw openError(path, cause);
  }
}

/** Throws `DeviceError` if what stands at `path`, open as `fd`, can't be written, however it was opened. */
export function requireWritable(fd: number, path: string, stats: BigIntStats): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (cause) {
    throw openError(path, cause);
  }
  if (stats.isBlockDevice() && isReadOnly(fd)) throw openError(path, READ_ONLY);
}

function openError(path: string, cause: unknown): DeviceError {
  const code = errorCode(cause);
  const known = code === undefined ? undefined : OPEN_HINTS.get(code);
  const hint = code === 'ENOENT' ? (meantNode(path) ?? known) : known;
  return new DeviceError(`${path}: can't be opened: ${reason(cause)}`, { cause, hint });
}

/** A logical volume goes by `VG/LV` elsewhere; as a device it is below `/dev`. */
function meantNode(path: string): string | undefined {
  const node = `/dev/${path}`;
  return /^[^./]/.test(path) && existsSync(node) && statSync(node).isBlockDevice()
    ? `did you mean ${node}?`
    : undefined;
}

const PERMISSION = 'devices are opened as root, and for writing only if not set read-only';

const OPEN_HINTS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'check the name; a logical volume has its node while it is active'],
  ['ENOTDIR', 'check the name'],
  ['EACCES', PERMISSION],
  ['EPERM', PERMISSION],
  ['EROFS', 'make it writable first: lvchange -p rw, blockdev --setrw, or mount -o remount,rw'],
  ['ENXIO', 'activate it first'],
]);

/** Bytes of an open file or block device. */
export function sizeOf(fd: number, stats: BigIntStats, path: string): number {
  const size = stats.isBlockDevice() ? deviceSize(fd) : Number(stats.size);
  if (Number.isSafeInteger(size)) return size;
  throw new DeviceError(`${path}: has ${size} bytes, more than 2^53`);
}

/** Runs what follows an open; if that throws, the descriptor, if there is one, is closed. */
export function closingOnError<T>(fd: number | undefined, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (fd !== undefined) release(fd);
    throw error;
  }
}

/** Closes the file; a second call does nothing. */
export function closeFile(file: OpenFile): void {
  const { fd } = file;
  file.fd = CLOSED;
  if (fd !== CLOSED) release(fd);
}

/** Reads an open file or device, which stays the caller's to close. */
export function readerOf(file: OpenFile): DeviceReader {
  const { name, size } = file;
  const readInto = (target: Uint8Array, offset: number) => {
    checkInside(file, { offset, length: target.length });
    for (let done = 0; done < target.length;) done += readPart(file, target.subarray(done), offset + done);
  };
  return { name, size, readInto, readSegments: readSegmentsWith(readInto) };
}

function readPart({ fd, name }: OpenFile, target: Uint8Array, offset: number): number {
  const count = attempt(`${name}: can't be read at byte ${offset}`, () => readSome(fd, target, offset));
  if (count > 0) return count;
  throw new DeviceError(`${name}: ends at byte ${offset}, before the size it had when it was opened`);
}

/** Throws `DeviceError` if the range is not inside the device. */
export function checkInside({ name, size }: Omit<OpenFile, 'fd'>, { offset, length }: Range): void {
  if (offset >= 0 && length <= size - offset) return;
  throw new DeviceError(`${name}: ${length} bytes at byte ${offset} reach past its end at byte ${size}`);
}

/**
 * Runs a system call; its failure becomes a `DeviceError` that says what could not be done, why, and the way out where there
 * is one.
 */
export function attempt<T>(what: string, act: () => T, hint?: string): T {
  try {
    return act();
  } catch (cause) {
    const failure = systemFailure(cause);
    if (failure === undefined || failure.code.startsWith('ERR_')) throw cause;
    throw new DeviceError(`${what}: ${reason(failure)}`, { cause: failure, hint });
  }
}

/** Where a file was found to hold data: from a byte up to a hole. */
interface FoundData {
  start: number;
  end: number;
}

/**
 * The part of the port that knows a file's holes (lseek(2), SEEK_DATA). The data that was found last is remembered: a file system
 * may look at every page up to the next hole (tmpfs does), and what has become a hole since can be read all the same.
 */
export function allocatedIn(file: OpenFile): Required<Pick<RangeReader, 'allocated'>> {
  const found: FoundData = { start: 0, end: 0 };
  return {
    allocated(range) {
      checkInside(file, range);
      return dataRanges(file, found, range);
    },
  };
}

function* dataRanges(file: OpenFile, found: FoundData, { offset, length }: Range): Generator<Range> {
  const end = offset + length;
  for (let at = offset; at < end;) {
    const start = findData(file, found, at, end);
    if (start >= end) return;
    at = Math.min(end, found.end);
    yield { offset: start, length: at - start };
  }
}

/** Where data begins, from `at` on; `end` or more if there is none before it. */
function findData(file: OpenFile, found: FoundData, at: number, end: number): number {
  if (at >= found.start && at < found.end) return at;
  const start = nextData(file, at) ?? end;
  if (start < end) Object.assign(found, { start, end: nextHole(file, start, end) });
  return start;
}

/** A file system that can't tell holes from data says EINVAL: then all of it is data. */
function nextData({ fd, name }: OpenFile, at: number): number | undefined {
  return attempt(`${name}: can't be searched for data at byte ${at}`, () =>
    unlessUnsupported(() => seekData(fd, at), at),
  );
}

function nextHole({ fd, name }: OpenFile, at: number, end: number): number {
  return attempt(`${name}: can't be searched for holes at byte ${at}`, () =>
    unlessUnsupported(() => seekHole(fd, at), end),
  );
}

function unlessUnsupported<T>(seek: () => T, otherwise: T): T {
  try {
    return seek();
  } catch (error) {
    if (errorCode(error) === 'EINVAL') return otherwise;
    throw error;
  }
}
