import { expect, it } from 'vitest';
import { KEEP_ALL, KEEP_SYNCED, SECTOR, type Choices } from '../crash/disk.js';
import { cutPoints, folderWrites, stateAt, tornStateAt, type Recording } from './cut-states.js';
import { TARGET_SIZE } from './two-disks.js';
import type { LogEntry } from './write-log.js';

const FLUSH: LogEntry = {
  kind: 'flush',
  offset: 0,
  length: 0,
  data: Buffer.alloc(0),
  isBarrier: true,
  isMetadata: false,
};
const END: LogEntry = { ...FLUSH, kind: 'mark', isBarrier: false };

function write(offset: number, byte: number, more: Partial<LogEntry> = {}): LogEntry {
  const length = 2 * SECTOR;
  const data = Buffer.alloc(length, byte);
  return { kind: 'write', offset, length, data, isBarrier: false, isMetadata: false, ...more };
}

const inFolder = (offset: number, byte: number, more: Partial<LogEntry> = {}) =>
  write(TARGET_SIZE + offset, byte, more);
const recordingOf = (...entries: LogEntry[]): Recording => ({
  before: new Uint8Array(TARGET_SIZE),
  entries: [...entries, END],
  end: entries.length,
});

/** The first of any two sectors. */
const FIRST: Choices = { ...KEEP_ALL, file: () => (count, place) => (place < 0.5 ? count - 1 : 0) };

it('the power is cut before the first write, behind each flush and write past the cache, and at the end', () => {
  const recording = recordingOf(write(0, 1), FLUSH, inFolder(0, 2, { isBarrier: true }), write(0, 3));
  expect(cutPoints(recording)).toEqual([0, 2, 3, 4]);
});

it('at a flush, all before it is there, and nothing behind it', () => {
  const recording = recordingOf(write(0, 1), inFolder(512, 2), FLUSH, write(0, 3), inFolder(0, 4), FLUSH);
  const { content, writes } = stateAt(recording, 3);
  expect([content[0], content[2 * SECTOR], writes]).toEqual([1, 0, []]);
  expect(folderWrites(recording, 0, 3)).toEqual([{ offset: 512, data: Buffer.alloc(2 * SECTOR, 2) }]);
});

it('torn, any sector of what comes up to the next flush is there, and nothing of what comes behind that', () => {
  const recording = recordingOf(FLUSH, write(0, 1), inFolder(512, 2), FLUSH, write(0, 3), inFolder(0, 4));
  const { content, writes } = tornStateAt(recording, 1, FIRST);
  expect([content[0], content[SECTOR]]).toEqual([1, 0]);
  expect(writes).toEqual([{ offset: 512, data: Buffer.alloc(SECTOR, 2) }]);
});

it('torn, what a file system says is its own is there as a whole, or not', () => {
  const recording = recordingOf(
    inFolder(0, 1, { isMetadata: true }),
    inFolder(2048, 2, { isMetadata: true }),
  );
  expect(tornStateAt(recording, 0, FIRST).writes).toEqual([{ offset: 0, data: Buffer.alloc(2 * SECTOR, 1) }]);
});

it('a flush of the other disk keeps nothing of the target', () => {
  const recording = recordingOf(write(0, 1), FLUSH, inFolder(0, 2), FLUSH, write(SECTOR * 2, 3), FLUSH);
  expect(tornStateAt(recording, 4, KEEP_SYNCED).content[0]).toBe(0);
  expect(tornStateAt(recording, 6, KEEP_SYNCED).content[0]).toBe(1);
});

it('a discard reads as zeros', () => {
  const discard = inFolder(0, 9, { kind: 'discard', data: Buffer.alloc(0) });
  expect(folderWrites(recordingOf(discard), 0, 1)).toEqual([{ offset: 0, data: Buffer.alloc(2 * SECTOR) }]);
});
