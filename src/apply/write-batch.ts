import type { RandomAccessWriter } from '../algebra/random-access.js';
import { releaseBatch, type RecordBatch, zeroRecords } from '../format/batch.js';
import type { Range } from '../ranges/range.js';

/**
 * Writes a batch to the device, record by record in the stream's order: the only place where a stream's data reaches
 * a device. What lies past the device's end is left out; returns how many bytes that is.
 */
export function writeBatch(batch: RecordBatch, target: RandomAccessWriter): number {
  return batch.kind === 'zeros' ? writeZeros(batch.ranges, target) : writeData(batch, target);
}

/** Hands each batch to `write` and gives it back. */
export async function writeAll(
  batches: AsyncIterable<RecordBatch>,
  write: (batch: RecordBatch) => void,
): Promise<void> {
  for await (const batch of batches) {
    write(batch);
    releaseBatch(batch);
  }
}

function writeData(batch: Extract<RecordBatch, { kind: 'data' }>, target: RandomAccessWriter): number {
  const { bytes, count, offsets, lengths, positions } = batch;
  let left = 0;
  for (let i = 0; i < count; i++) {
    const inside = insideOf(offsets[i]!, lengths[i]!, target.size);
    left += lengths[i]! - inside;
    if (inside > 0) target.write(bytes.subarray(positions[i], positions[i]! + inside), offsets[i]!);
  }
  return left;
}

/** A process that is killed leaves at most one record half zeroed: §6.5 knows that as *interrupted*. */
function writeZeros(ranges: readonly Range[], target: RandomAccessWriter): number {
  let left = 0;
  for (const { offset, length } of zeroRecords(ranges)) {
    const inside = insideOf(offset, length, target.size);
    left += length - inside;
    if (inside > 0) target.zero({ offset, length: inside });
  }
  return left;
}

function insideOf(offset: number, length: number, size: number): number {
  return Math.max(0, Math.min(length, size - offset));
}
