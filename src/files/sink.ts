import {
  type BigIntStats,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  open as openCallback,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DeviceError, reason, RefusedError, remedy, sentence, type Sentence } from '../errors.js';
import type { ByteSink } from '../format/lvs/writer.js';
import { release, writeSomeAsync } from './descriptor.js';
import { onInterrupt } from './interrupt.js';
import { createUnfinished, type UnfinishedOutput } from './unfinished-output.js';

const openAsync = promisify(openCallback);
const STDOUT = 1;
const RETRY_MS = 5;
const OTHER_NAME = 'choose another name';

/** Whoever read our output has gone; a program like this ends quietly then. */
export class ClosedOutputError extends DeviceError {}

/** Somewhere a result goes: under its name whole, or not at all. */
export interface Output extends ByteSink {
  readonly name: string;
  /** Puts a finished file on stable storage and under its name. */
  commit(): Promise<void>;
  /** Leaves nothing behind. */
  abort(): void;
}

/** What is to become of a file that has the name already; left out where nobody is asked. */
interface Force {
  readonly force?: boolean | undefined;
}

interface OutputOptions extends Force {
  /** Asked right before a file gets its name; if it throws, nothing has been replaced. */
  readonly confirm?: (() => void) | undefined;
}

/**
 * Opens standard output for `-` and for any name of what it is, or a file that appears only on `commit`. `force` lets it
 * replace another file, never anything else. A pipe or a character device, such as `/dev/null`, is written to as it is.
 */
export async function openOutput(path: string, { force, confirm }: OutputOptions = {}): Promise<Output> {
  refuseTaken(path, { force });
  if (isStandardOutput(path)) return directOutput(STDOUT, 'standard output', () => undefined);
  if (isStreamed(path)) {
    const fd = await openStreamed(path);
    return directOutput(fd, path, () => {
      release(fd);
    });
  }
  const place = behindLinks(path);
  const temporary = create(place, path);
  const forget = onInterrupt(() => {
    temporary.remove();
  });
  return {
    ...createOutputSink(temporary.fd, path),
    name: path,
    commit: async () => {
      try {
        fsyncSync(temporary.fd);
        if (!temporary.hasItsName()) throw takenOver(path);
        confirm?.();
        giveName(temporary.path, place, force === true);
      } catch (cause) {
        forget();
        temporary.remove();
        if (cause instanceof DeviceError || cause instanceof RefusedError) throw cause;
        throw new DeviceError(`${path}: can't be finished: ${reason(cause)}`, { cause });
      }
      forget();
      temporary.close();
    },
    abort: () => {
      forget();
      temporary.remove();
    },
  };
}

function takenOver(path: string): DeviceError {
  return new DeviceError(`${path}: can't be finished: another process has removed what was written`, {
    hint: 'let no other machine or container write the same file, then run this again',
  });
}

/** The file that is replaced through a symbolic link, which stays. */
function behindLinks(path: string): string {
  if (statIfThere(path, statSync) === undefined) return path;
  try {
    return realpathSync(path);
  } catch (cause) {
    throw new DeviceError(`${path}: can't be created: ${reason(cause)}`, { cause });
  }
}

function directOutput(fd: number, name: string, close: () => void): Output {
  return {
    ...createOutputSink(fd, name),
    name,
    commit: async () => {
      close();
    },
    abort: close,
  };
}

/**
 * Node opens /dev/null in the place of a closed standard output, for reading too, which no redirection of a shell does: what
 * is written there would be lost, and nobody would be told. A program that wants no output of another one, as a daemon or
 * `subprocess.DEVNULL` does, opens it so as well, and nothing tells the two apart: so words, unlike data, may go there.
 */
function refuseClosedOutput(): void {
  const [own, nothing] = [
    fstatSync(STDOUT, { bigint: true }),
    statSync('/dev/null', { bigint: true, throwIfNoEntry: false }),
  ];
  if (own.isCharacterDevice() && own.rdev === nothing?.rdev && canRead(STDOUT))
    throw new DeviceError('standard output: is closed', { hint: 'send it to a file or a pipe' });
}

/** A read of /dev/null ends at once. */
function canRead(fd: number): boolean {
  try {
    readSync(fd, new Uint8Array(1));
    return true;
  } catch {
    return false;
  }
}

/** In a thread of its own: of a FIFO it waits until somebody reads, and hears signals meanwhile. */
async function openStreamed(path: string): Promise<number> {
  try {
    return await openAsync(path, 'w');
  } catch (cause) {
    throw new DeviceError(`${path}: can't be opened: ${reason(cause)}`, { cause });
  }
}

/**
 * Gives a finished file its final name, on stable storage. Without `force` a file of that name is left alone, and when
 * this throws the name is free again, so that the same command can be run once more. With it, the file can be there although
 * this throws, which is then said.
 */
