import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { listMappedDevices, sendMessage } from '../../device/device-mapper.js';
import { openDirect } from '../../device/direct.js';
import { DeviceError, LvmError, remedy, sentence } from '../../errors.js';
import { type MetadataLock, type MetadataNote, takeMetadataLock } from './metadata-lock.js';
import { openThinMetadata, type ThinMetadata } from './thin-metadata.js';
import { type PoolStatus, readPoolStatus, type ThinPool } from './thin-pool.js';

/** A pool has one metadata snapshot at most. Ours are held while metadata is read: for seconds, of the largest pools. */
const POLL_MS = 100;
/** How long another lvstream is waited for, whatever the user says of other programs. */
const LEAST_LOCK_WAIT_SECONDS = 60;
/**
 * A metadata snapshot that may be somebody else's counts as left behind when nobody has read it for so long: whoever
 * reserves one opens the metadata soon after, and releases it soon after closing.
 */
const UNATTENDED_MS = 2000;
/** A signal to all of a job's processes ends the tools that are run here too. */
const RELEASE_ATTEMPTS = 5;

export interface SnapshotRead<T> {
  readonly value: T;
  /** What the user should know, a sentence each. */
  readonly remarks: readonly string[];
}

/**
 * Reads a pool's metadata at one moment: reserves a metadata snapshot, hands it to `read`, and releases it. That is one
 * synchronous stretch, so that of all the ways in which a process can end only a crash and SIGKILL leave it reserved;
 * what they leave behind is recognised by the note beside the lock, and released by whoever comes next.
 *
 * One that somebody else has reserved is waited for, `waitSeconds` long; nothing is held meanwhile. Pending writes are
 * committed by the kernel, but dirty pages of the pool's volumes are not in the metadata: flush them before.
 * Throws `LvmError` if it is not to be had, names the way out if it can't be released, and throws what `read` does.
 */
export async function readMetadataSnapshot<T>(
  pool: ThinPool,
  waitSeconds: number,
  read: (metadata: ThinMetadata) => T,
): Promise<SnapshotRead<T>> {
  const begin = performance.now();
  const sighting: Sighting = { unattended: undefined };
  for (;;) {
    const result = await letSignalsIn(() => tryToRead(pool, sighting, read));
    if ('value' in result) return result;
    const waited = (performance.now() - begin) / 1000;
    if (waited >= patienceWith(result, waitSeconds)) throw describeObstacle(pool, result, waited);
    await delay(POLL_MS);
  }
}

/** Signals that came during a synchronous stretch that has failed are why it did: their handlers go first. */
async function letSignalsIn<T>(act: () => T): Promise<T> {
  try {
    return act();
  } catch (error) {
    // The first turn may go on behind the place where the event loop asks for signals; a timer may come before it.
    await nextTurn();
    await nextTurn();
    throw error;
  }
}

/** Why it can't be read now. */
interface Obstacle {
  /** Another lvstream reads it; somebody else has reserved it; a little more time will show what it is. */
  readonly why: 'locked' | 'held' | 'uncertain';
  readonly heldRoot?: number | undefined;
}

function patienceWith({ why }: Obstacle, waitSeconds: number): number {
  return why === 'held' ? waitSeconds : Math.max(waitSeconds, LEAST_LOCK_WAIT_SECONDS);
}

function describeObstacle(
  { volume, mapped }: ThinPool,
  { why, heldRoot }: Obstacle,
  waited: number,
): LvmError {
  const seconds = `${Math.round(waited)} s`;
  if (why === 'locked') {
    return new LvmError(
      `${volume.name}: another lvstream has been reading the pool's metadata for ${seconds}`,
      {
        hint: 'wait until that is done, or see what keeps it',
      },
    );
  }
  return new LvmError(
    `${volume.name}: somebody else holds the pool's metadata snapshot (metadata block ${heldRoot ?? 0})`,
    {
      hint: sentence`wait for it longer with ${remedy('wait')}; if nobody needs it any more: dmsetup message ${mapped.name} 0 release_metadata_snap`,
    },
  );
}

/** What was seen of a metadata snapshot by those who wait for it. */
interface Sighting {
  /** Since when nobody has been seen reading it. */
  unattended: { readonly heldRoot: number; readonly since: number } | undefined;
}

function tryToRead<T>(
  pool: ThinPool,
  sighting: Sighting,
  read: (metadata: ThinMetadata) => T,
): SnapshotRead<T> | Obstacle {
  const lock = takeMetadataLock(pool.volume.uuid);
  if (lock === undefined) return { why: 'locked' };
  try {
    const status = readPoolStatus(pool);
    const remarks: string[] = [];
    if (status.heldRoot !== undefined) {
      const verdict = judge(pool, lock.readNote(), status.heldRoot, sighting);
      if (verdict === 'foreign') return { why: 'held', heldRoot: status.heldRoot };
      if (verdict === 'perhaps ours') return { why: 'uncertain' };
      releaseSnapshot(pool);
      lock.writeNote(undefined);
      remarks.push(leftBehind(pool, status.heldRoot));
    }
    return holdAndRead(pool, lock, status, read, remarks);
  } finally {
    lock.close();
  }
}

