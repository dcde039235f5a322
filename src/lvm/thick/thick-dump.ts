import type { DeviceReader, RandomAccessReader } from '../../algebra/random-access.js';
import { readRanges } from '../../algebra/records/read-ranges.js';
import type { BufferPool, DataBatch } from '../../format/batch.js';
import { type ChangedChunks, changedRanges, readChangedChunks } from './changed-chunks.js';
import type { Changes } from '../../changes/changes.js';
import { createSnapshotView } from './snapshot-view.js';

/** A thick snapshot offline: what changed since it was taken, and the origin that it was taken of. */
export interface ThickSnapshot {
  readonly changed: ChangedChunks;
  readonly origin: DeviceReader;
}

/**
 * Reads the whole exception table of `cow`. The devices stay the caller's and must stay open, and what they are as it is,
 * while the snapshot is used. Throws the `LvmError`s of {@link readChangedChunks}.
 */
export function readThickSnapshot(cow: RandomAccessReader, origin: DeviceReader): ThickSnapshot {
  return { changed: readChangedChunks(cow, origin.size), origin };
}

/**
 * The changes from the snapshot to its origin: apply(snapshot, dumpChanges) = origin. Sorted, adjacent chunks
 * joined, the last one clipped to the origin. The caller owns each batch; see `releaseBatch`.
 */
export function dumpChanges({ changed, origin }: ThickSnapshot, pool?: BufferPool): AsyncIterable<DataBatch> {
  return readRanges(changedRanges(changed, origin.size), origin, pool);
}

/**
 * The reverse, from the COW device alone: apply(origin, dumpSnapshotData) = snapshot. The same ranges as
 * {@link dumpChanges}; neighbours that lie scattered over the COW device are joined into one record.
 */
export function dumpSnapshotData(
  { changed, origin }: ThickSnapshot,
  pool?: BufferPool,
): AsyncIterable<DataBatch> {
  return readRanges(changedRanges(changed, origin.size), createSnapshotView(changed, origin), pool);
}

/** The same, either way, as a dump takes them; whether that was a single moment is the caller's to say. */
export function thickChanges(snapshot: ThickSnapshot, undo: boolean): Omit<Changes, 'conclude'> {
  const { changed, origin } = snapshot;
  return {
    exhaustive: true,
    baseSize: origin.size,
    resultSize: origin.size,
    chunkSize: changed.chunkSize,
    origin: { path: origin.name },
    ranges: () => changedRanges(changed, origin.size),
    batches: () => (undo ? dumpSnapshotData(snapshot) : dumpChanges(snapshot)),
    before: undo ? origin : createSnapshotView(changed, origin),
  };
}
