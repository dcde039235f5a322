import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { onTestFinished } from 'vitest';

type Call =
  | 'accessSync'
  | 'closeSync'
  | 'fstatSync'
  | 'fsyncSync'
  | 'linkSync'
  | 'lstatSync'
  | 'openSync'
  | 'read'
  | 'readdirSync'
  | 'readFileSync'
  | 'readSync'
  | 'realpathSync'
  | 'renameSync'
  | 'statSync'
  | 'unlinkSync'
  | 'write'
  | 'writeSync';

/**
 * Puts another function in the place of a call of `node:fs` until the end of a test; gives it the original one. A module that
 * keeps a call in a constant keeps the one that was there when it was loaded.
 */
export function replaceCall<K extends Call>(name: K, make: (original: (typeof fs)[K]) => unknown): void {
  const original = fs[name];
  const put = (call: unknown) => {
    Object.assign(fs, { [name]: call });
    syncBuiltinESMExports();
  };
  put(make(original));
  onTestFinished(() => {
    put(original);
  });
}

/** An error as the kernel's are told. */
export function kernelError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: said by a test`), { code });
}

/** Has one call move no more than `most` bytes. */
export function moveInParts(name: 'readSync' | 'writeSync', most: number): void {
  replaceCall(name, (original) => (...values: Moved) => {
    const [fd, bytes, at, length, position] = values;
    return (original as (...moved: Moved) => number)(fd, bytes, at, Math.min(length, most), position);
  });
}

type Moved = [fd: number, bytes: Uint8Array, at: number, length: number, position: number | null];
