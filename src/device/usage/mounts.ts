import { readLines, safely, unescapeOctal } from '../kernel-files.js';
import { overlaps, type Subject } from './subject.js';

/** A file system where this process sees it. */
export interface Mount {
  /** `major:minor` of what is mounted; made up by btrfs and the like, so the source counts too. */
  readonly number: string;
  readonly point: string;
  readonly source: string;
  /** The file system writes to its device nowhere, whatever this mount or another one of it says. */
  readonly readOnly: boolean;
}

/** All mounts in this mount namespace; `undefined` if /proc is not there. */
export function listMounts(): Mount[] | undefined {
  const mounts = readLines('/proc/self/mountinfo').map(parseMount);
  return mounts.length === 0 ? undefined : mounts;
}

/**
 * One line of proc_pid_mountinfo(5): id, parent, major:minor, root, mount point, options, tags, -, type, source, options
 * of the file system.
 */
function parseMount(line: string): Mount {
  const [left = '', right = ''] = line.split(' - ');
  const [, , number = '', , point = ''] = left.split(' ');
  const [, source = '', options = ''] = right.split(' ');
  return {
    number,
    point: unescapeOctal(point),
    source: unescapeOctal(source),
    readOnly: options.split(',')[0] === 'ro',
  };
}

/** Whether it is the subject that is mounted. An image file can be a mount's source itself, without a loop device (erofs). */
export function isMountOf(subject: Subject, { number, source }: Mount): boolean {
  if (subject.numbers.has(number)) return true;
  return source.startsWith('/') && safely(() => overlaps(subject, source)) === true;
}

/** The path of the swap area on the subject. /proc/swaps: a heading, then a device or file in the first column. */
export function findSwapArea(subject: Subject): string | undefined {
  const areas = readLines('/proc/swaps')
    .slice(1)
    .map((line) => unescapeOctal(line.split(/\s/)[0] ?? ''));
  return areas.find((path) => safely(() => overlaps(subject, path)));
}
