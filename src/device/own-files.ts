import { readdirSync, statSync, type BigIntStats } from 'node:fs';

/** Whether this process has that file or block device open, under whatever name. */
export function hasOpen(path: string): boolean {
  const wanted = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (wanted === undefined) return false;
  return readdirSync('/proc/self/fd').some((fd) => {
    const open = statSync(`/proc/self/fd/${fd}`, { bigint: true, throwIfNoEntry: false });
    return open !== undefined && isSame(open, wanted);
  });
}

function isSame(one: BigIntStats, other: BigIntStats): boolean {
  if (one.isBlockDevice() && other.isBlockDevice()) return one.rdev === other.rdev;
  return one.dev === other.dev && one.ino === other.ino;
}
