import type { RangeReader } from '../algebra/random-access.js';
import { ensurePieces } from '../algebra/records/batch-builder.js';
import { sliceStream } from '../algebra/slice-stream.js';
import { splitZeroRuns } from '../algebra/zeros/split-zeros.js';
import { createBufferPool, releaseBatch, type RecordBatch, type SegmentArrays } from '../format/batch.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { segmentsOf } from '../format/segments.js';
import type { Range } from '../ranges/range.js';
import { createPieceDigester } from './digest-pieces.js';
import { readPreImages } from './pre-images.js';

/**
 * What a device holds where a sorted stream writes, with base digests of what the stream writes there (§7):
 * apply(invertStream(s, D), apply(s, D)) = D. Each batch says what it asks for (§4.6.2). Sorted; records that touch are joined as far
 * as a batch holds them, runs of zeros and holes are zeros. What lies past the device's end is left out. `cutOff`: the end
 * of the device that the stream takes away; all of it is there too, and nobody knows what will be there then.
 *
 * One batch of the stream is held, and the device's part of it. The caller owns each batch. Throws what the stream and the
 * device throw.
 */
export async function* invertStream(
  batches: AsyncIterable<RecordBatch>,
  device: RangeReader,
  codec: FrameCodec,
  cutOff?: Range,
): AsyncGenerator<RecordBatch, void, undefined> {
  const pool = createBufferPool();
  const after = new BatchReader(device);
  const digestPieces = createPieceDigester(after, codec);
  for await (const batch of sliceStream(batches, [{ offset: 0, length: cutOff?.offset ?? device.size }])) {
    after.batch = batch;
    for await (const before of splitZeroRuns(readPreImages(segmentsOf(batch), device, pool)))
      yield { ...before, pieces: await digestPieces(before) };
    releaseBatch(batch);
  }
  if (!cutOff) return;
  const segments = segmentsOf({ kind: 'zeros', ranges: [cutOff] });
  for await (const before of splitZeroRuns(readPreImages(segments, device, pool))) yield ensurePieces(before);
}

/** The device as one batch leaves it, where that writes. */
class BatchReader implements RangeReader {
  readonly name: string;
  readonly size: number;
  batch: RecordBatch | undefined;

  constructor({ name, size }: RangeReader) {
    this.name = name;
    this.size = size;
  }

  readSegments(
    { offsets, lengths, positions }: SegmentArrays,
    from: number,
    to: number,
    target: Uint8Array,
  ): Promise<void> {
    for (let i = from; i < to; i++)
      this.#read(target.subarray(positions[i], positions[i]! + lengths[i]!), offsets[i]!);
    return Promise.resolve();
  }

  #read(target: Uint8Array, offset: number): void {
    const { batch } = this;
    if (batch?.kind !== 'data') {
      target.fill(0);
      return;
    }
    const { bytes, offsets, lengths, positions } = batch;
    for (let at = lastFrom(batch, offset), done = 0; done < target.length; at += 1) {
      const from = offset + done - offsets[at]!;
      const length = Math.min(lengths[at]! - from, target.length - done);
      target.set(bytes.subarray(positions[at]! + from, positions[at]! + from + length), done);
      done += length;
    }
  }

  allocated(range: Range): readonly Range[] {
    return this.batch?.kind === 'data' ? [range] : [];
  }
}

/** The last segment that begins at `offset` or before it. */
function lastFrom({ offsets, count }: Extract<RecordBatch, { kind: 'data' }>, offset: number): number {
  let [low, high] = [0, count];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (offsets[middle]! <= offset) low = middle;
    else high = middle;
  }
  return low;
}
