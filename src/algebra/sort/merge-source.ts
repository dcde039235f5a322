import type { RecordBatch } from '../../format/batch.js';

/** A stream that is to be merged, and is opened when its turn comes. */
export interface MergeSource {
  /** Its records ascend, and none writes a byte that another does. */
  readonly isSorted: boolean;
  /** What to call it in a message. */
  readonly name: string;
  /** Bytes of memory that reading it takes. */
  readonly memory: number;
  /** About how many bytes it takes to write it anew. */
  readonly size: number;
  /** Reads it from its beginning. It is called once. */
  open(): AsyncIterable<RecordBatch>;
  /** Gives back what it has taken, whether it was opened or not. */
  close(): void;
}

/** Keeps a sorted stream of that name outside of memory, takes over its batches, and gives it back to be read. */
export type Spill = (
  batches: AsyncIterable<RecordBatch> | Iterable<RecordBatch>,
  name: string,
) => Promise<MergeSource>;
