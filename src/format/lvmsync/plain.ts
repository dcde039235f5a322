import { type RecordBatch, releaseBatch, zeroRecords } from '../batch.js';
import type { Totals } from '../lvs/maps/closing.js';
import { FIRST_LINE_BYTES } from '../first-line.js';
import type { ByteSink } from '../lvs/writer.js';
import { recordHeader } from '../record.js';
import { Tally } from '../totals.js';

const ZEROS_SIZE = 1 << 20;

/**
 * Writes batches as a plain lvmsync PROTO[3] stream (§3.1). Takes over the batches. Returns what was written.
 * The next batch is made while one is being written; nothing is being written any more when it returns or throws.
 */
export async function writePlain(batches: AsyncIterable<RecordBatch>, sink: ByteSink): Promise<Totals> {
  const zeros = new Uint8Array(ZEROS_SIZE);
  const tally = new Tally();
  let written = later(sink.write(FIRST_LINE_BYTES));
  try {
    for await (const batch of batches) {
      await written;
      tally.add(batch);
      written = later(writePlainBatch(batch, zeros, sink));
    }
  } finally {
    await written;
  }
  return tally.totals();
}

/** A promise that is awaited later; that it fails before is no unhandled rejection. */
function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

async function writePlainBatch(batch: RecordBatch, zeros: Uint8Array, sink: ByteSink): Promise<void> {
  if (batch.kind === 'data') await sink.write(batch.bytes);
  else
    for (const { offset, length } of zeroRecords(batch.ranges)) await writeZeros(offset, length, zeros, sink);
  releaseBatch(batch);
}

async function writeZeros(offset: number, length: number, zeros: Uint8Array, sink: ByteSink): Promise<void> {
  await sink.write(recordHeader(offset, length));
  for (let rest = length; rest > 0; rest -= ZEROS_SIZE)
    await sink.write(zeros.subarray(0, Math.min(rest, ZEROS_SIZE)));
}
