import { createRequire } from 'node:module';
import { getSystemErrorMap, getSystemErrorName } from 'node:util';
import type * as Koffi from 'koffi';
import { DeviceError, errorCode, reason, type SystemFailure } from '../errors.js';
import type { Range } from '../ranges/range.js';

/**
 * The Linux system calls that Node lacks. The numbers are those of x86, ARM and RISC-V with 64 bits
 * (linux/fs.h, linux/falloc.h, asm-generic/fcntl.h, asm-generic/ioctl.h).
 *
 * Every function throws {@link DeviceError} with the system call and why it failed in the message, and a
 * {@link SystemFailure} as cause. A call that a signal interrupted is made again.
 */

const LOCK_SHARED = 1;
const LOCK_EXCLUSIVE = 2;
const LOCK_NONBLOCKING = 4;
const FALLOCATE_KEEP_SIZE = 0x01;
const FALLOCATE_PUNCH_HOLE = 0x02;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const SET_PIPE_SIZE = 1031;
const FADV_DONTNEED = 4;
/** kcmp(2) has a number of its own on x86 (asm/unistd_64.h), and the generic one on ARM and RISC-V. */
const KCMP = process.arch === 'x64' ? 312 : 272;
const KCMP_FILE = 0;
const BLKROGET = 0x125e;
const BLKFLSBUF = 0x1261;
const BLKSSZGET = 0x1268;
const BLKZEROOUT = 0x127f;
const BLKGETSIZE64 = 0x80081272;

type SystemCall = (...values: unknown[]) => number;

interface SystemCalls {
  readonly flock: SystemCall;
  readonly fallocate: SystemCall;
  readonly lseek: SystemCall;
  readonly posix_fadvise: SystemCall;
  readonly syncfs: SystemCall;
  readonly syscall: SystemCall;
  readonly ioctl: SystemCall;
  readonly fcntl: SystemCall;
  readonly _exit: SystemCall;
  errno(): number;
}

let loaded: SystemCalls | undefined;

function systemCalls(): SystemCalls {
  loaded ??= loadSystemCalls();
  return loaded;
}

function loadSystemCalls(): SystemCalls {
  if (process.platform !== 'linux') {
    throw new DeviceError(`devices are supported on Linux only, and this is ${process.platform}`);
  }
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    return { ...declare(koffi.load(null)), errno: () => koffi.errno() };
  } catch (cause) {
    throw new DeviceError("the system calls for devices can't be loaded (package koffi)", {
      cause,
      hint: 'install lvstream again on this machine, so that npm fetches the koffi binary that fits it',
    });
  }
}

function declare(library: Koffi.LibraryHandle): Omit<SystemCalls, 'errno'> {
  return {
    flock: library.func('int flock(int fd, int operation)'),
    fallocate: library.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)'),
    lseek: library.func('int64_t lseek(int fd, int64_t offset, int whence)'),
    posix_fadvise: library.func('int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)'),
    syncfs: library.func('int syncfs(int fd)'),
    syscall: library.func('int64_t syscall(int64_t number, ...)'),
    ioctl: library.func('int ioctl(int fd, unsigned long request, ...)'),
    fcntl: library.func('int fcntl(int fd, int command, ...)'),
    _exit: library.func('void _exit(int status)'),
  };
}

/**
 * Ends this process and all its threads with nothing more done (_exit(2)), if system calls have been loaded for something
 * else, or a thread may wait for somebody: for what comes from a terminal, a socket or a FIFO. Otherwise does nothing.
 */
export function exitAtOnce(status: number): void {
  const waits = process.getActiveResourcesInfo().includes('FSReqCallback');
  (waits ? systemCalls() : loaded)?._exit(status);
}

function fail(syscall: string, errno: number): never {
  const code = getSystemErrorName(-errno);
  const meaning = getSystemErrorMap().get(-errno)?.[1] ?? 'nothing more is known';
  const cause: SystemFailure = Object.assign(new Error(`${code}: ${meaning}, ${syscall}`), { code });
  throw new DeviceError(`${syscall}: ${reason(cause)}`, { cause });
}

function call(name: keyof Omit<SystemCalls, 'errno' | '_exit'>, what: string, ...values: unknown[]): number {
  const calls = systemCalls();
  for (;;) {
    const result = calls[name](...values);
    if (result !== -1) return result;
    const errno = calls.errno();
    if (getSystemErrorName(-errno) !== 'EINTR') fail(what, errno);
  }
}

