import { type BigIntStats, chmodSync, chownSync, statSync } from 'node:fs';
import { DeviceError, reason, RefusedError } from '../errors.js';
import { openOutput, type Output } from './sink.js';

/**
 * Runs what writes a result, and puts it under its name when all of it is there. When that throws, nothing is left.
 * `path`, `force` and `confirm` as of `openOutput`.
 */
export async function writeOutput<T>(
  path: string,
  { force, confirm }: { readonly force?: boolean | undefined; readonly confirm?: () => void },
  write: (output: Output) => Promise<T>,
): Promise<T> {
  const output = await openOutput(path, { force, confirm });
  let result: T;
  try {
    result = await write(output);
  } catch (error) {
    output.abort();
    throw error;
  }
  await output.commit();
  return result;
}

/**
 * Runs what writes a file's new content, and replaces the file by it at once, when all of it is on stable storage; owner and
 * mode stay. When that throws, the file is as it was. `before`: as {@link statFile} found it before any of it was read; throws
 * `RefusedError` if it is another one, or was changed, since.
 */
export async function rewriteFile<T>(
  path: string,
  before: BigIntStats,
  write: (output: Output) => Promise<T>,
): Promise<T> {
  const confirm = (): void => {
    if (!isSame(before, statFile(path)))
      throw new RefusedError(`${path}: was changed while it was being read`, { hint: 'run this again' });
  };
  const result = await writeOutput(path, { force: true, confirm }, write);
  restoreOwner(path, before);
  return result;
}

/** A new file is its owner's alone, so that until this is done nobody can read it who could not before. */
function restoreOwner(path: string, { mode, uid, gid }: BigIntStats): void {
  try {
    chownSync(path, Number(uid), Number(gid));
    chmodSync(path, Number(mode) & 0o7777);
  } catch (cause) {
    throw new DeviceError(
      `${path}: is replaced, but has not the owner and mode of before: ${reason(cause)}`,
      {
        cause,
      },
    );
  }
}

/** Which file has the name, and when it was changed last. Throws `DeviceError`. */
export function statFile(path: string): BigIntStats {
  try {
    return statSync(path, { bigint: true });
  } catch (cause) {
    throw new DeviceError(`${path}: can't be read: ${reason(cause)}`, { cause });
  }
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs;
}
