import { releaseBatch, type RecordBatch } from './batch.js';
import { FIRST_LINE_BYTES } from './first-line.js';
import type { ByteSink } from './lvs-writer.js';
import { recordHeader } from './record.js';
import { zeroRecords } from './zero-frame.js';

const ZEROS_SIZE = 1 << 20;

/** Writes batches as a plain lvmsync PROTO[3] stream (§3.1). Takes over the batches. Returns the bytes written. */
export async function writePlain(batches: AsyncIterable<RecordBatch>, sink: ByteSink): Promise<number> {
  const zeros = new Uint8Array(ZEROS_SIZE);
  let size = FIRST_LINE_BYTES.length;
  await sink.write(FIRST_LINE_BYTES);
  for await (const batch of batches) {
    if (batch.kind === 'data') {
      await sink.write(batch.bytes);
      size += batch.bytes.length;
    } else {
      for (const { offset, length } of zeroRecords(batch.ranges)) size += await writeZeros(offset, length, zeros, sink);
    }
    releaseBatch(batch);
  }
  return size;
}

async function writeZeros(offset: number, length: number, zeros: Uint8Array, sink: ByteSink): Promise<number> {
  const header = recordHeader(offset, length);
  await sink.write(header);
  for (let rest = length; rest > 0; rest -= ZEROS_SIZE) await sink.write(zeros.subarray(0, Math.min(rest, ZEROS_SIZE)));
  return header.length + length;
}
