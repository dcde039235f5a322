import { writeFileSync } from 'node:fs';
import type { Recording } from './cut-states.js';
import { linear, tableLine, withMappings, type Mapping } from './mappings.js';
import { disks } from './places.js';
import { run } from './run.js';
import {
  copyOfPast,
  DISK_SIZES,
  FOLDER_SIZE,
  readTarget,
  TARGET_SIZE,
  targetDisk,
  withFolder,
  type FileSystem,
} from './two-disks.js';
import { readWriteLog } from './write-log.js';

/** What is written to both disks, in one log: one device of dm-log-writes is below both. */

export const LOG_SIZE = 128 * 2 ** 20;
const logDisk = disks[DISK_SIZES.length] ?? '';

const LOGGED: readonly Mapping[] = [
  copyOfPast('copy'),
  {
    name: 'both',
    table: [linear(0, TARGET_SIZE, targetDisk, 0), linear(TARGET_SIZE, FOLDER_SIZE, '/dev/mapper/copy', 0)],
  },
  {
    name: 'logged',
    table: [tableLine(0, TARGET_SIZE + FOLDER_SIZE, 'log-writes', `/dev/mapper/both ${logDisk}`)],
  },
  { name: 'target', table: [linear(0, TARGET_SIZE, '/dev/mapper/logged', 0)] },
  { name: 'folder', table: [linear(0, FOLDER_SIZE, '/dev/mapper/logged', TARGET_SIZE)] },
];

/**
 * Logs what `use` writes. The target keeps it, the file system does not. `isEager`: pages are written out as soon as they are
 * dirty, otherwise not before they are synced.
 */
export async function recordWrites(type: FileSystem, isEager: boolean, use: () => void): Promise<Recording> {
  const before = await withMappings(LOGGED, () => {
    const held = readTarget();
    return withFolder(type, () => {
      writePagesAfter(isEager ? 1 : 60_000);
      use();
      run('dmsetup', ['message', 'logged', '0', 'mark', 'end']);
      return held;
    });
  });
  const entries = readWriteLog(logDisk);
  return { before, entries, end: entries.findIndex(({ kind }) => kind === 'mark') };
}

function writePagesAfter(centiseconds: number): void {
  for (const name of ['dirty_writeback_centisecs', 'dirty_expire_centisecs'])
    writeFileSync(`/proc/sys/vm/${name}`, String(centiseconds));
}
