import { KEEP_ALL, SECTOR, cutPower, type Call, type Choices } from '../crash/disk.js';
import { TARGET_SIZE, type DiskWrite } from './two-disks.js';
import type { LogEntry } from './write-log.js';

/** What the two disks may hold when the power fails while what is in a log is written to them. */

/** A log, up to where what was logged had said that it was done. */
export interface Recording {
  /** The target at its beginning. */
  readonly before: Uint8Array;
  readonly entries: readonly LogEntry[];
  readonly end: number;
}

/** So many entries are on stable storage: none, all up to each barrier, and all that there were at the end. */
export function cutPoints({ entries, end }: Recording): number[] {
  const behindBarriers = entries.slice(0, end).flatMap(({ isBarrier }, i) => (isBarrier ? [i + 1] : []));
  return [...new Set([0, ...behindBarriers, end])];
}

const isOfTarget = ({ offset, length }: LogEntry): boolean => length > 0 && offset < TARGET_SIZE;
const isOfFolder = ({ offset }: LogEntry): boolean => offset >= TARGET_SIZE;

/** What of the entries from `start` on changes the folder's disk. */
export function folderWrites({ entries }: Recording, start: number, end: number): DiskWrite[] {
  return entries.slice(start, end).filter(isOfFolder).map(toWrite);
}

function toWrite({ kind, offset, length, data }: LogEntry): DiskWrite {
  return { offset: offset - TARGET_SIZE, data: kind === 'discard' ? Buffer.alloc(length) : data };
}

/** What the target holds, and what the folder's disk holds beside that which is stable at that point. */
export interface CutState {
  readonly content: Uint8Array;
  readonly writes: readonly DiskWrite[];
}

/** All that was written up to the point is there, and nothing of what came later. */
export function stateAt(recording: Recording, point: number): CutState {
  return { content: targetAfter(recording, point, KEEP_ALL), writes: [] };
}

/**
 * Of what came after the point, up to the next barrier, any is there; and on the target, which is a disk of its own, of
 * all that it has not been told to keep. Sectors are whole, and so are writes of a file system's own data.
 */
export function tornStateAt(recording: Recording, point: number, choices: Choices): CutState {
  const next = recording.entries.findIndex(({ isBarrier }, i) => i >= point && isBarrier);
  const until = Math.min(next < 0 ? recording.end : next, recording.end);
  const choose = choices.file(1);
  const pending = recording.entries.slice(point, until).filter(isOfFolder);
  const parts = pending.flatMap((entry) => (entry.isMetadata ? [toWrite(entry)] : sectorsOf(toWrite(entry))));
  return {
    content: targetAfter(recording, Math.max(until, point), choices),
    writes: parts.filter((_, i) => choose(2, i / parts.length) === 1),
  };
}

function sectorsOf({ offset, data }: DiskWrite): DiskWrite[] {
  return Array.from({ length: data.length / SECTOR }, (_, i) => ({
    offset: offset + i * SECTOR,
    data: data.subarray(i * SECTOR, (i + 1) * SECTOR),
  }));
}

const TARGET = 0;

function targetAfter(recording: Recording, end: number, choices: Choices): Uint8Array {
  const start = { files: new Map([[TARGET, recording.before]]), names: new Map([['target', TARGET]]) };
  return cutPower(start, targetCalls(recording).slice(0, end).flat(), choices).files.get(TARGET)!;
}

/** For each entry what the target is told by it. A flush says not whose it is: the first one behind the last write is. */
function targetCalls({ entries, end }: Recording): Call[][] {
  const last = entries.slice(0, end).findLastIndex(isOfTarget);
  const synced = entries.findIndex(({ kind }, i) => i > last && kind === 'flush');
  return entries.map((entry, i) => {
    if (isOfTarget(entry)) return [{ kind: 'write', file: TARGET, offset: entry.offset, bytes: entry.data }];
    return i === synced ? [{ kind: 'fsync', file: TARGET }] : [];
  });
}
