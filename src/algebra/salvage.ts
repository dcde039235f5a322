import { FormatError } from '../errors.js';
import { countRecords, dataSize, releaseBatch, type RecordBatch } from '../format/batch.js';
import { copySegments, ensurePieces } from './records/batch-builder.js';

/** Where the whole records before a fault end: behind so many segments of that batch, counted from 0. */
export interface Cut {
  readonly batch: number;
  readonly segments: number;
}

/** What a damaged stream still holds. */
export interface Salvage {
  readonly cut: Cut;
  /** Undefined: the stream is whole. */
  readonly fault: FormatError | undefined;
  /** Whole records before the cut. */
  readonly records: number;
  /** Bytes that they write. */
  readonly data: number;
}

/** Reads a stream up to its first fault, at most `limit` batches, and finds what is whole of it (§10). */
export async function findSalvage(
  batches: AsyncIterable<RecordBatch>,
  limit = Number.POSITIVE_INFINITY,
): Promise<Salvage> {
  let found: Omit<Salvage, 'fault'> = { cut: { batch: 0, segments: 0 }, records: 0, data: 0 };
  let read = { records: 0, data: 0, batch: 0 };
  try {
    for await (const batch of batches) {
      if (read.batch === limit) break;
      const whole = measureWhole(batch);
      const before = read;
      read = add(read, batch);
      if (whole.segments > 0) {
        const { records, data } =
          whole.open > 0 ? { records: read.records - 1, data: read.data - whole.open } : read;
        found = { cut: { batch: before.batch, segments: whole.segments }, records, data };
      }
      releaseBatch(batch);
    }
  } catch (error) {
    if (error instanceof FormatError) return { ...found, fault: error };
    throw error;
  }
  return { ...found, fault: undefined };
}

function add({ records, data, batch }: { records: number; data: number; batch: number }, next: RecordBatch) {
  return { records: records + countRecords(next), data: data + dataSize(next), batch: batch + 1 };
}

/** How many segments end whole records, and how many bytes of one more are in the batch. */
function measureWhole(batch: RecordBatch): { segments: number; open: number } {
  if (batch.kind === 'zeros') return { segments: batch.ranges.length, open: 0 };
  const { count, open, lengths } = batch;
  return open ? { segments: count - 1, open: lengths[count - 1]! } : { segments: count, open: 0 };
}

/** The records before the cut; whatever comes behind it is not read. */
export async function* takeUntil(batches: AsyncIterable<RecordBatch>, cut: Cut): AsyncGenerator<RecordBatch> {
  let number = 0;
  if (cut.segments === 0) return;
  for await (const batch of batches) {
    if (number < cut.batch) yield batch;
    else {
      const rest =
        batch.kind === 'data' && batch.count > cut.segments ? copySegments(batch, 0, cut.segments) : batch;
      yield rest;
      return;
    }
    number++;
  }
}

/** Says of batches that carry no base digests that nothing is known of their pieces. */
export async function* fillPieces(batches: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch> {
  for await (const batch of batches) yield ensurePieces(batch);
}
