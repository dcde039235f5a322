import {
  closeSync,
  constants,
  fstatSync,
  readFileSync,
  realpathSync,
  writeSync,
  type BigIntStats,
} from 'node:fs';
import type { DeviceReader, RandomAccessWriter } from '../algebra/random-access.js';
import { DeviceError, errorCode, reason, RefusedError, remedy, sentence, systemFailure } from '../errors.js';
import type { Range } from '../ranges/range.js';
import {
  allocatedIn,
  attempt,
  checkInside,
  CLOSED,
  closeFile,
  closingOnError,
  openDescriptor,
  openImage,
  readerOf,
  requireWritable,
  sizeOf,
  statImage,
  statPath,
  type OpenFile,
} from './image.js';
import { lockTarget, refuseWhenUsed } from './usage/in-use.js';
import { settle, syncFile } from './medium.js';
import { deviceNumber } from './usage/subject.js';
import { logicalSectorSize, punchHole, zeroOut } from './syscalls.js';

export interface TargetOptions {
  /** Write although the target is mounted, held or open elsewhere. */
  readonly inUse: boolean;
  /** Make every check, but open for reading only: `write` and `zero` then fail. */
  readonly readOnly?: boolean;
}

/** A device or image file open for being changed, and locked against another lvstream until it is closed. */
export interface Target extends RandomAccessWriter, DeviceReader {
  /**
   * Puts on stable storage what anybody has written to it, and makes reads show what the medium holds ({@link settle}).
   * Throws `DeviceError` if that can't be done.
   */
  settle(): void;
  /** Releases the target and its lock, without syncing. A second call does nothing. */
  close(): void;
}

/** What a device is, for finding it again under another name or in a snapback. */
export interface TargetIdentity {
  /** With symbolic links resolved. */
  readonly path: string;
  /** The device-mapper UUID (`LVM-…`), where there is one: it survives a rename. */
  readonly deviceId?: string;
  /** Bytes. */
  readonly size: number;
}

/**
 * Opens a file or block device for being changed: never creates, truncates or extends it, and has written
 * nothing when it returns or throws.
 *
 * Throws `DeviceError` if it is missing, can't be opened, or is read-only. Throws `RefusedError` if it is neither a file nor a block
 * device, if another lvstream is at work on it, and, unless `inUse`, if anything else uses it: a mount, swap,
 * a device on top of it (holders, loop), an open file of another process, or whatever else counts in
 * device-mapper's open count. While it is open the kernel refuses others to mount or claim it (open(2),
 * O_EXCL on block devices).
 */
export function openTarget(path: string, { inUse, readOnly = false }: TargetOptions): Target {
  const found = statTarget(path);
  const fd = openClaimed(path, found, { inUse, readOnly });
  return closingOnError(fd, () => {
    const stats = fstatSync(fd, { bigint: true });
    if (stats.dev !== found.dev || stats.ino !== found.ino)
      throw new RefusedError(`${path}: was replaced while it was being opened`);
    requireWritable(fd, path, stats);
    const lock = lockTarget(fd, path, stats);
    return closingOnError(lock, () => {
      if (!inUse) refuseWhenUsed(path, stats);
      return targetOf({ fd, name: path, size: sizeOf(fd, stats, path) }, stats, lock);
    });
  });
}

function statTarget(path: string): BigIntStats {
  const stats = statPath(path);
  if (stats.isFile() || stats.isBlockDevice()) return stats;
  throw new RefusedError(
    `${path}: is ${stats.isDirectory() ? 'a directory' : 'not a file or block device'}`,
    {
      hint: 'name the block device or image file to write to',
    },
  );
}

function openClaimed(path: string, stats: BigIntStats, { inUse, readOnly }: Required<TargetOptions>): number {
  const access = readOnly ? constants.O_RDONLY : constants.O_RDWR;
  const claim = stats.isBlockDevice() && !inUse ? constants.O_EXCL : 0;
  try {
    return openDescriptor(path, access | claim);
  } catch (cause) {
    if (claim === 0 || errorCode(cause) !== 'EBUSY') throw cause;
    refuseWhenUsed(path, stats);
    throw new RefusedError(`${path}: the kernel says that it is in use: ${reason(systemFailure(cause))}`, {
      cause: systemFailure(cause),
      hint: sentence`find what mounted or claimed it (lsblk, findmnt, also inside containers), or write all the same with ${remedy('in-use')}`,
    });
  }
}

