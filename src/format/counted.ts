import type { RecordBatch } from './batch.js';
import { FIRST_LINE_BYTES } from './first-line.js';
import type { FrameCodec } from './frame-codec.js';
import type { Closing } from './lvs/maps/closing.js';
import { StreamDigest, updateDigestOfZeros } from './stream-digest.js';
import { Tally } from './totals.js';

/** Batches on their way, and what a file of them would say at its end, to be called when they have ended. */
export interface Counted {
  readonly batches: AsyncIterable<RecordBatch>;
  readonly closing: () => Closing;
}

/**
 * Counts batches as they pass: totals, whether they are sorted and, if there is a `codec` to hash them with, the digest of
 * the stream that they make (§5.1).
 */
export function counted(batches: AsyncIterable<RecordBatch>, codec?: FrameCodec): Counted {
  const count = new Count(codec);
  return { batches: count.pass(batches), closing: () => count.closing };
}

class Count {
  readonly #tally = new Tally();
  readonly #digest: StreamDigest | undefined;
  #closing: Closing | undefined;

  constructor(codec: FrameCodec | undefined) {
    this.#digest = codec && new StreamDigest(codec);
    this.#digest?.update(FIRST_LINE_BYTES);
  }

  async *pass(batches: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch> {
    for await (const batch of batches) {
      this.#tally.add(batch);
      if (this.#digest) updateDigest(this.#digest, batch);
      yield batch;
    }
    const order = this.#tally.order() === 'sorted' ? 'sorted' : undefined;
    this.#closing = { ...this.#tally.totals(), order, digest: this.#digest?.digest() };
  }

  get closing(): Closing {
    if (!this.#closing) throw new Error('what was counted was asked for before the end of the stream');
    return this.#closing;
  }
}

function updateDigest(digest: StreamDigest, batch: RecordBatch): void {
  if (batch.kind === 'zeros') updateDigestOfZeros(digest, batch);
  else digest.update(batch.bytes);
}