/**
 * Takes a lock on the open file without waiting; false if another open file of the same inode has one
 * that excludes it. Closing `fd` releases it (flock(2)).
 */
export function tryLock(fd: number, kind: 'shared' | 'exclusive'): boolean {
  try {
    call('flock', 'flock', fd, (kind === 'shared' ? LOCK_SHARED : LOCK_EXCLUSIVE) | LOCK_NONBLOCKING);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EAGAIN') return false;
    throw error;
  }
}

/** Makes the range of a file a hole that reads as zeros; the file's size stays (fallocate(2)). */
export function punchHole(fd: number, { offset, length }: Range): void {
  call('fallocate', 'fallocate', fd, FALLOCATE_PUNCH_HOLE | FALLOCATE_KEEP_SIZE, offset, length);
}

/**
 * Makes the range of a block device read as zeros, in the device itself where it can do that. The range must be
 * aligned to logical sectors (block/ioctl.c).
 */
export function zeroOut(fd: number, { offset, length }: Range): void {
  const range = new BigUint64Array([BigInt(offset), BigInt(length)]);
  call('ioctl', 'ioctl BLKZEROOUT', fd, BLKZEROOUT, 'uint64_t *', range);
}

/** Bytes of a block device. */
export function deviceSize(fd: number): number {
  const size = new BigUint64Array(1);
  call('ioctl', 'ioctl BLKGETSIZE64', fd, BLKGETSIZE64, 'uint64_t *', size);
  return Number(size[0]);
}

/** Bytes of a block device's logical sector: the smallest unit that it reads and writes. */
export function logicalSectorSize(fd: number): number {
  const size = new Int32Array(1);
  call('ioctl', 'ioctl BLKSSZGET', fd, BLKSSZGET, 'int *', size);
  return size[0]!;
}

/** Whether a block device is set read-only: it can be opened for writing, and each write then fails (block/fops.c). */
export function isReadOnly(fd: number): boolean {
  const flag = new Int32Array(1);
  call('ioctl', 'ioctl BLKROGET', fd, BLKROGET, 'int *', flag);
  return flag[0] !== 0;
}

/**
 * Where the next data of a file begins, at `offset` or after it; `undefined` if only a hole follows
 * (lseek(2)). Moves the file position.
 */
export function seekData(fd: number, offset: number): number | undefined {
  try {
    return call('lseek', 'lseek SEEK_DATA', fd, offset, SEEK_DATA);
  } catch (error) {
    if (errorCode(error) === 'ENXIO') return undefined;
    throw error;
  }
}

/** Where the next hole of a file begins, at `offset` or after it: at the latest at the file's end. Moves the file position. */
export function seekHole(fd: number, offset: number): number {
  return call('lseek', 'lseek SEEK_HOLE', fd, offset, SEEK_HOLE);
}

/** Writes out what the file system of the open file or directory holds back (syncfs(2)). */
export function syncFileSystem(fd: number): void {
  call('syncfs', 'syncfs', fd);
}

/**
 * Writes out the file system on a block device, in whatever mount namespace it is mounted, and the pages of the device's
 * node; then drops those (block/ioctl.c, blkdev_flushbuf). Needs root.
 */
export function flushBuffers(fd: number): void {
  call('ioctl', 'ioctl BLKFLSBUF', fd, BLKFLSBUF);
}

/** Drops the clean pages of an open file or block device from the page cache (mm/fadvise.c); what is dirty stays. */
export function dropCleanPages(fd: number): void {
  const errno = systemCalls().posix_fadvise(fd, 0, 0, FADV_DONTNEED);
  if (errno !== 0) fail('posix_fadvise', errno);
}

/** A file descriptor of a process. */
export interface ProcessFile {
  readonly pid: number;
  readonly fd: number;
}

/**
 * Whether two descriptors came from one open(2), by fork, dup or being passed on (kcmp(2)). Needs root; throws if either
 * process has ended.
 */
export function isSameOpenFile(one: ProcessFile, other: ProcessFile): boolean {
  const values = [one.pid, other.pid, KCMP_FILE, one.fd, other.fd].flatMap((value) => ['int64_t', value]);
  return call('syscall', 'kcmp', KCMP, ...values) === 0;
}

/** Asks for a pipe of `size` bytes; the kernel rounds up. Returns the bytes that it has now (fcntl(2), F_SETPIPE_SZ). */
export function setPipeSize(fd: number, size: number): number {
  return call('fcntl', 'fcntl F_SETPIPE_SZ', fd, SET_PIPE_SIZE, 'int', size);
}