function leftBehind({ volume }: ThinPool, heldRoot: number): string {
  return `${volume.name}: an lvstream that was killed had left a metadata snapshot (metadata block ${heldRoot}); it is released`;
}

/**
 * Whose metadata snapshot that is. Ours: the note tells of it, it is the same block, of the same transaction, and nobody
 * has read it for a while. Whoever was killed beside one of the messages left no word whether it arrived, and what a
 * power cut took back may have been reserved by somebody else since.
 */
function judge(
  pool: ThinPool,
  note: MetadataNote | undefined,
  heldRoot: number,
  sighting: Sighting,
): 'ours' | 'perhaps ours' | 'foreign' {
  const before = sighting.unattended;
  sighting.unattended = undefined;
  if (note === undefined || isBeingRead(pool) || note.transactionId !== heldTransaction(pool))
    return 'foreign';
  if (note.state !== 'reserving' && note.heldRoot !== heldRoot) return 'foreign';
  const now = performance.now();
  const { since } = (sighting.unattended = before?.heldRoot === heldRoot ? before : { heldRoot, since: now });
  return now - since >= UNATTENDED_MS ? 'ours' : 'perhaps ours';
}

/** The pool itself has its metadata open once. */
function isBeingRead({ metadata }: ThinPool): boolean {
  const now = listMappedDevices().find(({ uuid }) => uuid === metadata.uuid);
  return now === undefined || now.openCount > 1;
}

/** The pool's transaction when the metadata snapshot was reserved; `undefined` if it is gone meanwhile. */
function heldTransaction({ metadata }: ThinPool): number | undefined {
  const reader = openDirect(metadata.path);
  try {
    return openThinMetadata(reader, { metadataSnapshot: true }).superblock.transactionId;
  } catch (error) {
    if (error instanceof LvmError) return undefined;
    throw error;
  } finally {
    reader.close();
  }
}

function holdAndRead<T>(
  pool: ThinPool,
  lock: MetadataLock,
  { transactionId }: PoolStatus,
  read: (metadata: ThinMetadata) => T,
  remarks: readonly string[],
): SnapshotRead<T> | Obstacle {
  const before = lock.readNote();
  let note: MetadataNote = { state: 'reserving', transactionId };
  lock.writeNote(note);
  if (!reserve(pool, lock)) {
    lock.writeNote(before);
    return { why: 'uncertain' };
  }
  try {
    const value = readHeld(pool, (metadata) => {
      const { heldRoot } = readPoolStatus(pool);
      note = { state: 'held', transactionId: metadata.superblock.transactionId, heldRoot };
      lock.writeNote(note);
      return read(metadata);
    });
    return { value, remarks };
  } finally {
    try {
      lock.writeNote({ ...note, state: note.state === 'held' ? 'releasing' : note.state });
    } finally {
      releaseSnapshot(pool);
    }
    lock.writeNote(undefined);
  }
}

/** False if somebody else was faster. What fails in any other way leaves nothing reserved, and no note of it. */
function reserve(pool: ThinPool, lock: MetadataLock): boolean {
  try {
    sendMessage(pool.mapped.name, 'reserve_metadata_snap');
    return true;
  } catch (cause) {
    if (!(cause instanceof DeviceError)) throw cause;
    if (/resource busy/i.test(cause.message)) return false;
    if (readPoolStatus(pool).heldRoot !== undefined) releaseSnapshot(pool);
    lock.writeNote(undefined);
    throw new LvmError(`${pool.volume.name}: no metadata snapshot of the pool can be reserved`, { cause });
  }
}

/** Tries again where the tool was ended rather than refused. Throws `LvmError` if it stays reserved. */
function releaseSnapshot(pool: ThinPool): void {
  const { volume, mapped } = pool;
  for (let attempts = 1; ; attempts += 1) {
    try {
      sendMessage(mapped.name, 'release_metadata_snap');
      return;
    } catch (cause) {
      if (!isStillHeld(pool)) return;
      if (attempts < RELEASE_ATTEMPTS) continue;
      throw new LvmError(`${volume.name}: the pool's metadata snapshot can't be released`, {
        cause,
        hint: `nobody can reserve another one until it is: dmsetup message ${mapped.name} 0 release_metadata_snap`,
      });
    }
  }
}

function isStillHeld(pool: ThinPool): boolean {
  try {
    return readPoolStatus(pool).heldRoot !== undefined;
  } catch {
    return true;
  }
}

function readHeld<T>({ metadata }: ThinPool, read: (metadata: ThinMetadata) => T): T {
  const reader = openDirect(metadata.path);
  try {
    return read(openThinMetadata(reader, { metadataSnapshot: true }));
  } finally {
    reader.close();
  }
}
