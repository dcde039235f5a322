import { closeSync, fsyncSync, linkSync, lstatSync, openSync, renameSync, unlinkSync, write as writeCallback } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DeviceError, RefusedError } from '../errors.js';
import type { ByteSink } from '../format/lvs-writer.js';
import { onInterrupt } from './interrupt.js';

const writeAsync = promisify(writeCallback);
const STDOUT = 1;
const RETRY_MS = 5;

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

/** Opens standard output for `-`, or a file that appears only on `commit`. `force` lets it replace another. */
export function openOutput(path: string, { force = false } = {}): Output {
  if (path === '-') {
    const sink = createOutputSink(STDOUT, 'standard output');
    return { ...sink, name: 'standard output', commit: async () => undefined, abort: () => undefined };
  }
  if (!force) refuseExisting(path);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const fd = create(temporary, path);
  const remove = () => {
    closeSync(fd);
    unlinkSync(temporary);
  };
  const forget = onInterrupt(remove);
  return {
    ...createOutputSink(fd, path),
    name: path,
    commit: async () => {
      forget();
      fsyncSync(fd);
      closeSync(fd);
      giveName(temporary, path, force);
    },
    abort: () => {
      forget();
      remove();
    },
  };
}

/** Gives a finished file its final name, on stable storage. Without `force` a file of that name is left alone. */
export function giveName(temporary: string, path: string, force: boolean): void {
  if (force) renameSync(temporary, path);
  else {
    try {
      linkSync(temporary, path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw alreadyThere(path);
      refuseExisting(path);
      renameSync(temporary, path);
      return syncFolder(path);
    }
    unlinkSync(temporary);
  }
  syncFolder(path);
}

/** Makes a change of names in the file's folder permanent. */
export function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Throws `RefusedError` when something of that name exists. */
export function refuseExisting(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })) throw alreadyThere(path);
}

/** A sink on an open file descriptor. */
export function createOutputSink(fd: number, name: string): ByteSink {
  return {
    write: async (bytes) => {
      for (let done = 0; done < bytes.length; ) done += await writeSome(fd, name, bytes.subarray(done));
    },
  };
}

async function writeSome(fd: number, name: string, bytes: Uint8Array): Promise<number> {
  try {
    return (await writeAsync(fd, bytes, 0, bytes.length, null)).bytesWritten;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EPIPE') throw new ClosedOutputError(`${name}: closed by its reader`, { cause });
    if (code !== 'EAGAIN') throw new DeviceError(`${name}: can't be written: ${message}`, { cause });
    await sleep(RETRY_MS);
    return 0;
  }
}

function create(temporary: string, path: string): number {
  try {
    return openSync(temporary, 'wx', 0o666);
  } catch (cause) {
    throw new DeviceError(`${path}: can't be created: ${(cause as Error).message}`, { cause });
  }
}

function alreadyThere(path: string): RefusedError {
  return new RefusedError(`${path}: exists already`, { hint: 'choose another name, or remove it first' });
}
