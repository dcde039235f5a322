import { setTimeout } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { AheadReader } from '#src/device/direct.js';
import { readRangesAhead } from '#src/device/read-ranges-ahead.js';
import { createBufferPool, type BufferPool, type DataBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { MIB } from './block-devices.js';
import { memoryDevice } from '../compare/memory-device.js';

/** What is read into is used again: to reserve it anew for each dump of a service takes addresses by the gigabyte. */

/** What Node's types leave out. */
const web = globalThis as unknown as { WebAssembly: { Memory: new (descriptor: object) => object } };
const { Memory } = web.WebAssembly;
afterEach(() => {
  web.WebAssembly.Memory = Memory;
});

function countMemories(): () => number {
  let made = 0;
  web.WebAssembly.Memory = class extends Memory {
    constructor(descriptor: object) {
      super(descriptor);
      made += 1;
    }
  };
  return () => made;
}

const plain = memoryDevice(new Uint8Array(4 * MIB));
const device: AheadReader = {
  ...plain,
  ahead: {
    unit: 4096,
    read: async (target, offset) => {
      await setTimeout(1);
      plain.readInto(target, offset);
    },
  },
};

type Batches = AsyncGenerator<DataBatch, void, undefined>;

const ranges = (length = MIB): Range[] => [0, MIB, 2 * MIB].map((offset) => ({ offset, length }));
const begin = async (count: number, pool: BufferPool = createBufferPool()): Promise<Batches[]> => {
  const all = Array.from({ length: count }, () => readRangesAhead(ranges(), device, pool));
  for (const batches of all) await batches.next();
  return all;
};
const end = async (all: readonly Batches[]): Promise<void> => {
  for (const batches of all) await batches.return();
};

it('memory of two that are read beside each other is used again, and that of a third one is not kept', async () => {
  const made = countMemories();
  await end(await begin(3));
  expect(made()).toBe(3);
  await end(await begin(1));
  await end(await begin(2));
  expect(made()).toBe(3);
  await end(await begin(3));
  expect(made()).toBe(4);
});

it('batches that nobody takes any more are given back', async () => {
  const pool = createBufferPool();
  let out = 0;
  const counting: BufferPool = {
    ...pool,
    take: (need) => {
      out += 1;
      return pool.take(need);
    },
    give: (buffer) => {
      out -= 1;
      pool.give(buffer);
    },
  };
  await end(await begin(1, counting));
  // The one that was yielded belongs to whoever took it.
  expect(out).toBe(1);
});
