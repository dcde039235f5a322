import { describe, expect, it } from 'vitest';
import { memoryReader } from '../thick/cow-model.js';
import { BLOCK, snapshotAndWrite } from './metadata-builder.js';
import { addRun, naiveDifference, restore, type Run, thinDelta } from './thin-tools.js';
import { watchNodes } from './watch-nodes.js';
import type { RandomAccessReader } from '#src/algebra/random-access.js';
import { openThinMetadata, thinDifference } from '#src/lvm/thin/thin-metadata.js';

/** What a difference costs: it grows with the changes, not with the pool. */

const COUNT = 1_000_000;
const CHANGES = 1000;
/** thin_restore of 0.9 fills leaves by half. */
const PER_LEAF = 126;

const identity = (count: number) => new Map(Array.from({ length: count }, (_, block) => [block, block]));
const one = new Map([[0, 0]]);
const restored = restore(
  new Map([
    [1, identity(COUNT)],
    [2, one],
  ]),
  128,
  40,
);

const measure = (image: Buffer) => {
  const metadata = memoryReader(image);
  const { watched, nodes } = watchNodes(openThinMetadata(metadata));
  const runs = [...thinDifference(watched, 1, 2)];
  const blocks = metadata.reads.reduce((sum, { length }) => sum + length / BLOCK, 0);
  return { runs, nodes: nodes.size, reads: metadata.reads.length, blocks };
};

describe('the difference of a million mappings and a snapshot', () => {
  const changesAt = (blockOf: (index: number) => number, count = CHANGES) =>
    new Map(Array.from({ length: count }, (_, index) => [blockOf(index), COUNT + index]));

  it.each([
    ['1,000 written all over', changesAt((index) => (index * 997) % COUNT), 2.2 * CHANGES, 0.5],
    ['1,000 neighbours written', changesAt((index) => 500_000 + index), 2 * (CHANGES / PER_LEAF + 8), 1],
    ['one written', changesAt(() => 777_777, 1), 16, 1],
  ])('reads only what differs, in few reads: %s', (_, changes, most, readsPerNode) => {
    const image = snapshotAndWrite(restored, 1, 2, changes);
    const { runs, nodes, reads, blocks } = measure(image);
    const expected: Run[] = [];
    for (const begin of [...changes.keys()].sort((a, b) => a - b))
      addRun(expected, { kind: 'differ', begin, length: 1 });
    expect(runs).toEqual(expected);
    expect(runs).toEqual(thinDelta(image, 1, 2));
    expect(nodes).toBeLessThanOrEqual(most);
    expect(reads).toBeLessThanOrEqual(readsPerNode * nodes + 1);
    expect(blocks).toBeLessThan(5 * nodes + 64);
  });

  it('reads nothing of a tree that is the same', () => {
    const metadata = memoryReader(restored);
    expect([...thinDifference(openThinMetadata(metadata), 1, 1)]).toEqual([]);
    expect(metadata.reads.length).toBeLessThan(8);
  });
});

describe('the difference of devices that share nothing', () => {
  it('reads every node once, many at a time', () => {
    const count = 100_000;
    const mappings = new Map([
      [1, identity(count)],
      [2, new Map([...identity(count), [5, count], [77_777, count + 1]])],
    ]);
    const { runs, nodes, reads, blocks } = measure(restore(mappings, 128, 12));
    expect(runs).toEqual(naiveDifference(mappings, 1, 2));
    const leaves = 2 * Math.ceil(count / PER_LEAF);
    expect(nodes).toBeLessThan(1.1 * leaves);
    expect(blocks).toBeLessThan(1.2 * leaves);
    expect(reads).toBeLessThan(leaves / 4);
  });
});

/** Metadata of which one read fails, after so many that did not; it leaves something of its own in the memory. */
function failOnce(image: Buffer): { metadata: RandomAccessReader; failAfter: (reads: number) => void } {
  const memory = memoryReader(image);
  let left = Infinity;
  const readInto: RandomAccessReader['readInto'] = (target, offset) => {
    left -= 1;
    if (left >= 0) {
      memory.readInto(target, offset);
      return;
    }
    left = Infinity;
    target.fill(0xff);
    throw new Error('EIO');
  };
  return { metadata: { ...memory, readInto }, failAfter: (reads) => (left = reads) };
}

describe('a difference that a read failed in', () => {
  it('is right when it is asked for again', () => {
    const changes = new Map(Array.from({ length: 40 }, (_, index) => [index * 300, COUNT + index]));
    const image = snapshotAndWrite(restored, 1, 2, changes);
    const { runs, reads } = measure(image);
    for (let good = 0; good < reads - 1; good += 1) {
      const { metadata, failAfter } = failOnce(image);
      const pool = openThinMetadata(metadata);
      failAfter(good);
      expect(() => [...thinDifference(pool, 1, 2)]).toThrow('EIO');
      expect([...thinDifference(pool, 1, 2)]).toEqual(runs);
      expect([...thinDifference(pool, 1, 2)]).toEqual(runs);
    }
  });
});
