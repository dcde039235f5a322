import { setTimeout as sleep } from 'node:timers/promises';
import { clipRanges } from '../../ranges/clip-ranges.js';
import { mergeRanges } from '../../ranges/merge-ranges.js';
import { statusOf } from '../../device/device-mapper.js';
import { type DirectReader, openDirect } from '../../device/direct.js';
import { LvmError } from '../../errors.js';
import type { Range } from '../../ranges/range.js';
import { type ChangedChunks, changedRanges, readChangedChunks } from './changed-chunks.js';
import { mappedDeviceOf } from '../live-volume.js';
import type { LogicalVolume } from '../logical-volumes.js';
import { countHandedOut, parseSnapshotStatus, readSnapshotStatus } from './snapshot-status.js';

/** What an active snapshot had recorded when it was read. */
export interface SnapshotTable {
  /** Bytes of the snapshot. */
  readonly size: number;
  readonly chunkSize: number;
  /** What its chunks cover, inside the snapshot. */
  ranges(): Iterable<Range>;
  /** Throws `LvmError` if the snapshot has overflowed since, or was removed or merged. */
  checkStillThere(): void;
}

/** The kernel lists an exception when its data is copied, and no write to the origin waits longer for that. */
const PATIENCE_MS = 5000;
const STEP_MS = 20;

/**
 * Reads the exception store of an active thick snapshot past every cache. All that was written to the origin before is
 * in it; what is still in the page cache is not, so flush the origin first.
 *
 * What is read is held against device-mapper's own count. Throws `LvmError` if they do not agree, and the errors of
 * {@link readSnapshotStatus} and {@link readChangedChunks}.
 */
export async function readSnapshotTable(snapshot: LogicalVolume): Promise<SnapshotTable> {
  const { mapped, size, used } = readSnapshotStatus(snapshot);
  const cow = openDirect(mappedDeviceOf(snapshot, 'cow').path);
  try {
    const chunks = await readAtLeast(snapshot, cow, size, used);
    const after = parseSnapshotStatus(snapshot.name, statusOf(mapped.name));
    const most = countHandedOut(after.used, chunks.chunkSize);
    if (chunks.count > most) throw miscounted(snapshot, chunks, `no more than ${most}`);
    return {
      size,
      chunkSize: chunks.chunkSize,
      ranges: () => changedRanges(chunks, size),
      checkStillThere: () => checkStillThere(snapshot),
    };
  } finally {
    cow.close();
  }
}

/** While the origin is written, what was handed out already may not be in the list yet. */
async function readAtLeast(
  snapshot: LogicalVolume,
  cow: DirectReader,
  size: number,
  used: number,
): Promise<ChangedChunks> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const chunks = readChangedChunks(cow, size);
    const least = countHandedOut(used, chunks.chunkSize);
    if (chunks.count >= least) return chunks;
    if (performance.now() > deadline) throw miscounted(snapshot, chunks, `${least} or more`);
    await sleep(STEP_MS);
  }
}

function miscounted({ name }: LogicalVolume, { count }: ChangedChunks, counted: string): LvmError {
  return new LvmError(`${name}: its table lists ${count} exceptions, and device-mapper counts ${counted}`, {
    hint: 'try again; if it stays so, the table is damaged and the snapshot should not be trusted',
  });
}

/** Passes batches on; a device that fails because its snapshot is lost is an error that says so. */
export async function* explainLoss<T>(
  batches: AsyncIterable<T>,
  tables: readonly SnapshotTable[],
): AsyncGenerator<T, void, undefined> {
  try {
    yield* batches;
  } catch (error) {
    for (const table of tables) table.checkStillThere();
    throw error;
  }
}

function checkStillThere(snapshot: LogicalVolume): void {
  try {
    readSnapshotStatus(snapshot);
  } catch (cause) {
    if (!(cause instanceof LvmError)) throw cause;
    throw new LvmError('the snapshot was lost while it was read', { cause });
  }
}

/** What may differ between a snapshot and a later state of its origin that has `size` bytes: behind its own end, all. */
export function changesUpTo(table: SnapshotTable, size: number): Iterable<Range> {
  const tail = size > table.size ? [{ offset: table.size, length: size - table.size }] : [];
  return mergeRanges(clipRanges(table.ranges(), size), tail);
}
