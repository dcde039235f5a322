import { releaseBatch, type RecordBatch } from './batch.js';
import type { Range } from '../ranges/range.js';
import type { Closing } from './lvs/maps/closing.js';
import type { FrameCodec } from './frame-codec.js';
import type { Order } from './lvs/maps/header.js';
import { isMap, withDigest, type ChangeStream } from './open-stream.js';
import { Tally } from './totals.js';

/** What reading a stream to its end tells. */
export interface ReadThrough {
  /** The order that it was found in, or that its header promises and the reader has checked. */
  readonly order: Order;
  /** With the digest of the stream as version 3 (§5.1), unless it is an `.lvs` file that says none. */
  readonly closing: Closing;
  /** Its end proves that nothing is missing; of a stream without an end mark nobody can know. */
  readonly isWhole: boolean;
}

/**
 * Reads all of a stream and checks all that can be checked. `visit` may look at each batch, `visitRanges` at the ranges
 * of a map. Throws its faults.
 */
export async function readThrough(
  stream: ChangeStream,
  codec: FrameCodec,
  visit: (batch: RecordBatch) => Promise<void> | void = () => undefined,
  visitRanges: (ranges: Iterable<Range>) => void = () => undefined,
): Promise<ReadThrough> {
  const tally = new Tally();
  const { batches, closing } = withDigest(stream, codec);
  if (isMap(stream)) for await (const part of stream.ranges) visitRanges(part);
  else
    for await (const batch of batches) {
      tally.add(batch);
      await visit(batch);
      releaseBatch(batch);
    }
  const order = tally.order() === 'sorted' ? 'sorted' : stream.header.order;
  return { order, closing: closing(), isWhole: stream.hasEndMark };
}
