/**
 * Lets a test stand in for calls that a journal makes in other threads. To be imported before anything of `dist/` is: modules
 * take these calls when they are loaded.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { promisify } from 'node:util';

const sync = promisify(fs.fdatasync);
const write = promisify(fs.write);
const read = promisify(fs.read);

/** What is done in their place. */
export const held = {
  fdatasync: (fd: number): Promise<void> => sync(fd),
  write: (fd: number, bytes: Uint8Array, start: number, length: number, at: number | null) =>
    write(fd, bytes, start, length, at),
  read: (fd: number, bytes: Uint8Array, start: number, length: number, at: number | null) =>
    read(fd, bytes, start, length, at),
};

type Moved = [fd: number, bytes: Uint8Array, start: number, length: number, at: number | null];
type Done = (error: unknown, count?: number) => void;

Object.assign(fs, {
  fdatasync: (fd: number, done: Done) =>
    void held.fdatasync(fd).then(() => {
      done(null);
    }, done),
  write: (...[fd, bytes, start, length, at, done]: [...Moved, Done]) =>
    void held.write(fd, bytes, start, length, at).then(({ bytesWritten }) => {
      done(null, bytesWritten);
    }, done),
  read: (...[fd, bytes, start, length, at, done]: [...Moved, Done]) =>
    void held.read(fd, bytes, start, length, at).then(({ bytesRead }) => {
      done(null, bytesRead);
    }, done),
});
syncBuiltinESMExports();
