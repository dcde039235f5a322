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

/** A call that modules make through what promisify makes of it alone. */
const promised = (call: unknown) => Object.assign(() => undefined, { [promisify.custom]: call });

Object.assign(fs, {
  fdatasync: promised((fd: number) => held.fdatasync(fd)),
  write: promised((...args: Parameters<typeof held.write>) => held.write(...args)),
  read: promised((...args: Parameters<typeof held.read>) => held.read(...args)),
});
syncBuiltinESMExports();
