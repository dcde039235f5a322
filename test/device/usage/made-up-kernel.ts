import childProcess from 'node:child_process';
import type { BigIntStats, StatSyncOptions } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { kernelError, replaceCall } from '../../files/replace-call.js';

/** What a system that a test makes up tells of itself. What is not said of `/proc` and `/sys` is not there. */
export interface MadeUp {
  /** By path, in `/proc` and `/sys`. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Block devices: `major:minor`, or undefined of another file, by path. */
  readonly nodes?: Readonly<Record<string, string | undefined>>;
  /** What processes have open: what it is, by its place in `/proc/PID/fd`. */
  readonly opened?: Readonly<Record<string, string>>;
  /** What dmsetup answers; without it there is no dmsetup. */
  readonly dmsetup?: Readonly<{ status: number; stdout: string; stderr: string }>;
}

/** What has become of the made-up system. */
export interface Running {
  system: MadeUp;
  /** Milliseconds that were spent in waiting. */
  waited: number;
  /** What dmsetup was asked. */
  readonly asked: (readonly string[])[];
  /** What the system is once so many milliseconds have been waited. */
  then?: { readonly after: number; readonly system: MadeUp };
}

/** Puts a made-up system in the place of the real one until the end of the test. Waiting takes no time. */
export function makeUp(system: MadeUp): Running {
  const running: Running = { system, waited: 0, asked: [] };
  replaceFiles(running);
  replaceTime(running);
  replaceTools(running);
  return running;
}

/** linux/kdev_t.h, new_encode_dev, as glibc's makedev(3) has it. */
function deviceOf(number: string): bigint {
  const [major = 0n, minor = 0n] = number.split(':').map(BigInt);
  const high = ((major >> 12n) << 44n) | ((minor >> 8n) << 20n);
  return high | ((major & 0xfffn) << 8n) | (minor & 0xffn);
}

/** What stat(2) says of a block device. */
export function statsOf(number: string): BigIntStats {
  return statsLike({ dev: 5n, ino: 1n, rdev: deviceOf(number), isBlockDevice: () => true });
}

/** Files of one name in two folders are two files of one number. */
function fileStats(file: string): BigIntStats {
  const inode = basename(file).charCodeAt(0);
  return statsLike({ dev: BigInt(dirname(file).length), ino: BigInt(inode), isFile: () => true });
}

/** What of it is not asked for is left out. */
function statsLike(stats: Partial<BigIntStats>): BigIntStats {
  const isNone = () => false;
  return { rdev: 0n, isBlockDevice: isNone, isFile: isNone, isDirectory: isNone, ...stats } as BigIntStats;
}

const isKernels = (name: unknown): name is string =>
  typeof name === 'string' && /^\/(proc|sys)(\/|$)/.test(name);

function replaceFiles(running: Running): void {
  const missing = () => kernelError('ENOENT');
  replaceCall('readFileSync', (call) => (path: string, ...rest: [never]) => {
    if (!isKernels(path)) return call(path, ...rest);
    const text = running.system.texts?.[path];
    if (text === undefined) throw missing();
    return text;
  });
  replaceCall('readdirSync', (call) => (path: string, ...rest: [never]) => {
    if (!isKernels(path)) return call(path, ...rest);
    const all = Object.keys({ ...running.system.texts, ...running.system.opened });
    const inside = all
      .filter((each) => each.startsWith(`${path}/`))
      .map((each) => each.slice(path.length + 1));
    if (inside.length === 0) throw missing();
    return [...new Set(inside.map((each) => each.split('/')[0]!))];
  });
  replaceCall('statSync', (call) => (path: string, options: StatSyncOptions) => {
    const target = running.system.opened?.[path] ?? path;
    const nodes = running.system.nodes ?? {};
    const number = nodes[target];
    if (number !== undefined) return statsOf(number);
    if (target in nodes) return fileStats(target);
    return call(target, options);
  });
}

function replaceTime(running: Running): void {
  const wait = vi.spyOn(Atomics, 'wait').mockImplementation((_array, _index, _value, milliseconds = 0) => {
    running.waited += milliseconds;
    const { then } = running;
    if (then && running.waited >= then.after) running.system = then.system;
    return 'timed-out';
  });
  const now = vi.spyOn(performance, 'now').mockImplementation(() => running.waited);
  onTestFinished(() => {
    wait.mockRestore();
    now.mockRestore();
  });
}

function replaceTools(running: Running): void {
  const { spawnSync } = childProcess;
  const put = (call: unknown) => {
    Object.assign(childProcess, { spawnSync: call });
    syncBuiltinESMExports();
  };
  put((command: string, args: readonly string[]) => {
    running.asked.push([command, ...args]);
    return running.system.dmsetup ?? { error: kernelError('ENOENT'), status: null, stdout: '', stderr: '' };
  });
  onTestFinished(() => {
    put(spawnSync);
  });
}
