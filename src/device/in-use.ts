import { readdirSync, readFileSync, readlinkSync, statSync, type BigIntStats } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { RefusedError } from '../errors.js';
import { errorCode, tryLock } from './syscalls.js';

/** What uses a target, as the end of a sentence that begins with its path, and what would end that use. */
interface Use {
  readonly what: string;
  readonly wayOut: string;
}

/** A file or device by what the kernel knows it by, whatever its names. */
interface Subject {
  readonly isDevice: boolean;
  readonly stats: BigIntStats;
  /** `major:minor` of the device itself, its partitions, and the disk that it is a partition of. */
  readonly numbers: ReadonlySet<string>;
}

/** udev and blkid open a block device for a moment after each change; a use that ends in this time is none. */
const SETTLE_MS = 1000;
const SETTLE_STEP_MS = 50;

/** Characters of another process's command line that a message quotes. */
const COMMAND_LENGTH = 80;

/**
 * Takes the exclusive lock (flock(2)) that keeps two lvstreams off one target; closing `fd` releases it.
 * Throws `RefusedError` if another process has it.
 */
export function refuseWhenLocked(fd: number, path: string, stats: BigIntStats): void {
  const subject = subjectOf(stats);
  const use = settle(subject, () => (tryLock(fd, 'exclusive') ? undefined : lockHolder(subject)));
  if (use !== undefined) throw new RefusedError(`${path}: ${use.what}`, { hint: use.wayOut });
}

function lockHolder(subject: Subject): Use {
  const opener = findOpener(subject);
  const by = opener === undefined ? 'another process' : describe(opener);
  return {
    what: `is locked by ${by}, which is probably an lvstream at work on it`,
    wayOut: 'wait until that is done',
  };
}

/**
 * Throws `RefusedError` that says by what the target is used and what would end that use. Own open files don't count.
 * What it cannot see: mounts in other mount namespaces and memory maps of files that were closed.
 */
export function refuseWhenUsed(path: string, stats: BigIntStats): void {
  const subject = subjectOf(stats);
  const use =
    findMount(subject) ??
    findSwap(subject) ??
    findHolder(subject) ??
    findLoop(subject) ??
    settle(subject, () => openerUse(subject) ?? openCountUse(subject));
  if (use === undefined) return;
  throw new RefusedError(`${path}: ${use.what}`, {
    hint: `${use.wayOut}, or write all the same with --in-use`,
  });
}

function settle(subject: Subject, find: () => Use | undefined): Use | undefined {
  const deadline = performance.now() + (subject.isDevice ? SETTLE_MS : 0);
  for (;;) {
    const use = find();
    if (use === undefined || performance.now() >= deadline) return use;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SETTLE_STEP_MS);
  }
}

