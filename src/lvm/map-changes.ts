import type { RandomAccessReader } from '../algebra/random-access.js';
import { RefusedError } from '../errors.js';
import type { ChangeMap } from '../files/read-map.js';
import type { RecordBatch, Range } from '../format/batch.js';
import type { Changes } from './changes.js';

/**
 * The changes that a map lists, with their data read from `source`; `read` reads ranges of it. Whether that was a
 * single moment is the caller's to say. Throws `RefusedError` if the device is too small for the map.
 */
export function mapChanges(
  { header, closing, ranges }: ChangeMap,
  source: Pick<RandomAccessReader, 'name' | 'size'>,
  read: (ranges: Iterable<Range>) => AsyncIterable<RecordBatch>,
): Omit<Changes, 'settle'> {
  if (closing.high > source.size) {
    throw new RefusedError(
      `${source.name}: has ${source.size} bytes, the map lists changes up to byte ${closing.high}`,
      { hint: 'name the volume that the map was made of, or one that holds the same' },
    );
  }
  return {
    base: closing.base ?? header.base,
    baseSize: header.baseSize,
    resultSize: source.size,
    chunkSize: header.chunkSize,
    origin: { ...header.origin, path: source.name },
    ranges: () => ranges,
    batches: () => read(ranges),
  };
}
