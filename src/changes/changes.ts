import type { Sentence } from '../errors.js';
import type { RangeReader } from '../algebra/random-access.js';
import type { RecordBatch } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import type { State } from '../format/lvs/maps/state.js';

/** Changes of a device that a stream can be made of, wherever they come from. */
export interface Changes {
  /** What the device holds before and after, where that has a name. */
  readonly base?: State | undefined;
  readonly result?: State | undefined;
  /** Nothing of the ranges is left out for being equal in both (§6.2). */
  readonly exhaustive: boolean;
  /** Of the device before and after, in bytes. */
  readonly baseSize?: number | undefined;
  readonly resultSize: number;
  /** The unit in which changes were recorded. */
  readonly chunkSize: number | undefined;
  /** Names of what was read, for people. */
  readonly origin: Readonly<Record<string, string>>;
  /** What may have changed: ascending, disjoint, inside the device. Each call begins anew. */
  ranges(): Iterable<Range>;
  /** The data of the ranges, or of the parts of them that did change; sorted. The caller owns each batch. */
  batches(): AsyncIterable<RecordBatch>;
  /** The device as it is before, where it can be read. */
  readonly before?: RangeReader | undefined;
  /**
   * To be asked once all has been read: whether that was a single moment, in which nothing was written to what was
   * read. Throws if it can't be trusted at all.
   */
  conclude(): { readonly consistent: boolean };
}

/** Changes whose devices are open. */
export interface OpenChanges extends Changes {
  /** What the user should know, a sentence each; `conclude` may add to it. */
  readonly remarks: readonly Sentence[];
  /** Closes what was opened, and takes back what was made for it. A second call does nothing. */
  close(): void;
}

/** What opens as {@link OpenChanges}, to be closed with all else that was kept for it. */
export type Opening = Promise<Omit<OpenChanges, 'close'>>;

/** Sum of the ranges' lengths. */
export function countBytes(changes: Pick<Changes, 'ranges'>): number {
  let sum = 0;
  for (const { length } of changes.ranges()) sum += length;
  return sum;
}