function targetOf(file: OpenFile, stats: BigIntStats, lock: number | undefined): Target {
  const zeroing = zeroingOf(file, stats);
  const sync = syncOf(file);
  return {
    ...readerOf(file),
    ...(stats.isFile() && allocatedIn(file)),
    write(bytes, offset) {
      checkInside(file, { offset, length: bytes.length });
      writeBytes(file, bytes, offset);
    },
    zero(range) {
      checkInside(file, range);
      zeroRange(file, range, zeroing);
    },
    sync,
    settle() {
      settle(file, sync);
    },
    close() {
      if (file.fd !== CLOSED && lock !== undefined) closeSync(lock);
      closeFile(file);
    },
  };
}

function writeBytes({ fd, name }: OpenFile, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) {
    const at = offset + done;
    const count = attempt(`${name}: can't be written at byte ${at}`, () =>
      writeSync(fd, bytes, done, bytes.length - done, at),
    );
    if (count === 0) throw new DeviceError(`${name}: takes no more data at byte ${at}`);
    done += count;
  }
}

/**
 * Once a sync has failed it fails for good: the kernel reports a lost write once and then calls the pages clean
 * (fsync(2)).
 */
function syncOf(file: OpenFile): () => void {
  let failure: unknown;
  return () => {
    if (failure !== undefined) throw failure as Error;
    try {
      syncFile(file);
    } catch (error) {
      failure = error;
      throw error;
    }
  };
}

/** How a target zeroes without data: ranges aligned to `unit` bytes go to `zero`, until it says that it can't. */
interface Zeroing {
  readonly unit: number;
  readonly zero: (fd: number, range: Range) => void;
  supported: boolean;
}

const FILE_BLOCK = 4096;

function zeroingOf({ fd }: OpenFile, stats: BigIntStats): Zeroing {
  if (stats.isBlockDevice()) return { unit: logicalSectorSize(fd), zero: zeroOut, supported: true };
  return { unit: FILE_BLOCK, zero: punchHole, supported: true };
}

function zeroRange(file: OpenFile, range: Range, zeroing: Zeroing): void {
  const end = range.offset + range.length;
  const innerStart = Math.ceil(range.offset / zeroing.unit) * zeroing.unit;
  const innerEnd = Math.floor(end / zeroing.unit) * zeroing.unit;
  if (
    innerStart >= innerEnd ||
    !tryZero(file, { offset: innerStart, length: innerEnd - innerStart }, zeroing)
  ) {
    writeZeros(file, range.offset, end);
    return;
  }
  writeZeros(file, range.offset, innerStart);
  writeZeros(file, innerEnd, end);
}

const UNSUPPORTED: ReadonlySet<string | undefined> = new Set([
  'ENOTSUP',
  'ENOSYS',
  'EINVAL',
  'ENOTTY',
  'EBUSY',
]);

function tryZero(file: OpenFile, range: Range, zeroing: Zeroing): boolean {
  if (!zeroing.supported) return false;
  try {
    attempt(`${file.name}: can't be zeroed at byte ${range.offset}`, () => {
      zeroing.zero(file.fd, range);
    });
  } catch (error) {
    if (!UNSUPPORTED.has(errorCode(error))) throw error;
    zeroing.supported = false;
  }
  return zeroing.supported;
}

const ZEROS = new Uint8Array(1 << 20);

function writeZeros(file: OpenFile, start: number, end: number): void {
  for (let at = start; at < end; at += ZEROS.length) writeBytes(file, ZEROS.subarray(0, end - at), at);
}

/** Says what stands at `path`, opening it for reading only. Throws `DeviceError` if it can't be opened. */
export function identifyTarget(path: string): TargetIdentity {
  const stats = statImage(path);
  const image = openImage(path);
  image.close();
  const deviceId = stats.isBlockDevice() ? readDeviceId(stats) : undefined;
  const real = attempt(`${path}: can't be followed to what it leads to`, () => realpathSync(path));
  return { path: real, ...(deviceId !== undefined && { deviceId }), size: image.size };
}

/** Whether a snapback that names a device is of the one that was found (§6.3). */
export function isSameDevice(
  name: Pick<TargetIdentity, 'path'> & { readonly deviceId?: string | undefined },
  target: TargetIdentity,
): boolean {
  if (name.deviceId !== undefined && target.deviceId !== undefined) return name.deviceId === target.deviceId;
  return name.path === target.path;
}

/** Only device-mapper's devices have the file, and only named ones have something in it (dm-sysfs.c). */
function readDeviceId(stats: BigIntStats): string | undefined {
  try {
    return readFileSync(`/sys/dev/block/${deviceNumber(stats.rdev)}/dm/uuid`, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
