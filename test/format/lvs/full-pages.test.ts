import { describe, expect, it } from 'vitest';
import type { RecordBatch } from '#src/format/batch.js';
import { batchOf, lvsFile, openBytes } from '../../streams.js';

/** Files of more frames than an index page lists (§4.6). */

const MORE_THAN_A_PAGE = 2100;
const RUN = 4096;

/** Some batches of data, then zeros: each of these is a frame of ranges and the zero frame behind it. */
function batchesWith(dataBatches: number): RecordBatch[] {
  const data = Array.from({ length: dataBatches }, (_, i) =>
    batchOf([{ offset: i * RUN, data: Buffer.from('data') }]),
  );
  const zeros = Array.from({ length: MORE_THAN_A_PAGE }, (_, i): RecordBatch => {
    return { kind: 'zeros', ranges: [{ offset: (dataBatches + i) * RUN, length: RUN }] };
  });
  return [...data, ...zeros];
}

async function countBatches(file: Uint8Array): Promise<number> {
  let count = 0;
  for await (const _ of (await openBytes(file)).batches) count += 1;
  return count;
}

describe('a page that is full', () => {
  it.each([0, 1, 2, 3])(
    'never parts zero frames from their ranges, after %i batches of data',
    async (lead) => {
      const file = await lvsFile(batchesWith(lead));
      expect(await countBatches(file)).toBe(lead + MORE_THAN_A_PAGE);
    },
  );
});
