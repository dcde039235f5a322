import { fstatSync, lstatSync, openSync, readdirSync, rmSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { release } from './descriptor.js';

/** An output file while it is written, under a name that is made of its own and the process's. */
export interface UnfinishedOutput {
  readonly fd: number;
  readonly path: string;
  /** Closes it; its name stays. */
  close(): void;
  /**
   * Whether its name still leads to it. A process that can't see this one, as in another container, takes it for left over;
   * where it has the same number, its own file has the name then.
   */
  hasItsName(): boolean;
  /** Closes it and takes its name away. */
  remove(): void;
}

/** What this process writes now. */
const open = new Set<string>();

/**
 * Makes a new file for what is to become `path`, its owner's alone: a stream is as confidential as the device that it is of.
 * What a process that was killed has left of the same file is removed. Throws what open(2) does.
 */
export function createUnfinished(path: string): UnfinishedOutput {
  for (const each of leftOf(path)) removeIfOwn(each);
  const name = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const fd = openSync(name, 'wx', 0o600);
  open.add(name);
  const close = () => {
    open.delete(name);
    release(fd);
  };
  const hasItsName = () => isFileAt(name, fd);
  const remove = () => {
    if (hasItsName()) rmSync(name, { force: true });
    close();
  };
  return { fd, path: name, close, hasItsName, remove };
}

function isFileAt(path: string, fd: number): boolean {
  const [named, own] = [lstatSync(path, { throwIfNoEntry: false }), fstatSync(fd)];
  return named?.ino === own.ino && named.dev === own.dev;
}

/** The temporary names of a file whose process is gone. */
function leftOf(path: string): string[] {
  const folder = dirname(path);
  const start = `.${basename(path)}.`;
  return namesIn(folder)
    .filter((name) => name.startsWith(start))
    .filter((name) => isGone(/^([1-9]\d{0,6})\.tmp$/.exec(name.slice(start.length))?.[1], join(folder, name)))
    .map((name) => join(folder, name));
}

/** A folder that can't be read may take a new file all the same. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** In a container each process may have the number of the one before it. */
function isGone(pid: string | undefined, path: string): boolean {
  if (pid === undefined) return false;
  if (Number(pid) === process.pid) return !open.has(path);
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** What somebody else has put there stays, and so does what can't be removed. */
function removeIfOwn(path: string): void {
  try {
    const stats = lstatSync(path);
    if (stats.isFile() && stats.uid === process.geteuid?.()) unlinkSync(path);
  } catch {
    return;
  }
}
