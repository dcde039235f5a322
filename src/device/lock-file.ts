import { closeSync, constants, fstatSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { DeviceError } from '../errors.js';
import { attempt } from './image.js';

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Gone after a restart of the machine, as every process is. */
export const RUN_FOLDER = '/run/lvstream';

/** Where a lock of that name is. */
export const lockPath = (name: string, folder = RUN_FOLDER): string => path.join(folder, `${name}.lock`);

/**
 * Opens the file of a lock, which is made if it is not there; whoever calls closes it. Throws `DeviceError`, also where
 * somebody else has put something of that name: a lock that others have may be held for ever, and a note in it be theirs.
 */
export function openLockFile(file: string): number {
  const fd = attempt(`${file}: can't be opened`, () => {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    return openSync(file, FLAGS, 0o600);
  });
  const stats = fstatSync(fd);
  if (stats.isFile() && stats.uid === process.geteuid?.()) return fd;
  closeSync(fd);
  throw new DeviceError(`${file}: is no file of ours`, { hint: 'see who put it there, and remove it' });
}
