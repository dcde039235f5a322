import { clipRanges, rangesFrom } from '../ranges/clip-ranges.js';
import { leaveOutEqual } from '../algebra/leave-out-equal.js';
import { readRangesAhead } from '../device/read-ranges-ahead.js';
import type { DataBatch } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import type { LiveDevice } from './live-volume.js';

/**
 * What a device holds in ascending ranges, without what another one holds there too. Past the end of that one, all of it.
 * The caller owns each batch.
 */
export async function* readUnequal(
  ranges: () => Iterable<Range>,
  { reader: left }: LiveDevice,
  { reader: right }: LiveDevice,
): AsyncGenerator<DataBatch, void, undefined> {
  const inBoth = () => clipRanges(ranges(), left.size);
  yield* leaveOutEqual(readRangesAhead(inBoth(), left), readRangesAhead(inBoth(), right));
  if (right.size > left.size) yield* readRangesAhead(rangesFrom(ranges(), left.size), right);
}

/**
 * Why nothing is left out for being equal: whoever copied the first snapshot before it was written to holds something
 * else, so equal data may be new to the copy.
 */
export function keepEqualBecause(from: LiveDevice | undefined): string | undefined {
  if (from?.wasEverWritten !== true) return undefined;
  return `${from.name} has been written to, so what is equal in both is kept: a copy of it may be older`;
}
