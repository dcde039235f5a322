import { randomBytes } from 'node:crypto';
import { closeSync, rmSync } from 'node:fs';
import { tryLock } from '../../device/syscalls.js';
import { complaintOf, runTool, type ToolResult } from '../../device/run-tool.js';
import { DeviceError, LvmError, remedy, sentence } from '../../errors.js';
import { lockPath, openLockFile } from '../../device/lock-file.js';
import { listVolumes, type LogicalVolume, type VolumeList } from '../logical-volumes.js';
import type { Closable } from '../opened.js';

/** Marks a snapshot that nobody but lvstream needs (lvm(8), tags). */
const TAG = 'lvstream.temporary';
const PREFIX = 'lvstream-';

/** A snapshot that is removed when it is closed. */
export interface TemporarySnapshot extends Closable {
  readonly volume: LogicalVolume;
  /** All volumes since it is there. */
  readonly volumes: VolumeList;
}

/**
 * Makes a read-only snapshot of a volume, with a name that nothing else has and a tag; `more` are options of lvcreate,
 * such as its size. Its devices must be closed before it is. As long as this process lives a lock says that the
 * snapshot is in use. Throws `LvmError` with what lvcreate complains of; closing throws it if it can't be removed.
 */
export function createTemporarySnapshot(origin: LogicalVolume, more: readonly string[]): TemporarySnapshot {
  const lv = `${PREFIX}${randomBytes(6).toString('hex')}`;
  const name = `${origin.vg}/${lv}`;
  const lock = takeLock(lv);
  const close = (): void => {
    try {
      if (findExact(listVolumes(), name) !== undefined) removeVolume(name);
    } finally {
      lock.close();
    }
  };
  try {
    const names = ['--snapshot', '--name', lv, '--addtag', TAG, '--permission', 'r'];
    const result = runTool('lvcreate', ['--quiet', '--yes', ...names, ...more, origin.name], 'lvm2');
    const volumes = listVolumes();
    const volume = findExact(volumes, name);
    if (result.status === 0 && volume !== undefined) return { volume, volumes, close };
    throw notMade(origin, result);
  } catch (error) {
    close();
    throw error;
  }
}

function notMade({ name, vg }: LogicalVolume, result: ToolResult): LvmError {
  return new LvmError(`${name}: no temporary snapshot can be made: lvcreate: ${complaintOf(result)}`, {
    hint: sentence`vgs ${vg} shows the room that there is; ${remedy('second-volume')} takes a snapshot that exists`,
  });
}

function findExact({ volumes }: VolumeList, name: string): LogicalVolume | undefined {
  return volumes.find((volume) => volume.name === name);
}

function removeVolume(name: string): void {
  const result = runTool('lvremove', ['--quiet', '--yes', '--force', name], 'lvm2');
  if (result.status === 0) return;
  throw new LvmError(`${name}: the temporary snapshot can't be removed: lvremove: ${complaintOf(result)}`, {
    hint: `lvremove ${name}`,
  });
}

/**
 * Removes the temporary snapshots in a volume's group whose makers were killed, and says so, a sentence each; killed while it
 * was made, one may not be a snapshot yet. Those of an lvstream that still runs are left alone.
 */
export function removeAbandonedSnapshots({ vgUuid }: LogicalVolume, { volumes }: VolumeList): string[] {
  const made = volumes.filter(
    (volume) => volume.vgUuid === vgUuid && volume.tags.includes(TAG) && volume.lv.startsWith(PREFIX),
  );
  return made.flatMap((volume) => removeIfAbandoned(volume));
}

function removeIfAbandoned({ name, lv }: LogicalVolume): string[] {
  const lock = tryTakeLock(lv);
  if (lock === undefined) return [];
  try {
    if (findExact(listVolumes(), name) === undefined) return [];
    removeVolume(name);
    return [`${name} was left behind by an lvstream that was killed, and is removed`];
  } finally {
    lock.close();
  }
}

/** Before the snapshot is made: without its lock it would look like one that was left behind. */
function takeLock(lv: string): Closable {
  const lock = tryTakeLock(lv);
  if (lock !== undefined) return lock;
  throw new DeviceError(`${lockPath(lv)}: locked by another process`);
}

/** The lock of a temporary snapshot, whose file disappears with it; `undefined` if another process has it. */
function tryTakeLock(lv: string): Closable | undefined {
  const fd = openLockFile(lockPath(lv));
  if (!tryLock(fd, 'exclusive')) {
    closeSync(fd);
    return undefined;
  }
  return {
    close: () => {
      rmSync(lockPath(lv), { force: true });
      closeSync(fd);
    },
  };
}
