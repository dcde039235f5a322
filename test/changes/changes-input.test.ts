import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Changes } from '#src/changes/changes.js';
import { inputOf } from '#src/changes/changes-input.js';
import { writeDump } from '#src/changes/write-changes.js';
import { releaseBatch } from '#src/format/batch.js';
import { batchOf, codec } from '../streams.js';

const records = [
  { offset: 0, data: new Uint8Array(4096).fill(7) },
  { offset: 8192, data: new Uint8Array(1 << 19) },
  { offset: 1 << 20, data: new Uint8Array(4096).fill(9) },
];
const options = { baseDigests: false, id: new Uint8Array(16).fill(1), generator: 'test' };

const changesOf = (isConsistent: boolean): Changes => ({
  ...{ base: { id: 'before' }, exhaustive: false, resultSize: 1 << 21, chunkSize: 4096, origin: {} },
  ranges: () => [],
  batches: async function* () {
    for (const record of records) yield batchOf([record]);
  },
  conclude: () => ({ consistent: isConsistent }),
});

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'], now: 1000 }));
afterEach(() => vi.useRealTimers());

it.each([true, false])(
  'says at its end what a file of the same changes says (consistent: %s)',
  async (is) => {
    const sink = { write: () => Promise.resolve() };
    const written = await writeDump(changesOf(is), sink, codec, options);
    const input = inputOf(changesOf(is), 'changes', codec, options, (batches) => batches);
    const stream = await input.open();
    for await (const batch of stream.batches) releaseBatch(batch);
    expect(written).toMatchObject({ zeros: 1 << 19, consistent: is, endTime: 1000 });
    expect(stream.closing()).toEqual({ ...written, order: 'sorted' });
  },
);
