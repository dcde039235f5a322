import { closeSync, read, readSync, write } from 'node:fs';

/** What Node leaves to its callers of the system calls on an open file. */

/**
 * Reads some bytes at a place of a file, or where a pipe is; returns how many, 0 at the end. A call that a signal
 * interrupts is made again: libuv does that for every call but reads. Throws what read(2) does.
 */
export function readSome(fd: number, target: Uint8Array, position: number): number {
  for (;;) {
    try {
      return readSync(fd, target, 0, target.length, position);
    } catch (error) {
      if (!isInterrupted(error)) throw error;
    }
  }
}

/** The same in another thread; `null` reads on from where a pipe is. */
export async function readSomeAsync(
  fd: number,
  target: Uint8Array,
  position: number | null,
): Promise<number> {
  for (;;) {
    try {
      return await inThread((done) => read(fd, target, 0, target.length, position, done));
    } catch (error) {
      if (!isInterrupted(error)) throw error;
    }
  }
}

/** Writes some of the bytes in another thread; returns how many, never 0. Throws what write(2) does. */
export async function writeSomeAsync(
  fd: number,
  bytes: Uint8Array,
  position: number | null,
): Promise<number> {
  const written = await inThread((done) => write(fd, bytes, 0, bytes.length, position, done));
  if (written === 0) throw new Error('it takes no more data');
  return written;
}

function inThread(start: (done: (error: Error | null, count: number) => void) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    start((error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

const CLOSED_ALL_THE_SAME: ReadonlySet<string | undefined> = new Set(['EIO', 'EINTR', 'ENOSPC', 'EDQUOT']);

/** Closes it. What is to last has been synced before, and the descriptor is gone even where that fails (close(2)). */
export function release(fd: number): void {
  try {
    closeSync(fd);
  } catch (error) {
    if (!CLOSED_ALL_THE_SAME.has((error as NodeJS.ErrnoException).code)) throw error;
  }
}

function isInterrupted(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EINTR';
}
