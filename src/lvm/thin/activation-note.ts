import { closeSync, existsSync, fstatSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import type { MappedDevice } from '../../device/device-mapper.js';
import { attempt, closingOnError } from '../../device/image.js';
import { readText } from '../../device/kernel-files.js';
import { pause } from '../../device/pause.js';
import { tryLock } from '../../device/syscalls.js';
import { DeviceError } from '../../errors.js';
import { lockPath, openLockFile, RUN_FOLDER } from '../../device/lock-file.js';

const STEP_MS = 20;

/** Notes are this long, so that each replaces the last one with one write, which no death of the process can halve. */
const NOTE_SIZE = 128;

/** Stands in a note until the volume is active: whoever was killed meanwhile left no word how far it got. */
const ACTIVATING = 'activating';

/** Says that it was lvstream who activated a volume, to all lvstreams that use it meanwhile and to those that come after. */
export interface ActivationNote {
  /** Whether the note is about this device of the volume, and not about an earlier one. */
  isAbout(mapped: MappedDevice): boolean;
  /** Notes that the volume is active as this device, or, without one, that it is about to be. Throws `DeviceError`. */
  write(mapped?: MappedDevice): void;
  /** Whether no other lvstream has the note. */
  isAlone(): boolean;
  /** Takes the note away. */
  remove(): void;
  close(): void;
}

const notePath = (uuid: string, folder: string): string => lockPath(`active-${uuid}`, folder);
const turnPath = (uuid: string, folder: string): string => lockPath(`turn-${uuid}`, folder);

/** Whether there is a note of a volume; there is from before it is activated until after that has ended. */
export function isNoted(uuid: string, folder = RUN_FOLDER): boolean {
  return existsSync(notePath(uuid, folder));
}

/**
 * Waits until no other lvstream activates a volume or ends that, and keeps them from it. `act` gets the descriptor of the
 * lock: a program that inherits it keeps the turn until it ends, even if this process does not live as long.
 * Throws `DeviceError` after `patienceMs`, or if there can be no lock.
 */
export function inTurn<T>(
  uuid: string,
  patienceMs: number,
  act: (turn: number) => T,
  folder = RUN_FOLDER,
): T {
  const file = turnPath(uuid, folder);
  const turn = takeTurn(file, patienceMs);
  try {
    return act(turn);
  } finally {
    if (!isNoted(uuid, folder)) rmSync(file, { force: true });
    closeSync(turn);
  }
}

function takeTurn(file: string, patienceMs: number): number {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const turn = openLockFile(file);
    if (tryLock(turn, 'exclusive') && hasName(turn, file)) return turn;
    closeSync(turn);
    if (performance.now() > deadline) {
      throw new DeviceError(`${file}: another lvstream has been (de)activating the volume for too long`, {
        hint: 'see what keeps it: an lvchange may hang',
      });
    }
    pause(STEP_MS);
  }
}

/** Whoever had the turn before may have removed the file. */
function hasName(fd: number, file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino;
}

/**
 * Opens the note of a volume and takes a share in it; it says nothing if there was none. To be called {@link inTurn}, and
 * so are all functions of it but `close`. Throws `DeviceError`.
 */
export function openActivationNote(uuid: string, folder = RUN_FOLDER): ActivationNote {
  const file = notePath(uuid, folder);
  const fd = openLockFile(file);
  return closingOnError(fd, () => {
    tryLock(fd, 'shared');
    const text = attempt(`${file}: can't be read`, () => readFileSync(file, 'utf8').trimEnd());
    return {
      isAbout: (mapped) => text === ACTIVATING || (text !== '' && text === identityOf(mapped)),
      write: (mapped) => {
        const note = mapped === undefined ? ACTIVATING : identityOf(mapped);
        attempt(`${file}: can't be written`, () => writeSync(fd, note.padEnd(NOTE_SIZE), 0));
      },
      isAlone: () => {
        const alone = tryLock(fd, 'exclusive');
        tryLock(fd, 'shared');
        return alone;
      },
      remove: () => {
        rmSync(file, { force: true });
      },
      close: () => {
        closeSync(fd);
      },
    };
  });
}

/**
 * Numbers are used again; `diskseq` is not until the next boot (Documentation/ABI/stable/sysfs-block). Kernels before
 * Linux 5.15 have none: there a note says nothing of any device.
 */
function identityOf({ number }: MappedDevice): string {
  const sequence = readText(`/sys/dev/block/${number}/diskseq`);
  return sequence === undefined
    ? ''
    : `${number} ${sequence} ${readText('/proc/sys/kernel/random/boot_id') ?? ''}`;
}
