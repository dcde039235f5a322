import { constants } from 'node:fs';
import { statImage } from '../image.js';
import { list, readText, safely } from '../kernel-files.js';
import { isSame, overlaps, type Subject, subjectOf } from './subject.js';

/** Characters of another process's command line that a message quotes. */
const COMMAND_LENGTH = 80;

/** The access modes of open(2); Node does not name the mask. */
const ACCESS_MODE = constants.O_WRONLY | constants.O_RDWR;

/** asm-generic/fcntl.h, and so on x86, ARM and RISC-V. */
const O_PATH = 0o10000000;

/** A file that a process has open. */
export interface OpenedFile {
  readonly pid: string;
  /** A path that leads to the file. */
  readonly link: string;
}

/** What other processes have open of the subject, a partition of it, or the disk that it is a partition of. */
export function* filesOfOthers(subject: Subject): Generator<OpenedFile, void, undefined> {
  const pids = list('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  for (const pid of pids) {
    for (const link of openFiles(pid)) if (safely(() => overlaps(subject, link))) yield { pid, link };
  }
}

/** How often this process has the subject itself open. */
export function countOwnFiles(subject: Subject): number {
  return openFiles('self').filter((link) => safely(() => isSame(subject, link))).length;
}

/** Whether this process has a file or device open, under whatever name. Throws `DeviceError` if there is none. */
export function hasOpen(path: string): boolean {
  return countOwnFiles(subjectOf(statImage(path))) > 0;
}

/** Links to what a process has open. */
function openFiles(pid: string): string[] {
  const directory = `/proc/${pid}/fd`;
  return list(directory).map((fd) => `${directory}/${fd}`);
}

/** `process PID (COMMAND)`, for a message. */
export function describeProcess(pid: string): string {
  return `process ${pid} (${commandOf(pid)})`;
}

/** The command line, cut to one short line; kernel threads have a name only (proc_pid_cmdline(5)). */
function commandOf(pid: string): string {
  const line = readText(`/proc/${pid}/cmdline`)
    ?.replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, COMMAND_LENGTH);
  return line || (readText(`/proc/${pid}/comm`) ?? '?');
}

/** What the kernel says of an open file (proc_pid_fdinfo(5)): position, flags and more; `undefined` once it is closed. */
export function infoOf({ link }: OpenedFile): string | undefined {
  return readText(link.replace('/fd/', '/fdinfo/'));
}

/** Whether a file with this {@link infoOf} is open for writing. */
export function isForWriting(info: string): boolean {
  return (flagsIn(info) & ACCESS_MODE) !== constants.O_RDONLY;
}

/** Whether a file with this {@link infoOf} is open for reading only. A mere place in the file system (O_PATH) is not open. */
export function isForReading(info: string): boolean {
  return info !== '' && (flagsIn(info) & (ACCESS_MODE | O_PATH)) === constants.O_RDONLY;
}

/** They are octal. */
function flagsIn(info: string): number {
  const [, flags = '0'] = /^flags:\s*([0-7]+)$/m.exec(info) ?? [];
  return Number.parseInt(flags, 8);
}
