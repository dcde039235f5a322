import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyRecords, collect, joinedRanges, memoryReader } from '../thick/cow-model.js';
import { type Entry, MetadataBuilder, packMapping } from './metadata-builder.js';
import { type Mappings, naiveDifference, restore, thinDelta } from './thin-tools.js';
import { RefusedError } from '#src/errors.js';
import { dumpThinChanges } from '#src/lvm/thin/thin-dump.js';
import { listThinDevices, openThinMetadata, thinDifference } from '#src/lvm/thin/thin-metadata.js';

/** Random pools against a naive model, and against the tools. */

const slow = process.env['SLOW'] === '1';
const ids = [1, 2, 3];
const pairs = ids.flatMap((left) =>
  ids.filter((right) => right !== left).map((right) => [left, right] as const),
);

/** A stretch of blocks that is mapped to a stretch of data blocks, or, without one, unmapped. */
const stretch = fc.record({
  begin: fc.oneof(fc.nat(300), fc.nat(2000), fc.constantFrom(2 ** 32 - 5, 2 ** 40)),
  length: fc.integer({ min: 1, max: 200 }),
  data: fc.option(fc.oneof(fc.nat(3), fc.constant(2 ** 20)), { freq: 3 }),
});
type Stretch = typeof stretch extends fc.Arbitrary<infer T> ? T : never;

/** Each device is the one before it, written to. */
const pool = fc
  .array(fc.array(stretch, { maxLength: 8 }), { minLength: 3, maxLength: 3 })
  .map((history): Mappings => {
    const blocks = new Map<number, number>();
    return new Map(
      history.map((stretches, index) => {
        for (const each of stretches) write(blocks, each, index);
        return [ids[index]!, new Map(blocks)];
      }),
    );
  });

function write(blocks: Map<number, number>, { begin, length, data }: Stretch, index: number): void {
  for (let block = begin; block < begin + length; block += 1) {
    if (data === null) blocks.delete(block);
    else blocks.set(block, data + (block % 4096) + 5000 * index);
  }
}

describe('a pool from thin_restore', () => {
  it('differs as thin_delta and the model have it', () => {
    fc.assert(
      fc.property(pool, (mappings) => {
        const image = restore(mappings);
        const opened = openThinMetadata(memoryReader(image));
        expect([...listThinDevices(opened)].map(({ id, mappedBlocks }) => [id, mappedBlocks])).toEqual(
          [...mappings].map(([id, blocks]) => [id, blocks.size]),
        );
        for (const [left, right] of pairs) {
          const runs = [...thinDifference(opened, left, right)];
          expect(runs).toEqual(naiveDifference(mappings, left, right));
          if (left < right) expect(runs).toEqual(thinDelta(image, left, right));
        }
      }),
      { numRuns: slow ? 100 : 10 },
    );
  });
});

describe('a pool whose trees share nodes', () => {
  /** `timeOf` a device's mappings: where it is the device's, no leaf is shared. Data blocks fill their 40 bits. */
  const build = (mappings: Mappings, spread: number, timeOf: (id: number) => number): Buffer => {
    const builder = new MetadataBuilder();
    const roots = [...mappings].map(([id, blocks]): [number, number] => {
      const entries = [...blocks].sort(([a], [b]) => a - b);
      const packed = entries.map(([key, data]): Entry => [key, packMapping(data * 2 ** 18, timeOf(id))]);
      return [id, builder.tree(packed, spread)];
    });
    return builder.image(new Map(roots));
  };

  it.each([
    ['shared', () => 7],
    ['the same data, mapped at other times', (id: number) => id],
  ])('differs as the model has it: %s', (_, timeOf) => {
    fc.assert(
      fc.property(pool, fc.integer({ min: 2, max: 20 }), (mappings, spread) => {
        const opened = openThinMetadata(memoryReader(build(mappings, spread, timeOf)));
        for (const [left, right] of pairs)
          expect([...thinDifference(opened, left, right)]).toEqual(naiveDifference(mappings, left, right));
      }),
      { numRuns: slow ? 1000 : 100 },
    );
  });
});

describe('a dump', () => {
  const blockSize = 65536;
  const short = fc.array(
    fc.array(
      fc.record({
        begin: fc.nat(20),
        length: fc.integer({ min: 1, max: 8 }),
        data: fc.option(fc.nat(100), { freq: 2 }),
      }),
      { maxLength: 5 },
    ),
    { minLength: 2, maxLength: 2 },
  );

  /** What a volume of these mappings holds: a byte for each data block. */
  const render = (blocks: ReadonlyMap<number, number>, size: number): Buffer => {
    const bytes = Buffer.alloc(size);
    for (const [block, data] of blocks)
      bytes.subarray(block * blockSize, (block + 1) * blockSize).fill(1 + (data % 255));
    return bytes;
  };

  it('takes one device to the other, whatever was unmapped, or refuses a source that lacks a block', async () => {
    await fc.assert(
      fc.asyncProperty(short, fc.integer({ min: 1, max: 26 * blockSize }), async (history, size) => {
        const blocks = new Map<number, number>();
        const devices = history.map((stretches, index) => {
          for (const each of stretches) write(blocks, each, index);
          return new Map(blocks);
        });
        const builder = new MetadataBuilder();
        const roots = devices.map((device, index): [number, number] => {
          const entries = [...device].sort(([a], [b]) => a - b);
          return [
            index + 1,
            builder.tree(
              entries.map(([key, data]): Entry => [key, packMapping(data)]),
              3,
            ),
          ];
        });
        const opened = openThinMetadata(memoryReader(builder.image(new Map(roots))));
        const [before, after] = [render(devices[0]!, size), render(devices[1]!, size)];
        const dumped = collect(
          dumpThinChanges({ pool: opened, from: 1, to: 2, source: memoryReader(after) }),
        );
        const mapped = [...devices[0]!.keys(), ...devices[1]!.keys()];
        if (mapped.some((block) => block * blockSize >= size)) {
          await expect(dumped).rejects.toThrow(RefusedError);
          return;
        }
        const batches = await dumped;
        expect(applyRecords(before, batches).equals(after)).toBe(true);
        const recorded = joinedRanges(batches).reduce((sum, [, length]) => sum + length, 0);
        const changed = naiveDifference(
          new Map([
            [1, devices[0]!],
            [2, devices[1]!],
          ]),
          1,
          2,
        ).reduce(
          (sum, { begin, length }) =>
            sum + Math.max(0, Math.min(size, (begin + length) * blockSize) - begin * blockSize),
          0,
        );
        expect(recorded).toBe(changed);
      }),
      { numRuns: slow ? 300 : 30 },
    );
  });
});
