/**
 * Records what is done to the files of one folder, at the seam where the program meets Node and the system calls that
 * it loads. To be imported before anything of `dist/` is: modules take their functions when they are loaded.
 *
 * Asynchronous calls are made at once, so that a simulation doesn't wait for threads; their order is the program's.
 */
import crypto, { type UUID } from 'node:crypto';
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Call, Disk } from './disk.js';

interface Recording {
  readonly folder: string;
  readonly calls: Call[];
  /** Our numbers of files, by the kernel's; the folder's own is {@link FOLDER}. */
  readonly files: Map<number, number>;
}

const FOLDER = -1;
let recording: Recording | undefined;
let lastFile = 0;

/** A number that no file of a simulation has yet. */
export function newFile(): number {
  return ++lastFile;
}

/** Does something, and returns the calls that changed the folder, which holds `disk`, until it was done or failed. */
export async function recordCalls<T>(
  folder: string,
  disk: Disk,
  act: () => Promise<T>,
): Promise<{ calls: readonly Call[]; outcome: T }> {
  const files = new Map([...disk.names].map(([name, file]) => [inodeAt(`${folder}/${name}`), file]));
  files.set(inodeAt(folder), FOLDER);
  recording = { folder, calls: [], files };
  try {
    const { calls } = recording;
    return { calls, outcome: await act() };
  } finally {
    recording = undefined;
  }
}

const original = { ...fs };

function inodeAt(path: string): number {
  return original.statSync(path).ino;
}

/** Our number of an open file of the folder. */
function fileOf(fd: number): number | undefined {
  return recording?.files.get(original.fstatSync(fd).ino);
}

/** The name of a path in the folder itself. */
function nameOf(path: unknown): string | undefined {
  return recording && typeof path === 'string' && dirname(path) === recording.folder
    ? basename(path)
    : undefined;
}

function log(call: Call): void {
  recording?.calls.push(call);
}

function openSync(path: fs.PathLike, flags: fs.OpenMode = 'r', mode?: fs.Mode): number {
  const name = nameOf(path);
  const isNew = name !== undefined && !original.existsSync(path);
  const fd = original.openSync(path, flags, mode);
  if (!isNew) return fd;
  const file = newFile();
  recording!.files.set(original.fstatSync(fd).ino, file);
  log({ kind: 'create', name, file });
  return fd;
}

function writeSync(fd: number, bytes: Uint8Array, start: number, length: number, position: number): number {
  const count = original.writeSync(fd, bytes, start, length, position);
  const file = fileOf(fd);
  if (file !== undefined)
    log({
      kind: 'write',
      file,
      offset: position,
      bytes: new Uint8Array(bytes.subarray(start, start + count)),
    });
  return count;
}

const syncing = (kind: 'fsync' | 'fdatasync') => (fd: number) => {
  original[`${kind}Sync`](fd);
  const file = fileOf(fd);
  if (file !== undefined) log(file === FOLDER ? { kind: 'fsync-folder' } : { kind, file });
};

function ftruncateSync(fd: number, size = 0): void {
  original.ftruncateSync(fd, size);
  const file = fileOf(fd);
  if (file !== undefined) log({ kind: 'truncate', file, size });
}

function linkSync(from: fs.PathLike, to: fs.PathLike): void {
  original.linkSync(from, to);
  move('link', from, to);
}

function renameSync(from: fs.PathLike, to: fs.PathLike): void {
  original.renameSync(from, to);
  move('rename', from, to);
}

function move(kind: 'link' | 'rename', from: fs.PathLike, to: fs.PathLike): void {
  const [source, destination] = [nameOf(from), nameOf(to)];
  if (source !== undefined && destination !== undefined) log({ kind, from: source, to: destination });
}

function unlinkSync(path: fs.PathLike): void {
  original.unlinkSync(path);
  const name = nameOf(path);
  if (name !== undefined) log({ kind: 'unlink', name });
}

function rmSync(path: fs.PathLike, options?: fs.RmOptions): void {
  if (nameOf(path) === undefined) original.rmSync(path, options);
  else if (original.existsSync(path)) unlinkSync(path);
}

type Callback = (error: unknown, result?: unknown) => void;

/** A call with a callback, and what promisify makes of it, both by the synchronous one. */
function atOnce<A extends unknown[]>(act: (...args: A) => unknown, promised = act) {
  const withCallback = (...args: [...A, Callback]) => {
    const callback = args.pop() as Callback;
    try {
      callback(null, act(...(args as unknown as A)));
    } catch (error) {
      callback(error);
    }
  };
  return Object.assign(withCallback, { [promisify.custom]: async (...args: A) => promised(...args) });
}

const fsync = syncing('fsync');
const fdatasync = syncing('fdatasync');

let ids = 0;

/** Ids that are the same in every run: what is written then depends on the seed alone. */
export function restartIds(): void {
  ids = 0;
}

crypto.randomUUID = (): UUID => {
  const digits = crypto.createHash('sha256').update(String(++ids)).digest('hex');
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-8${digits.slice(17, 20)}-${digits.slice(20, 32)}`;
};

Object.assign(fs, {
  openSync,
  open: atOnce(openSync),
  writeSync,
  write: atOnce(writeSync, (...args) => ({ bytesWritten: writeSync(...args), buffer: args[1] })),
  read: atOnce(
    (...args: Parameters<typeof fs.readSync>) => original.readSync(...args),
    (...args) => ({ bytesRead: original.readSync(...args), buffer: args[1] }),
  ),
  fsyncSync: fsync,
  fsync: atOnce(fsync),
  fdatasyncSync: fdatasync,
  fdatasync: atOnce(fdatasync),
  ftruncateSync,
  linkSync,
  renameSync,
  unlinkSync,
  rmSync,
});
syncBuiltinESMExports();

interface Library {
  func(declaration: string): (...args: unknown[]) => number;
}

const koffi = createRequire(import.meta.url)('koffi') as { load(path: string | null): Library };
const load = koffi.load.bind(koffi);
koffi.load = (path) => {
  const library = load(path);
  return {
    func: (declaration) => {
      const call = library.func(declaration);
      return declaration.startsWith('int fallocate(') ? recordingPunch(call) : call;
    },
  };
};

/** The only use of fallocate(2) is for holes. */
function recordingPunch(fallocate: (...args: unknown[]) => number) {
  return (...args: unknown[]) => {
    const result = fallocate(...args);
    if (result !== 0) return result;
    const [fd, , offset, length] = args as [number, number, number, number];
    const file = fileOf(fd);
    if (file !== undefined) log({ kind: 'punch', file, offset, length });
    return result;
  };
}
