import type { Mergeable } from '../../algebra/consecutive.js';
import { mergedHeader, type Maker } from '../../algebra/derived-header.js';
import type { DerivedMap } from '../../algebra/derived-stream.js';
import { clipRanges } from '../../ranges/clip-ranges.js';
import { mergeRanges } from '../../ranges/merge-ranges.js';
import type { ChangeMap } from '../read-map.js';

/** A map that is to be merged with others. */
export type MergeableMap = Mergeable & ChangeMap;

/**
 * One map of all that several maps list, the oldest first: from the base of the first to the result of the last, which says
 * how large the device is by then. A range is left out only behind the end of a device that a map says was made smaller.
 */
export function mergeMaps(maps: readonly MergeableMap[], maker: Maker): DerivedMap {
  const header = mergedHeader(maps, maker);
  const ranges = mergeRanges(...maps.map((map) => map.ranges));
  return {
    header: { ...header, kind: 'map' },
    ranges: [clipRanges(ranges, header.resultSize ?? Infinity)],
    extras: () => ({ endTime: Date.now() }),
  };
}
