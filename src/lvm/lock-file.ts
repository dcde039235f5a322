import { constants, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { errorCode } from '../device/syscalls.js';
import { DeviceError } from '../errors.js';
import { reason } from '../files/reason.js';

/** Gone after a restart of the machine, as every process is. */
const FOLDER = '/run/lvstream';

/** Where all lvstreams of this host find the lock of that name. */
export const lockPath = (name: string): string => path.join(FOLDER, `${name}.lock`);

/** Opens the file of a lock, which is made if it is not there; whoever calls closes it. Throws `DeviceError`. */
export function openLockFile(name: string): number {
  try {
    mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
    return openSync(lockPath(name), constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause;
    throw new DeviceError(`${lockPath(name)}: cannot be opened: ${reason(cause)}`, { cause });
  }
}
