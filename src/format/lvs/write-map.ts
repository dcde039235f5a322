import type { Range } from '../../ranges/range.js';
import type { Closing } from './maps/closing.js';
import type { FrameCodec } from '../frame-codec.js';
import type { StreamHeader } from './maps/header.js';
import { LvsWriter, type ByteSink, type ClosingExtras } from './writer.js';

/** The ranges of a map one part after the other, as a reader gives them. */
export type RangeParts = Iterable<Iterable<Range>> | AsyncIterable<Iterable<Range>>;

/**
 * Writes a whole map (§4.6.3), 16 bytes a range: ranges(writeMap([r])) = r. Of ranges at hand there is one part. They
 * must be ascending, no two of them touching, inside the device; `mergeRanges` makes such of any that are ascending. One
 * page of them is held, 1 MiB. `extras` is asked when the last range has been taken in. Returns what the file says at
 * its end. Throws what the ranges and the sink throw.
 *
 * The digest of a map is that of a stream without records: a result that is not named can't be computed from it.
 */
export async function writeMap(
  parts: RangeParts,
  sink: ByteSink,
  codec: FrameCodec,
  header: StreamHeader & { readonly kind: 'map' },
  extras: () => ClosingExtras = () => ({}),
): Promise<Closing> {
  const writer = new LvsWriter(sink, codec, header);
  await writer.start();
  for await (const part of parts) await writer.addRanges(part);
  return writer.finish(extras);
}
