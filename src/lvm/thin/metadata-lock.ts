import { closeSync, fsyncSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { attempt, closingOnError } from '../../device/image.js';
import { tryLock } from '../../device/syscalls.js';
import { lockPath, openLockFile } from '../../device/lock-file.js';

/** Everybody's, so that all lvstreams meet. It outlives a boot, as a metadata snapshot does that a power cut left. */
const FOLDER = '/var/lib/lvstream';

/** Notes are this long, so that each replaces the last one with one write, which no death of the process can halve. */
const NOTE_SIZE = 256;

/** What was about to be done with a pool's metadata snapshot, or had been done, when the note was written. */
export interface MetadataNote {
  /** About to be reserved; reserved by us; about to be released. */
  readonly state: 'reserving' | 'held' | 'releasing';
  /** Of the pool, when the metadata snapshot was reserved. */
  readonly transactionId: number;
  /** The block of the metadata snapshot; not known yet while it is being reserved. */
  readonly heldRoot?: number | undefined;
}

/** The right to the metadata snapshot of a pool, among the lvstreams of this host. */
export interface MetadataLock {
  /** What whoever died with the lock left behind. */
  readNote(): MetadataNote | undefined;
  /** Replaces the note; nothing, where there is none. It is there when this returns, whatever happens to this process. */
  writeNote(note: MetadataNote | undefined): void;
  /** Gives the lock back; the note stays. */
  close(): void;
}

/** Takes the lock of a pool without waiting; `undefined` if another process has it. Throws `DeviceError`. */
export function takeMetadataLock(poolUuid: string, folder = FOLDER): MetadataLock | undefined {
  const name = lockPath(poolUuid, folder);
  const fd = openLockFile(name);
  return closingOnError(fd, () => {
    if (tryLock(fd, 'exclusive')) return lockOf(fd, name);
    closeSync(fd);
    return undefined;
  });
}

function lockOf(fd: number, name: string): MetadataLock {
  return {
    readNote: () => readNote(fd),
    writeNote: (note) => {
      attempt(`${name}: can't be written`, () => {
        if (note === undefined) ftruncateSync(fd, 0);
        else writeSync(fd, formatNote(note), 0, NOTE_SIZE, 0);
        fsyncSync(fd);
      });
    },
    close: () => {
      closeSync(fd);
    },
  };
}

function formatNote(note: MetadataNote): Uint8Array {
  return Buffer.from(`${JSON.stringify(note)}\n`.padEnd(NOTE_SIZE));
}

function readNote(fd: number): MetadataNote | undefined {
  const bytes = Buffer.alloc(NOTE_SIZE);
  return parseNote(bytes.toString('utf8', 0, readSync(fd, bytes, 0, NOTE_SIZE, 0)));
}

/** What is no note, whoever wrote it, says nothing. */
function parseNote(text: string): MetadataNote | undefined {
  try {
    const note = JSON.parse(text) as Partial<MetadataNote> | null;
    return note?.state === undefined || note.transactionId === undefined ? undefined : (note as MetadataNote);
  } catch {
    return undefined;
  }
}