export function giveName(temporary: string, path: string, force: boolean): void {
  if (force) {
    renameSync(temporary, path);
    syncReplaced(path);
  } else if (isLinked(temporary, path)) {
    orElse(
      () => unlinkSync(path),
      () => {
        syncFolder(path);
        unlinkSync(temporary);
      },
    );
  } else {
    refuseExisting(path);
    renameSync(temporary, path);
    orElse(
      () => renameSync(path, temporary),
      () => syncFolder(path),
    );
  }
}

/** What was replaced can't be brought back: the new file stays. */
function syncReplaced(path: string): void {
  try {
    syncFolder(path);
  } catch (cause) {
    throw new DeviceError(
      `${path}: is whole and in its place, but a power cut may bring back what it replaced`,
      {
        cause,
        hint: 'run the same command again when the folder can be written to',
      },
    );
  }
}

/** Not every file system can link. Throws `RefusedError` when something has the name already. */
function isLinked(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw alreadyThere(path);
    return false;
  }
}

function orElse(takeBack: () => void, act: () => void): void {
  try {
    act();
  } catch (error) {
    takeBack();
    throw error;
  }
}

/** Takes the old name from a file that {@link giveName} has given its final one, if it was ended before it did so. */
export function dropSecondName(temporary: string, path: string): void {
  const [second, first] = [statIfThere(temporary, lstatSync), statIfThere(path, lstatSync)];
  if (second?.isFile() !== true || second.dev !== first?.dev || second.ino !== first.ino) return;
  try {
    unlinkSync(temporary);
  } catch (cause) {
    throw new DeviceError(`${temporary}: can't be removed: ${reason(cause)}`, { cause });
  }
  syncFolder(path);
}

/** Makes a change of names in the file's folder permanent. Throws `DeviceError`. */
export function syncFolder(path: string): void {
  try {
    syncOpened(openSync(dirname(path), 'r'));
  } catch (cause) {
    const what = `the name ${basename(path)} can't be put on stable storage`;
    throw new DeviceError(`${dirname(path)}: ${what}: ${reason(cause)}`, { cause });
  }
}

function syncOpened(fd: number): void {
  try {
    fsyncSync(fd);
  } finally {
    release(fd);
  }
}

/** Whether what is written there is gone at once: a pipe or a character device. */
export function isStreamed(path: string): boolean {
  const found = statIfThere(path, statSync);
  return found?.isFIFO() === true || found?.isCharacterDevice() === true;
}

/** Whether that is standard output: `-`, or any name of the pipe, device or file that the shell has made it. */
export function isStandardOutput(path: string): boolean {
  if (path === '-') return true;
  const [named, own] = [statIfThere(path, statSync), fstatSync(STDOUT, { bigint: true })];
  return named?.dev === own.dev && named.ino === own.ino;
}

/**
 * Throws what {@link openOutput} would throw of a name that is taken, or of a closed standard output: for what takes long
 * before the first byte.
 */
export function refuseTaken(path: string, { force }: Force): void {
  if (isStandardOutput(path)) {
    refuseClosedOutput();
    return;
  }
  if (isStreamed(path)) return;
  if (statIfThere(path, statSync)?.isFile() !== true) refuseExisting(path, OTHER_NAME);
  else if (force !== true)
    refuseExisting(
      path,
      force === undefined
        ? undefined
        : sentence`${OTHER_NAME}; ${remedy('force')} replaces it, and what it holds is lost`,
    );
}

/** Throws `RefusedError`, with the way out where it is not the usual one, when something of that name exists. */
export function refuseExisting(path: string, hint?: Sentence): void {
  if (statIfThere(path, lstatSync)) throw alreadyThere(path, hint);
}

/**
 * What stands at `path`, if anything does. Throws `DeviceError` where that can't be told. An inode's number can take all of
 * its 64 bits, on overlayfs for one.
 */
export function statIfThere(path: string, stat: typeof statSync): BigIntStats | undefined {
  try {
    return stat(path, { bigint: true, throwIfNoEntry: false });
  } catch (cause) {
    throw new DeviceError(`${path}: can't be created: ${reason(cause)}`, { cause });
  }
}

/** A sink on an open file descriptor. */
export function createOutputSink(fd: number, name: string): ByteSink {
  return {
    write: async (bytes) => {
      for (let done = 0; done < bytes.length;) done += await writeSome(fd, name, bytes.subarray(done));
    },
  };
}

async function writeSome(fd: number, name: string, bytes: Uint8Array): Promise<number> {
  try {
    return await writeSomeAsync(fd, bytes, null);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EPIPE') throw new ClosedOutputError(`${name}: closed by its reader`, { cause });
    if (code !== 'EAGAIN') throw new DeviceError(`${name}: can't be written: ${reason(cause)}`, { cause });
    await sleep(RETRY_MS);
    return 0;
  }
}

function create(place: string, path: string): UnfinishedOutput {
  try {
    return createUnfinished(place);
  } catch (cause) {
    throw new DeviceError(`${path}: can't be created: ${reason(cause)}`, { cause });
  }
}

function alreadyThere(path: string, hint: Sentence = OTHER_NAME): RefusedError {
  return new RefusedError(`${path}: exists already`, { hint });
}
