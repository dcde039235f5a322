import { basename } from 'node:path';
import { statImage } from './image.js';
import { readText, safely } from './kernel-files.js';
import { findSwapArea, isMountOf, listMounts } from './usage/mounts.js';
import { readOpenCount } from './usage/open-count.js';
import {
  countOwnFiles,
  describeProcess,
  filesOfOthers,
  infoOf,
  isForReading,
  isForWriting,
  type OpenedFile,
} from './usage/open-files.js';
import { holdersOf, loopsOn } from './usage/stacked-devices.js';
import { deviceNumber, findLasting, isSame, type Subject, subjectOf } from './usage/subject.js';
import { isSameOpenFile, type ProcessFile } from './syscalls.js';

/**
 * What has a device or image file open for writing, as the end of a sentence that begins with its name: a mount, swap,
 * a device on top of it, another process, or whatever else counts in device-mapper's open count and is not known to be
 * for reading. `undefined` if nothing has. What only reads doesn't count, nor does this process.
 *
 * Takes a second where a process has it open for writing, since udev has that for a moment. Of what is no device of
 * device-mapper, mounts in other mount namespaces can't be seen. Throws `DeviceError` if there is no such file.
 */
export function findWriter(path: string): string | undefined {
  const subject = subjectOf(statImage(path));
  const lasting = swapWriter(subject) ?? mountWriter(subject) ?? holderWriter(subject) ?? loopWriter(subject);
  return lasting ?? findLasting(subject, () => processWriter(subject) ?? unknownWriter(subject));
}

function swapWriter(subject: Subject): string | undefined {
  return findSwapArea(subject) === undefined ? undefined : 'is used as swap';
}

/** What counts is the file system: a read-only mount of it does not tell of its other mounts. */
function mountWriter(subject: Subject): string | undefined {
  const mounts = listMounts();
  if (mounts === undefined) return "may be mounted, which can't be seen, since /proc is not there";
  const mount = mounts.find((each) => !each.readOnly && isMountOf(subject, each));
  return mount && `is mounted read-write on ${mount.point}`;
}

function holderWriter(subject: Subject): string | undefined {
  for (const number of subject.numbers) {
    for (const { name, readOnly } of holdersOf(number)) if (!readOnly) return `is part of the device ${name}`;
  }
  return undefined;
}

function loopWriter(subject: Subject): string | undefined {
  for (const { name, readOnly } of loopsOn(subject))
    if (!readOnly) return `is behind the loop device /dev/${name}`;
  return undefined;
}

function processWriter(subject: Subject): string | undefined {
  for (const file of filesOfOthers(subject)) {
    if (isForWriting(infoOf(file) ?? '')) return `is open for writing in ${describeProcess(file.pid)}`;
  }
  return undefined;
}

/** Nobody can open a read-only device for writing (block/fops.c). */
function unknownWriter(subject: Subject): string | undefined {
  const count = isReadOnly(subject) ? undefined : readOpenCount(subject);
  if (count === undefined) return undefined;
  if (typeof count === 'string')
    return `may be open for writing: dmsetup can't say how often it is open: ${count}`;
  const known = countReaders(subject);
  if (count <= known) return undefined;
  return `is open for writing somewhere: device-mapper counts ${count} opens, of which ${known} are known to be for reading`;
}

function isReadOnly({ stats }: Subject): boolean {
  return readText(`/sys/dev/block/${deviceNumber(stats.rdev)}/ro`) === '1';
}

/** The opens of the device itself that are known, of which none is for writing. */
function countReaders(subject: Subject): number {
  const number = deviceNumber(subject.stats.rdev);
  const alone = { ...subject, numbers: new Set([number]) };
  const isMounted = (listMounts() ?? []).some((mount) => isMountOf(alone, mount));
  const stacked = [...holdersOf(number), ...loopsOn(alone)].length;
  return countOwnFiles(subject) + countFilesOfOthers(subject) + stacked + (isMounted ? 1 : 0);
}

/** A process can have a file from another one that opened it: that is one open. */
function countFilesOfOthers(subject: Subject): number {
  const files = [...filesOfOthers(subject)].filter(({ link }) => safely(() => isSame(subject, link)));
  const readers = files.filter((file) => isForReading(infoOf(file) ?? ''));
  return readers.filter((file, i) => !readers.slice(0, i).some((earlier) => isShared(file, earlier))).length;
}

/** Where the kernel can't tell they are taken for one, so that never too many are known. */
function isShared(file: OpenedFile, other: OpenedFile): boolean {
  return safely(() => isSameOpenFile(descriptorOf(file), descriptorOf(other))) ?? true;
}

function descriptorOf({ pid, link }: OpenedFile): ProcessFile {
  return { pid: Number(pid), fd: Number(basename(link)) };
}