/** `major:minor`, the name of a device in `/sys/dev/block` (the encoding of st_rdev: linux/kdev_t.h, makedev(3)). */
export function deviceNumber(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

function subjectOf(stats: BigIntStats): Subject {
  const isDevice = stats.isBlockDevice();
  return { isDevice, stats, numbers: new Set(isDevice ? overlappingDevices(deviceNumber(stats.rdev)) : []) };
}

function overlappingDevices(number: string): string[] {
  const directory = `/sys/dev/block/${number}`;
  const partitions = list(directory)
    .filter((name) => readText(`${directory}/${name}/partition`) !== undefined)
    .map((name) => readText(`${directory}/${name}/dev`));
  const disk = readText(`${directory}/partition`) === undefined ? undefined : readText(`${directory}/../dev`);
  return [number, ...partitions, disk].filter((other) => other !== undefined);
}

function isSame(subject: Subject, path: string): boolean {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (subject.isDevice) return stats.isBlockDevice() && stats.rdev === subject.stats.rdev;
  return stats.dev === subject.stats.dev && stats.ino === subject.stats.ino;
}

function overlaps(subject: Subject, path: string): boolean {
  if (!subject.isDevice) return isSame(subject, path);
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats?.isBlockDevice() === true && subject.numbers.has(deviceNumber(stats.rdev));
}

interface Mount {
  /** `major:minor` of what is mounted; made up by btrfs and the like, so the source counts too. */
  readonly number: string;
  readonly point: string;
  readonly source: string;
}

/** One line of proc_pid_mountinfo(5): id, parent, major:minor, root, mount point, options, tags, -, type, source. */
function parseMount(line: string): Mount {
  const [left = '', right = ''] = line.split(' - ');
  const [, , number = '', , point = ''] = left.split(' ');
  return { number, point: unescapeOctal(point), source: unescapeOctal(right.split(' ')[1] ?? '') };
}

/** An image file can be a mount's source itself, without a loop device (erofs). */
function findMount(subject: Subject): Use | undefined {
  const mounts = lines('/proc/self/mountinfo').map(parseMount);
  if (mounts.length === 0)
    return { what: 'mounts cannot be seen, since /proc is not there', wayOut: 'mount /proc first' };
  const mount = mounts.find(
    ({ number, source }) =>
      subject.numbers.has(number) || (source.startsWith('/') && safely(() => overlaps(subject, source))),
  );
  return (
    mount && { what: `is mounted on ${mount.point}`, wayOut: `unmount it first (umount ${mount.point})` }
  );
}

/** /proc/swaps: a heading, then a device or file in the first column. */
function findSwap(subject: Subject): Use | undefined {
  const areas = lines('/proc/swaps')
    .slice(1)
    .map((line) => unescapeOctal(line.split(/\s/)[0] ?? ''));
  const area = areas.find((path) => safely(() => overlaps(subject, path)));
  return area === undefined
    ? undefined
    : { what: 'is used as swap', wayOut: `end that first (swapoff ${area})` };
}

/** Spaces and the like stand in these files as \ and three octal digits (seq_path, fs/seq_file.c). */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function findHolder(subject: Subject): Use | undefined {
  for (const number of subject.numbers) {
    const [holder] = list(`/sys/dev/block/${number}/holders`);
    if (holder === undefined) continue;
    const name = readText(`/sys/class/block/${holder}/dm/name`) ?? holder;
    return {
      what: `is part of the device ${name}`,
      wayOut: 'deactivate that first (lvchange -an, dmsetup remove, mdadm --stop)',
    };
  }
  return undefined;
}

/** A loop device is no holder of what is behind it, and the kernel's open file is no process's. */
function findLoop(subject: Subject): Use | undefined {
  const loop = list('/sys/block').find((name) => {
    const backing = name.startsWith('loop') ? readText(`/sys/block/${name}/loop/backing_file`) : undefined;
    return backing !== undefined && safely(() => overlaps(subject, backing)) === true;
  });
  return loop === undefined
    ? undefined
    : {
        what: `is behind the loop device /dev/${loop}`,
        wayOut: `detach that first (losetup -d /dev/${loop})`,
      };
}

interface Opener {
  readonly pid: string;
  readonly command: string;
}

function describe({ pid, command }: Opener): string {
  return `process ${pid} (${command})`;
}

function openerUse(subject: Subject): Use | undefined {
  const opener = findOpener(subject);
  return opener && { what: `is open in ${describe(opener)}`, wayOut: 'end that process first' };
}

function findOpener(subject: Subject): Opener | undefined {
  const pids = list('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const pid = pids.find((other) => openFiles(other).some((link) => safely(() => overlaps(subject, link))));
  return pid === undefined ? undefined : { pid, command: commandOf(pid) };
}

/** The command line, cut to one short line; kernel threads have a name only (proc_pid_cmdline(5)). */
function commandOf(pid: string): string {
  const line = readText(`/proc/${pid}/cmdline`)
    ?.replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, COMMAND_LENGTH);
  return line || (readText(`/proc/${pid}/comm`) ?? '?');
}

/** Links to a process's open files; pipes, sockets and the like are told by their names and left out. */
function openFiles(pid: string): string[] {
  const directory = `/proc/${pid}/fd`;
  return list(directory)
    .map((fd) => `${directory}/${fd}`)
    .filter((link) => safely(() => readlinkSync(link).startsWith('/')));
}

/**
 * Device-mapper counts opens by whatever else, such as the kernel or a process in a container (drivers/md/dm.c).
 * cron's PATH leaves the sbin directories out.
 */
function openCountUse(subject: Subject): Use | undefined {
  const [major = '', minor = ''] = deviceNumber(subject.stats.rdev).split(':');
  if (!subject.isDevice || readText(`/sys/dev/block/${major}:${minor}/dm/name`) === undefined)
    return undefined;
  const { stdout, status, error, stderr } = spawnSync(
    'dmsetup',
    ['info', '-c', '--noheadings', '-o', 'open', '--major', major, '--minor', minor],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    },
  );
  if (error && errorCode(error) === 'ENOENT') return undefined;
  return judgeOpenCount(
    status === 0 ? stdout : stderr,
    openFiles('self').filter((link) => safely(() => isSame(subject, link))).length,
  );
}

function judgeOpenCount(output: string, own: number): Use | undefined {
  const text = output.trim();
  if (!/^\d+$/.test(text)) {
    return {
      what: `dmsetup cannot say how often it is open: ${text.split('\n')[0] ?? ''}`,
      wayOut: 'see what dmsetup info says',
    };
  }
  if (Number(text) <= own) return undefined;
  return {
    what: `is open elsewhere: device-mapper counts ${text}, of which ${own} is lvstream's own`,
    wayOut: 'end that use first',
  };
}

function lines(path: string): string[] {
  return (readText(path) ?? '').split('\n').filter((line) => line !== '');
}

/** The text without its last line end; `undefined` where there is no such file. */
function readText(path: string): string | undefined {
  return safely(() => readFileSync(path, 'utf8').replace(/\n$/, ''));
}

function list(directory: string): string[] {
  return safely(() => readdirSync(directory)) ?? [];
}

/** What is asked of /proc and /sys can be gone before it is read: then there is nothing to tell. */
function safely<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
