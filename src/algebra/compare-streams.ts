import type { RecordBatch } from '../format/batch.js';
import { BATCH_SIZE } from '../format/layout.js';
import type { Range } from '../ranges/range.js';
import { differences } from './differences.js';
import { RecordCursor } from './records/record-cursor.js';

/** Bytes that two streams do not both write, or not alike. */
export interface StreamDifference extends Range {
  /** Which of them writes there. */
  readonly writer: 'first' | 'second' | 'both';
}

/** As much is compared at once. */
const STEP = BATCH_SIZE;
const ZEROS = new Uint8Array(STEP);

/**
 * Where two sorted streams do not do the same, ascending: nothing at all exactly if apply(*s*, *D*) = apply(*t*, *D*) for every
 * device *D*. Only places and bytes count, not how these are cut into records; zeros are zeros, as a range or as data. Two
 * ranges of zeros are not expanded.
 *
 * One batch of each is held. Both are read to their ends, so that their faults are found, and ended when no more is wanted. Throws
 * what they throw.
 */
export async function* compareStreams(
  first: AsyncIterable<RecordBatch>,
  second: AsyncIterable<RecordBatch>,
): AsyncGenerator<readonly StreamDifference[], void, undefined> {
  const [one, other] = [new RecordCursor(first), new RecordCursor(second)];
  try {
    for (;;) {
      const isMore = await Promise.all([one.next(), other.next()]);
      if (!isMore.includes(true)) return;
      yield [...compareHeads(one, other, isMore)];
    }
  } finally {
    await one.end();
    await other.end();
  }
}

/** Compares until nothing is left of the batch of one that has not ended. */
function* compareHeads(
  one: RecordCursor,
  other: RecordCursor,
  [oneGoesOn, otherGoesOn]: readonly [boolean, boolean],
): Generator<StreamDifference> {
  while ((one.length > 0 || !oneGoesOn) && (other.length > 0 || !otherGoesOn)) {
    if (one.offset === other.offset) yield* compareBoth(one, other);
    else if (one.offset < other.offset) yield takeAlone(one, other, 'first');
    else yield takeAlone(other, one, 'second');
  }
}

function takeAlone(
  writer: RecordCursor,
  { offset }: RecordCursor,
  name: StreamDifference['writer'],
): StreamDifference {
  const part = writer.take(offset - writer.offset);
  return { offset: part.offset, length: part.length, writer: name };
}

function* compareBoth(one: RecordCursor, other: RecordCursor): Generator<StreamDifference> {
  const length = Math.min(one.length, other.length, STEP);
  const [{ offset, bytes: before }, { bytes: after }] = [one.take(length), other.take(length)];
  if (!before && !after) return;
  const zeros = ZEROS.subarray(0, length);
  for (const range of differences({ offset, length }, before ?? zeros, after ?? zeros))
    yield { ...range, writer: 'both' };
}
