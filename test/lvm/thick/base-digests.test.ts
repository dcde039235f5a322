import { expect, it } from 'vitest';
import { memoryReader, storeOf } from './cow-model.js';
import { createCodec } from '#src/codec/codec.js';
import { UsageError } from '#src/errors.js';
import { readThickSnapshot, thickChanges } from '#src/lvm/thick/thick-dump.js';
import { writeDump } from '#src/changes/write-changes.js';

const chunkSize = 512;

it('writes nothing where base digests are asked for and what was there before cannot be read', async () => {
  const origin = memoryReader(Buffer.alloc(10 * chunkSize, 1), 'origin');
  const cow = memoryReader(storeOf(chunkSize, 40, [[3, 2]]), 'cow');
  const known = {
    ...thickChanges(readThickSnapshot(cow, origin), false),
    conclude: () => ({ consistent: true }),
  };
  const write = async (before: typeof known.before): Promise<number> => {
    let size = 0;
    const sink = { write: async (bytes: Uint8Array) => void (size += bytes.length) };
    const options = { baseDigests: true, id: new Uint8Array(16), generator: 'test' };
    await writeDump({ ...known, before }, sink, createCodec({ level: 1 }), options).catch(
      (error: unknown) => {
        expect(error).toBeInstanceOf(UsageError);
      },
    );
    return size;
  };
  expect(await write(known.before)).toBeGreaterThan(0);
  expect(await write(undefined)).toBe(0);
});
