import type { RecordBatch } from '../batch.js';
import type { Closing } from './maps/closing.js';
import type { FrameCodec } from '../frame-codec.js';
import type { StreamHeader } from './maps/header.js';
import {
  LvsWriter,
  type ByteSink,
  type ClosingExtras,
  type TellExtras,
  type WriterOptions,
} from './writer.js';

/**
 * Writes a whole `.lvs` file: decode(writeLvs(batches)) = batches. Takes over the batches. `extras` is asked when the
 * last batch has been taken in. Returns what the file says at its end.
 */
export async function writeLvs(
  batches: AsyncIterable<RecordBatch>,
  sink: ByteSink,
  codec: FrameCodec,
  header: StreamHeader,
  extras?: ClosingExtras | TellExtras,
  options?: WriterOptions,
): Promise<Closing> {
  const writer = new LvsWriter(sink, codec, header, options);
  await writer.start();
  for await (const batch of batches) await writer.add(batch);
  return writer.finish(extras);
}
