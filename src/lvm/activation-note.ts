import { closeSync, ftruncateSync, readFileSync, rmSync, writeSync } from 'node:fs';
import type { MappedDevice } from '../device/device-mapper.js';
import { closingOnError } from '../device/image.js';
import { readText } from '../device/kernel-files.js';
import { tryLock } from '../device/syscalls.js';
import { DeviceError } from '../errors.js';
import { lockPath, openLockFile } from './lock-file.js';

const TURN = 'activation';
const PATIENCE_MS = 60_000;
const STEP_MS = 20;

/** Stands in a note until the volume is active: whoever was killed meanwhile left no word how far it got. */
const ACTIVATING = 'activating';

/** Says that it was lvstream who activated a volume, to all lvstreams that use it meanwhile and to those that come after. */
export interface ActivationNote {
  /** Whether the note is about this device of the volume, and not about an earlier one. */
  isAbout(mapped: MappedDevice): boolean;
  /** Notes that the volume is active as this device, or, without one, that it is about to be. */
  write(mapped?: MappedDevice): void;
  /** Whether no other lvstream has the note; ends this one's share in it. */
  isLast(): boolean;
  /** Takes the note away. */
  remove(): void;
  close(): void;
}

/** Waits until no other lvstream activates a volume or ends that, and keeps them from it. Throws `DeviceError`. */
export function inTurn<T>(act: () => T): T {
  const fd = openLockFile(TURN);
  try {
    awaitLock(fd);
    return act();
  } finally {
    closeSync(fd);
  }
}

function awaitLock(fd: number): void {
  const deadline = performance.now() + PATIENCE_MS;
  while (!tryLock(fd, 'exclusive')) {
    if (performance.now() > deadline) {
      throw new DeviceError(`${lockPath(TURN)}: another lvstream has been activating volumes for a minute`, {
        hint: 'see what keeps it: an lvchange may hang',
      });
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STEP_MS);
  }
}

/** Opens the note of a volume, which says nothing if there was none. To be called {@link inTurn}, and so is all that it does. */
export function openActivationNote(uuid: string): ActivationNote {
  const name = `active-${uuid}`;
  const fd = openLockFile(name);
  return closingOnError(fd, () => {
    tryLock(fd, 'shared');
    const text = readFileSync(lockPath(name), 'utf8');
    return {
      isAbout: (mapped) => text === ACTIVATING || text === identityOf(mapped),
      write: (mapped) => {
        ftruncateSync(fd);
        writeSync(fd, mapped === undefined ? ACTIVATING : identityOf(mapped), 0);
      },
      isLast: () => tryLock(fd, 'exclusive'),
      remove: () => {
        rmSync(lockPath(name), { force: true });
      },
      close: () => {
        closeSync(fd);
      },
    };
  });
}

/** Numbers are used again; `diskseq` is not (Documentation/ABI/stable/sysfs-block), since Linux 5.15. */
function identityOf({ number }: MappedDevice): string {
  return `${number} ${readText(`/sys/dev/block/${number}/diskseq`) ?? ''}`;
}
