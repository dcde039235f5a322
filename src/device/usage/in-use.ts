import { closeSync, type BigIntStats } from 'node:fs';
import { RefusedError, remedy, sentence } from '../../errors.js';
import { lockPath, openLockFile } from '../lock-file.js';
import { findSwapArea, isMountOf, listMounts } from './mounts.js';
import { readOpenCount } from './open-count.js';
import { countOwnFiles, describeProcess, filesOfOthers } from './open-files.js';
import { holdersOf, loopsOn } from './stacked-devices.js';
import { deviceNumber, findLasting, type Subject, subjectOf } from './subject.js';
import { tryLock } from '../syscalls.js';

/** What uses a target, as the end of a sentence that begins with its path, and what would end that use. */
interface Use {
  readonly what: string;
  readonly wayOut: string;
}

/**
 * Takes the exclusive lock (flock(2)) that keeps two lvstreams off one target; closing `fd` releases it. A lock is of the
 * file or the node that was opened, so of a device another one is taken, in `/run`, that all of its nodes share: it is
 * returned, to be closed. Throws `RefusedError` if another process has one of them.
 */
export function lockTarget(fd: number, path: string, stats: BigIntStats): number | undefined {
  const subject = subjectOf(stats);
  const use = findLasting(subject, () => (tryLock(fd, 'exclusive') ? undefined : lockHolder(subject)));
  if (use !== undefined) throw new RefusedError(`${path}: ${use.what}`, { hint: use.wayOut });
  return subject.isDevice && process.geteuid?.() === 0 ? lockNumber(path, subject) : undefined;
}

function lockNumber(path: string, subject: Subject): number {
  const lock = openLockFile(lockPath(`device-${deviceNumber(subject.stats.rdev)}`));
  if (tryLock(lock, 'exclusive')) return lock;
  closeSync(lock);
  const { what, wayOut } = lockHolder(subject);
  throw new RefusedError(`${path}: ${what}`, { hint: wayOut });
}

function lockHolder(subject: Subject): Use {
  const opener = findOpener(subject);
  return {
    what: `is locked by ${opener ?? 'another process'}, which is probably an lvstream at work on it`,
    wayOut: 'wait until that is done',
  };
}

/**
 * Throws `RefusedError` that says by what the target is used and what would end that use. Own open files don't count.
 * What it can't see: mounts in other mount namespaces and memory maps of files that were closed.
 */
export function refuseWhenUsed(path: string, stats: BigIntStats): void {
  const subject = subjectOf(stats);
  const use =
    findMount(subject) ??
    findSwap(subject) ??
    findHolder(subject) ??
    findLoop(subject) ??
    findLasting(subject, () => openerUse(subject) ?? openCountUse(subject));
  if (use === undefined) return;
  throw new RefusedError(`${path}: ${use.what}`, {
    hint: sentence`${use.wayOut}, or write all the same with ${remedy('in-use')}`,
  });
}

function findMount(subject: Subject): Use | undefined {
  const mounts = listMounts();
  if (mounts === undefined)
    return { what: "mounts can't be seen, since /proc is not there", wayOut: 'mount /proc first' };
  const mount = mounts.find((each) => isMountOf(subject, each));
  return (
    mount && { what: `is mounted on ${mount.point}`, wayOut: `unmount it first (umount ${mount.point})` }
  );
}

function findSwap(subject: Subject): Use | undefined {
  const area = findSwapArea(subject);
  return area === undefined
    ? undefined
    : { what: 'is used as swap', wayOut: `end that first (swapoff ${area})` };
}

function findHolder(subject: Subject): Use | undefined {
  for (const number of subject.numbers) {
    for (const { name } of holdersOf(number)) {
      return {
        what: `is part of the device ${name}`,
        wayOut: 'deactivate that first (lvchange -an, dmsetup remove, mdadm --stop)',
      };
    }
  }
  return undefined;
}

function findLoop(subject: Subject): Use | undefined {
  for (const { name } of loopsOn(subject)) {
    return {
      what: `is behind the loop device /dev/${name}`,
      wayOut: `detach that first (losetup -d /dev/${name})`,
    };
  }
  return undefined;
}

function openerUse(subject: Subject): Use | undefined {
  const opener = findOpener(subject);
  return opener === undefined
    ? undefined
    : { what: `is open in ${opener}`, wayOut: 'end that process first' };
}

function findOpener(subject: Subject): string | undefined {
  for (const { pid } of filesOfOthers(subject)) return describeProcess(pid);
  return undefined;
}

function openCountUse(subject: Subject): Use | undefined {
  const count = readOpenCount(subject);
  if (count === undefined) return undefined;
  if (typeof count === 'string') {
    return {
      what: `dmsetup can't say how often it is open: ${count}`,
      wayOut: 'see what dmsetup info says',
    };
  }
  const own = countOwnFiles(subject);
  if (count <= own) return undefined;
  return {
    what: `is open elsewhere: device-mapper counts ${count}, of which ${own} is lvstream's own`,
    wayOut: 'end that use first',
  };
}
