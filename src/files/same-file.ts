import { statSync, type BigIntStats } from 'node:fs';

/** Whether two names lead to one file, or to one device through whatever nodes. One that leads nowhere, or can't be followed, is no name of anything. */
export function isSameFile(one: string, other: string): boolean {
  const [a, b] = [find(one), find(other)];
  if (!a || !b) return false;
  return (
    (a.dev === b.dev && a.ino === b.ino) || (a.isBlockDevice() && b.isBlockDevice() && a.rdev === b.rdev)
  );
}

/** Whether a regular file has that name. */
export function isRegularFile(path: string): boolean {
  return find(path)?.isFile() === true;
}

/** Whether a folder has that name. */
export function isFolder(path: string): boolean {
  return find(path)?.isDirectory() === true;
}

/** An inode's number can take all of its 64 bits, on overlayfs for one. */
function find(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}
