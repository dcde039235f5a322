import type { RangeReader } from '../algebra/random-access.js';
import { eachRange, releaseBatch, type RecordBatch } from '../format/batch.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { FileBytes } from '../format/lvs/file-index.js';
import type { Dialect } from '../format/lvmsync/dialect.js';
import { walkRecords } from '../format/lvmsync/walk-headers.js';
import type { RangeSet } from '../ranges/range-set.js';
import { Tally } from '../format/totals.js';
import { Judge, type Verdict } from './verdict.js';

/** What one pass over a whole stream tells before anything is written. */
export interface Survey {
  /** Every record begins where the one before ended, or later. */
  readonly isSorted: boolean;
  /** End of the highest byte, exclusive. */
  readonly high: number;
  /** Bytes past the device's end. */
  readonly pastEnd: number;
  /** What the device holds; undefined when nobody compared. */
  readonly verdict: Verdict | undefined;
}

export interface SurveyOptions {
  /** Bytes of the device that the stream is for; without it nothing is past its end. */
  readonly size?: number | undefined;
  /** The device to compare with; undefined: don't. */
  readonly device?: RangeReader | undefined;
  /** Ranges that a journal vouches for; not compared. */
  readonly exempt?: RangeSet | undefined;
  /** A note vouches for any mixture of base and result. */
  readonly noted?: boolean | undefined;
  /** Takes each batch before it is given back, and the next one is read. */
  readonly onBatch?: ((batch: RecordBatch) => Promise<void>) | undefined;
}

/**
 * Reads a whole stream, and compares the device with the base digests of its batches when asked to. Throws what the
 * stream does. Parts past the device's end are left out of the comparison.
 */
export async function surveyStream(
  batches: AsyncIterable<RecordBatch>,
  codec: FrameCodec,
  { size = Number.POSITIVE_INFINITY, device, exempt, noted, onBatch }: SurveyOptions = {},
): Promise<Survey> {
  const tally = new Tally();
  const judge = device && new Judge(device, codec, { exempt, noted });
  let pastEnd = 0;
  for await (const batch of batches) {
    tally.add(batch);
    pastEnd += bytesPastEnd(batch, size);
    await judge?.add(batch);
    await onBatch?.(batch);
    releaseBatch(batch);
  }
  const { high } = tally.totals();
  return { isSorted: tally.order() === 'sorted', high, pastEnd, verdict: judge?.verdict() };
}

/** The same of a plain stream in a file, from its headers alone; the first stands at `firstHeader`. */
export async function surveyHeaders(
  file: FileBytes,
  firstHeader: number,
  dialect: Dialect,
  size: number,
): Promise<Survey> {
  let high = 0;
  let pastEnd = 0;
  let end = 0;
  let isSorted = true;
  await walkRecords(file, firstHeader, dialect, ({ offset, length }) => {
    isSorted &&= offset >= end;
    end = offset + length;
    high = Math.max(high, end);
    pastEnd += lengthPast(offset, length, size);
  });
  return { isSorted, high, pastEnd, verdict: undefined };
}

/** End of the highest byte that a batch writes. */
export function endOf(batch: RecordBatch): number {
  if (batch.kind === 'zeros')
    return batch.ranges.reduce((end, { offset, length }) => Math.max(end, offset + length), 0);
  let end = 0;
  for (let i = 0; i < batch.count; i++) end = Math.max(end, batch.offsets[i]! + batch.lengths[i]!);
  return end;
}

function bytesPastEnd(batch: RecordBatch, size: number): number {
  let past = 0;
  if (endOf(batch) <= size) return past;
  for (const { offset, length } of eachRange(batch)) past += lengthPast(offset, length, size);
  return past;
}

function lengthPast(offset: number, length: number, size: number): number {
  return Math.max(0, Math.min(length, offset + length - size));
}
