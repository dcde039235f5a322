import assert from 'node:assert/strict';
import type { RandomAccessReader } from '#src/algebra/random-access.js';
import { openDirect } from '#src/device/direct.js';

/**
 * What the dm-log-writes target noted (drivers/md/dm-log-writes.c), in the order in which the disk was done with it. What a
 * flush kept stands before it, so that what a power cut leaves is all up to some entry, and any of what follows up to the
 * next {@link LogEntry.isBarrier | barrier}.
 */
export interface LogEntry {
  readonly kind: 'write' | 'discard' | 'flush' | 'mark';
  /** Bytes; 0 of a flush or a mark. */
  readonly offset: number;
  readonly length: number;
  /** What was written; the text of a mark. */
  readonly data: Buffer;
  /** This is on stable storage when it is done: a flush, or a write past the disk's cache (FUA). */
  readonly isBarrier: boolean;
  /** Of a file system's own data: it may rely on it not to be torn. */
  readonly isMetadata: boolean;
}

const MAGIC = 0x6a736677736872n;
const FLUSH = 1n;
const FUA = 2n;
const DISCARD = 4n;
const MARK = 8n;
const METADATA = 16n;
/** What the target writes when it is removed: the log is whole. */
const END = 'dm-log-writes-end';

/** Reads the log of a target that has been removed. Throws if its end is missing: the log's device was too small. */
export function readWriteLog(device: string): LogEntry[] {
  const log = openDirect(device);
  try {
    const { count, sectorSize } = readSuper(log);
    const entries: LogEntry[] = [];
    for (let at = sectorSize; entries.length < count;) {
      const { entry, end } = readEntry(log, at, sectorSize);
      entries.push(entry);
      at = end;
    }
    assert.equal(entries.at(-1)?.data.toString(), END);
    return entries.slice(0, -1);
  } finally {
    log.close();
  }
}

function readSuper(log: RandomAccessReader): { count: number; sectorSize: number } {
  const bytes = readAt(log, 0, 28);
  assert.equal(bytes.readBigUInt64LE(0), MAGIC);
  assert.equal(bytes.readBigUInt64LE(8), 1n, 'the version');
  return { count: Number(bytes.readBigUInt64LE(16)), sectorSize: bytes.readUInt32LE(24) };
}

/** Marks hold their text in the entry's own sector. */
function readEntry(
  log: RandomAccessReader,
  at: number,
  sectorSize: number,
): { entry: LogEntry; end: number } {
  const head = readAt(log, at, sectorSize);
  const [sector, sectors, flags, textLength] = [0, 8, 16, 24].map((place) => head.readBigUInt64LE(place));
  const kind = kindOf(flags!, Number(sectors));
  const length = Number(sectors) * sectorSize;
  const stored = kind === 'write' ? length : 0;
  const data =
    kind === 'mark' ? head.subarray(32, 32 + Number(textLength)) : readAt(log, at + sectorSize, stored);
  const isBarrier = (flags! & (FLUSH | FUA)) !== 0n;
  const isMetadata = (flags! & METADATA) !== 0n;
  const offset = length > 0 ? Number(sector) * sectorSize : 0;
  return { entry: { kind, offset, length, data, isBarrier, isMetadata }, end: at + sectorSize + stored };
}

function kindOf(flags: bigint, sectors: number): LogEntry['kind'] {
  if ((flags & MARK) !== 0n) return 'mark';
  if ((flags & DISCARD) !== 0n) return 'discard';
  return sectors === 0 ? 'flush' : 'write';
}

function readAt(log: RandomAccessReader, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (length > 0) log.readInto(bytes, at);
  return bytes;
}
