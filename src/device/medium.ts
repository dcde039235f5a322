import { constants, fsyncSync } from 'node:fs';
import { release } from '../files/descriptor.js';
import {
  attempt,
  closingOnError,
  openDescriptor,
  openImage,
  type ImageReader,
  type OpenFile,
} from './image.js';
import { dropCleanPages } from './syscalls.js';

/** An open file or device, by descriptor and name. */
type Opened = Pick<OpenFile, 'fd' | 'name'>;

/** Puts what was written to an open file or device on stable storage: a hole punched into a file is metadata of it. */
export function syncFile({ fd, name }: Opened): void {
  const hint = 'see what the kernel says (dmesg); the same command again writes what is not on the medium';
  attempt(
    `${name}: can't be synced, so what was written may be lost`,
    () => {
      fsyncSync(fd);
    },
    hint,
  );
}

/**
 * Makes an open file or device show what its medium holds: `sync` writes out what anybody has left in the page cache, and
 * then the cache is dropped.
 *
 * A write that failed in the background leaves its pages in the cache, and calls them clean; whoever syncs first is told
 * so, and nobody after that (fsync(2)). Another process can't find out. It would find the data, sync with success, and
 * lose all of it when the kernel drops the pages. What is read from the medium is there, and the rest is written again.
 */
export function settle(
  { fd, name }: Opened,
  sync = () => {
    syncFile({ fd, name });
  },
): void {
  sync();
  attempt(`${name}: can't be dropped from the page cache`, () => {
    dropCleanPages(fd);
  });
}

/** As {@link openImage}, of what the medium holds. Throws `DeviceError` also if what others wrote can't be synced. */
export function openSettled(path: string): ImageReader {
  const image = openImage(path);
  try {
    const fd = openDescriptor(path, constants.O_RDONLY);
    closingOnError(fd, () => {
      settle({ fd, name: path });
    });
    release(fd);
    return image;
  } catch (error) {
    image.close();
    throw error;
  }
}
