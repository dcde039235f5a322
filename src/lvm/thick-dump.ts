import type { RandomAccessReader } from '../algebra/random-access.js';
import { readRanges } from '../algebra/read-ranges.js';
import type { BufferPool, DataBatch } from '../format/batch.js';
import type { Changes } from './changes.js';
import { changedRanges, type ExceptionStore, readExceptionStore, sortExceptions } from './exception-store.js';
import { createSnapshotView } from './snapshot-view.js';

/** A thick snapshot offline: its exceptions, sorted, and the origin that they belong to. */
export interface ThickSnapshot {
  readonly exceptions: ExceptionStore;
  readonly origin: RandomAccessReader;
}

/**
 * Reads the whole exception table of `cow` and sorts it: 32 bytes per exception meanwhile, then 16.
 * The devices stay the caller's and must stay open while the snapshot is used.
 * Throws the `LvmError`s of {@link readExceptionStore} and {@link sortExceptions}.
 */
export function readThickSnapshot(cow: RandomAccessReader, origin: RandomAccessReader): ThickSnapshot {
  return { exceptions: sortExceptions(readExceptionStore(cow, origin.size)), origin };
}

/**
 * The changes from the snapshot to its origin: apply(snapshot, dumpChanges) = origin. Sorted, adjacent chunks
 * joined, the last one clipped to the origin. The caller owns each batch; see `releaseBatch`.
 */
export function dumpChanges(
  { exceptions, origin }: ThickSnapshot,
  pool?: BufferPool,
): AsyncIterable<DataBatch> {
  return readRanges(changedRanges(exceptions, origin.size), origin, pool);
}

/**
 * The reverse, from the COW device alone: apply(origin, dumpSnapshotData) = snapshot. The same ranges as
 * {@link dumpChanges}; neighbours that lie scattered over the COW device are joined into one record.
 */
export function dumpSnapshotData(
  { exceptions, origin }: ThickSnapshot,
  pool?: BufferPool,
): AsyncIterable<DataBatch> {
  return readRanges(changedRanges(exceptions, origin.size), createSnapshotView(exceptions, origin), pool);
}

/** The same, either way, as a dump takes them; whether that was a single moment is the caller's to say. */
export function thickChanges(snapshot: ThickSnapshot, undo: boolean): Omit<Changes, 'settle'> {
  const { exceptions, origin } = snapshot;
  return {
    baseSize: origin.size,
    resultSize: origin.size,
    chunkSize: exceptions.chunkSize,
    origin: { path: origin.name },
    ranges: () => changedRanges(exceptions, origin.size),
    batches: () => (undo ? dumpSnapshotData(snapshot) : dumpChanges(snapshot)),
    before: undo ? origin : createSnapshotView(exceptions, origin),
  };
}
