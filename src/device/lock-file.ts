import { constants, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { attempt } from './image.js';

/** Gone after a restart of the machine, as every process is. */
export const RUN_FOLDER = '/run/lvstream';

/** Where a lock of that name is. */
export const lockPath = (name: string, folder = RUN_FOLDER): string => path.join(folder, `${name}.lock`);

/** Opens the file of a lock, which is made if it is not there; whoever calls closes it. Throws `DeviceError`. */
export function openLockFile(file: string): number {
  return attempt(`${file}: cannot be opened`, () => {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    return openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  });
}
