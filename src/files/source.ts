import { constants, fstatSync, open as openCallback, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { openTemporaryFile } from '../codec/scratch-file.js';
import { DeviceError, reason, UsageError } from '../errors.js';
import type { ByteSource } from '../format/byte-reader.js';
import type { ByteSink } from '../format/lvs/writer.js';
import { readSome, readSomeAsync, release } from './descriptor.js';
import { createOutputSink } from './sink.js';

const openAsync = promisify(openCallback);
const STDIN = 0;
const RETRY_MS = 5;
/** Reads that do not wait let signals and timers have their turn this often. */
const TURN_MS = 20;

/** A stream's bytes in a file or a pipe. */
export interface Source {
  /** What to call it in a message: its path, or "standard input". */
  readonly name: string;
  /** The path where there is one. */
  readonly path: string | undefined;
  /** Bytes of a file; undefined of a pipe, which can be read only once. */
  readonly size: number | undefined;
  /** Reads from the start: of a pipe the first time only. */
  start(): ByteSource;
  /** Reads at a place of a file. Fills all of `target` or throws. */
  readAt(target: Uint8Array, position: number): Promise<void>;
  close(): void;
}

/**
 * Opens a file, or standard input for `-`. Of a FIFO it waits until somebody opens it for writing. Throws `DeviceError`, and
 * `UsageError` of a terminal: nobody types a stream.
 */
export async function openSource(path: string): Promise<Source> {
  const isInput = path === '-';
  const [fd, name] = isInput ? [STDIN, 'standard input'] : [await openForReading(path), path];
  try {
    refuseOther(fd, name);
    return sourceOf(fd, name, isInput ? undefined : path);
  } catch (error) {
    if (!isInput) release(fd);
    throw error;
  }
}

/**
 * Opens a regular file without ever waiting; undefined of a pipe, a device, or whatever else has that name. Throws
 * `DeviceError`.
 */
export async function openRegular(path: string): Promise<Source | undefined> {
  const fd = await openForReading(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (statOpen(fd, path).isFile()) return sourceOf(fd, path, path);
  release(fd);
  return undefined;
}

function refuseOther(fd: number, name: string): void {
  if (statOpen(fd, name).isDirectory())
    throw new DeviceError(`${name}: is a directory, where a stream is expected`);
  if (isatty(fd))
    throw new UsageError(`${name}: is a terminal, where a stream is expected`, {
      hint: 'name a file, or send the stream through a pipe',
    });
}

/**
 * Copies a pipe to a temporary file that has no name, so that it can be read twice; a file stays as it is.
 * It takes as much room in the temporary folder (TMPDIR) as the stream has bytes. `from`: where to read the pipe's
 * bytes if some of them have been taken off it.
 */
export async function spool(source: Source, from: ByteSource = source.start()): Promise<Source> {
  if (source.size !== undefined) return source;
  const fd = openTemporaryFile();
  try {
    await copy(from, createOutputSink(fd, `${source.name}: the temporary file in ${tmpdir()}`));
  } catch (error) {
    release(fd);
    throw error;
  }
  source.close();
  return sourceOf(fd, source.name, undefined);
}

async function copy(from: ByteSource, to: ByteSink): Promise<void> {
  const buffer = new Uint8Array(1 << 20);
  for (let got = await from.readInto(buffer); got > 0; got = await from.readInto(buffer)) {
    await to.write(buffer.subarray(0, got));
  }
}

/** In a thread of its own, so that a signal is heard meanwhile. */
async function openForReading(path: string, flags: number = constants.O_RDONLY): Promise<number> {
  try {
    return await openAsync(path, flags);
  } catch (cause) {
    throw new DeviceError(`${path}: can't be opened: ${reason(cause)}`, { cause });
  }
}

function sourceOf(fd: number, name: string, path: string | undefined): Source {
  const stats = statOpen(fd, name);
  const size = stats.isFile() ? stats.size : undefined;
  let turn = performance.now();
  return {
    name,
    path,
    size,
    start: () => startAt(fd, name, size === undefined ? undefined : 0),
    readAt: async (target, position) => {
      if (performance.now() - turn > TURN_MS) {
        await nextTurn();
        turn = performance.now();
      }
      for (let filled = 0; filled < target.length;) {
        const at = position + filled;
        const got = readSomeAt(fd, name, target.subarray(filled), at);
        if (got === 0) throw new DeviceError(`${name}: ends at byte ${at}, where more is expected`);
        filled += got;
      }
    },
    close: () => {
      if (fd !== STDIN) release(fd);
    },
  };
}

function statOpen(fd: number, name: string): Stats {
  try {
    return fstatSync(fd);
  } catch (cause) {
    throw new DeviceError(`${name}: can't be read: ${reason(cause)}`, { cause });
  }
}

/** `start`: where to begin in a file; undefined reads on from where a pipe is. */
function startAt(fd: number, name: string, start: number | undefined): ByteSource {
  let position = start;
  return {
    readInto: async (target) => {
      const got = await readPatiently(fd, name, target, position ?? null);
      if (position !== undefined) position += got;
      return got;
    },
  };
}

/** At once: of a file in the page cache, another thread would take longer to be woken than this takes. */
function readSomeAt(fd: number, name: string, target: Uint8Array, position: number): number {
  try {
    return readSome(fd, target, position);
  } catch (cause) {
    throw new DeviceError(`${name}: can't be read: ${reason(cause)}`, { cause });
  }
}

async function readPatiently(
  fd: number,
  name: string,
  target: Uint8Array,
  position: number | null,
): Promise<number> {
  for (;;) {
    try {
      return await readSomeAsync(fd, target, position);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EAGAIN') {
        throw new DeviceError(`${name}: can't be read: ${reason(cause)}`, { cause });
      }
      await sleep(RETRY_MS);
    }
  }
}
