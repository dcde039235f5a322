import { releaseBatch, type RecordBatch } from './batch.js';
import type { Range } from '../ranges/range.js';
import type { Closing, Totals } from './lvs/maps/closing.js';
import type { FrameCodec } from './frame-codec.js';
import { FIRST_LINE_BYTES } from './first-line.js';
import type { Order } from './lvs/maps/header.js';
import { isMap, type ChangeStream } from './open-stream.js';
import { StreamDigest, updateDigestOfZeros } from './stream-digest.js';
import { Tally } from './totals.js';

/** What reading a stream to its end tells. */
export interface ReadThrough {
  readonly totals: Totals;
  /** The order that it was found in, or that its header promises and the reader has checked. */
  readonly order: Order;
  /** Of the stream as version 3 (§5.1); of an `.lvs` file that says none, undefined. */
  readonly digest: Uint8Array | undefined;
  /** Undefined of a plain stream, whose completeness nobody can know. */
  readonly closing: Closing | undefined;
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
  const digest = stream.format === 'lvs' ? undefined : new StreamDigest(codec);
  digest?.update(FIRST_LINE_BYTES);
  if (isMap(stream)) for await (const part of stream.ranges) visitRanges(part);
  else
    for await (const batch of stream.batches) {
      tally.add(batch);
      if (digest) updateDigest(digest, batch);
      await visit(batch);
      releaseBatch(batch);
    }
  const closing = stream.format === 'lvs' ? stream.closing() : undefined;
  const promised = stream.format === 'lvs' ? stream.header.order : 'given';
  const order = tally.order() === 'sorted' ? 'sorted' : promised;
  return { totals: closing ?? tally.totals(), order, digest: digest?.digest() ?? closing?.digest, closing };
}

function updateDigest(digest: StreamDigest, batch: RecordBatch): void {
  if (batch.kind === 'zeros') updateDigestOfZeros(digest, batch);
  else digest.update(batch.bytes);
}
