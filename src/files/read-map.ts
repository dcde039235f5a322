import { RangeList } from '../ranges/range-list.js';
import { RefusedError, remedy, sentence } from '../errors.js';
import type { Closing } from '../format/lvs/maps/closing.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import { isMap } from '../format/open-stream.js';
import type { StreamInput } from './open-input.js';

/** A map that has been read to its end and found whole. */
export interface ChangeMap {
  readonly header: StreamHeader & { readonly kind: 'map' };
  readonly closing: Closing;
  /** Ascending and apart, to be iterated as often as one likes; about 5 bytes of memory each. */
  readonly ranges: RangeList;
}

/**
 * Reads a map from a file or a pipe. Nothing of it is given before all of it has been checked. Throws its faults,
 * `RefusedError` for any other stream. Whom 5 bytes a range are too much iterates the stream's own `ranges`.
 */
export async function readMap(input: StreamInput): Promise<ChangeMap> {
  const stream = await input.open();
  if (!isMap(stream)) {
    throw new RefusedError(`${input.name}: is no map but a stream that holds its data`, {
      hint: sentence`a map lists changed ranges alone; ${remedy('info')} tells the kind of a stream`,
    });
  }
  const ranges = new RangeList();
  for await (const part of stream.ranges) for (const range of part) ranges.append(range);
  return { header: stream.header, closing: stream.closing(), ranges };
}
