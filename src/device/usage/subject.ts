import { statSync, type BigIntStats } from 'node:fs';
import { list, readText } from '../kernel-files.js';
import { pause } from '../pause.js';

/** A file or device by what the kernel knows it by, whatever its names. */
export interface Subject {
  readonly isDevice: boolean;
  readonly stats: BigIntStats;
  /** `major:minor` of the device itself, its partitions, and the disk that it is a partition of. */
  readonly numbers: ReadonlySet<string>;
}

/** udev and blkid open a block device for a moment after each change; a use that ends in this time is none. */
const SETTLE_MS = 1000;
const LEAST_TRIES = 5;
const SETTLE_STEP_MS = 50;

/** The subject with these stats. */
export function subjectOf(stats: BigIntStats): Subject {
  const isDevice = stats.isBlockDevice();
  return { isDevice, stats, numbers: new Set(isDevice ? overlappingDevices(deviceNumber(stats.rdev)) : []) };
}

/** `major:minor`, the name of a device in `/sys/dev/block` (the encoding of st_rdev: linux/kdev_t.h, makedev(3)). */
export function deviceNumber(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

function overlappingDevices(number: string): string[] {
  const directory = `/sys/dev/block/${number}`;
  const disk =
    readText(`${directory}/partition`) === undefined ? [] : (readText(`${directory}/../dev`) ?? []);
  return [number, partitionsOf(number), disk].flat();
}

/** `major:minor` of each partition of a device. */
export function partitionsOf(number: string): string[] {
  const directory = `/sys/dev/block/${number}`;
  return list(directory)
    .filter((name) => readText(`${directory}/${name}/partition`) !== undefined)
    .flatMap((name) => readText(`${directory}/${name}/dev`) ?? []);
}

/** Whether the path leads to the subject itself. Throws what stat(2) does. */
export function isSame(subject: Subject, path: string): boolean {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (subject.isDevice) return stats.isBlockDevice() && stats.rdev === subject.stats.rdev;
  return stats.dev === subject.stats.dev && stats.ino === subject.stats.ino;
}

/** Whether the path leads to the subject, a partition of it, or the disk that it is a partition of. Throws as {@link isSame}. */
export function overlaps(subject: Subject, path: string): boolean {
  if (!subject.isDevice) return isSame(subject, path);
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats?.isBlockDevice() === true && subject.numbers.has(deviceNumber(stats.rdev));
}

/** The use that `find` finds, once it has lasted for a second, however slow that is to find; of a file at once. */
export function findLasting<T>(subject: Subject, find: () => T | undefined): T | undefined {
  const [wait, tries] = subject.isDevice ? [SETTLE_MS, LEAST_TRIES] : [0, 1];
  const deadline = performance.now() + wait;
  for (let tried = 1; ; tried += 1) {
    const use = find();
    if (use === undefined || (tried >= tries && performance.now() >= deadline)) return use;
    pause(SETTLE_STEP_MS);
  }
}
