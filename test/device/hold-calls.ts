/**
 * Lets a test stand in for the call that puts a journal on stable storage. To be imported before anything of `dist/` is: the
 * journal takes the call when it is loaded.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

type Callback = (error: NodeJS.ErrnoException | null) => void;

const original = fs.fdatasync;

/** What is done in its place. */
export const held = { fdatasync: (fd: number, done: Callback): void => original(fd, done) };

Object.assign(fs, {
  fdatasync: (fd: number, done: Callback) => {
    held.fdatasync(fd, done);
  },
});
syncBuiltinESMExports();
