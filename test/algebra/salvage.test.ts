import { expect, it } from 'vitest';
import { findSalvage, takeUntil } from '#src/algebra/salvage.js';
import { FormatError } from '#src/errors.js';
import type { RecordBatch } from '#src/format/batch.js';
import { batchOf } from '../streams.js';

const whole = { offset: 0, data: new Uint8Array(10).fill(1) };
const begun = { offset: 4096, data: new Uint8Array(20).fill(2) };

/** Ends in a fault while the last of the records is open. */
async function* damaged(): AsyncGenerator<RecordBatch> {
  yield { ...batchOf([whole, begun]), open: true } as RecordBatch;
  throw new FormatError('truncated', 99, 'ends here');
}

it('drops a record that is open at the fault, and keeps the one before it', async () => {
  const { cut, records, data } = await findSalvage(damaged());
  expect({ cut, records, data }).toEqual({ cut: { batch: 0, segments: 1 }, records: 1, data: 10 });
  const kept: unknown[] = [];
  for await (const batch of takeUntil(damaged(), cut))
    kept.push(batch.kind === 'data' && { count: batch.count, open: batch.open, bytes: batch.bytes.length });
  expect(kept).toEqual([{ count: 1, open: false, bytes: 12 + 10 }]);
});
