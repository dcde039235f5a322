import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeStreams } from '#src/algebra/merge-streams.js';
import { BatchBuilder } from '#src/algebra/records/batch-builder.js';
import type { RecordPart } from '#src/algebra/records/record-cursor.js';
import { mergeSources } from '#src/algebra/sort/merge-sources.js';
import type { MergeSource } from '#src/algebra/sort/merge-source.js';
import { sortStream } from '#src/algebra/sort/sort-stream.js';
import { createSpill } from '#src/files/merge/spill.js';
import { rangesOf, type RecordBatch } from '#src/format/batch.js';
import { applied, batchOf, codec, openBytes, plainStream } from '../../streams.js';
import {
  ascendingParts,
  DEVICE_SIZE,
  expectedPieces,
  isEqual,
  part,
  writeBatches,
  writeParts,
} from '../records/parts.js';

const numRuns = process.env['SLOW'] === '1' ? 5000 : 50;
const device = new Uint8Array(DEVICE_SIZE).fill(0xaa);
const folder = mkdtempSync(path.join(tmpdir(), 'sort-'));
const spill = createSpill({ writing: codec, reading: codec, folder });

/** Everything is spilled, a batch at a time, and two streams are read at once. */
const tight = { memory: 1, streams: 2, run: 1 };
const limits = fc.constantFrom(undefined, tight, { memory: 1 << 30, streams: 3, run: 20_000 });

async function* flow(batches: readonly RecordBatch[]): AsyncGenerator<RecordBatch> {
  yield* batches;
}

async function collect(batches: AsyncIterable<RecordBatch>): Promise<RecordBatch[]> {
  const all: RecordBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** The parts in their order, each group of them in batches of their own. */
function batchesOf(groups: readonly (readonly RecordPart[])[], pieces = false): RecordBatch[] {
  return groups.flatMap((parts) => {
    const builder = new BatchBuilder({ pieces });
    for (const each of parts) builder.add(each);
    return [...builder.finish()];
  });
}

const anyOrder = fc.array(fc.array(part(false), { maxLength: 6 }), { maxLength: 5 });

/** Ascends, writes no byte twice. */
function expectSorted(batches: readonly RecordBatch[]): void {
  let end = 0;
  for (const { offset, length } of batches.flatMap((batch) => rangesOf(batch))) {
    expect(offset).toBeGreaterThanOrEqual(end);
    end = offset + length;
  }
}

/** The ranges that are written, those that touch joined. */
function joined(batches: readonly RecordBatch[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const { offset, length } of batches.flatMap((batch) => rangesOf(batch))) {
    const last = runs.at(-1);
    if (last?.[1] === offset) last[1] = offset + length;
    else runs.push([offset, offset + length]);
  }
  return runs;
}

function sourceOf(batches: readonly RecordBatch[], isSorted: boolean, log: string[] = []): MergeSource {
  return {
    isSorted,
    name: 'stream',
    memory: 1000,
    size: 1000,
    open: () => flow(batches),
    close: () => void log.push('closed'),
  };
}

describe('laws', () => {
  it('apply(coalesce(s), D) = apply(s, D)', async () => {
    await fc.assert(
      fc.asyncProperty(anyOrder, limits, async (groups, given) => {
        const sorted = await collect(sortStream(flow(batchesOf(groups)), spill, { limits: given }));
        expectSorted(sorted);
        expect(isEqual(writeBatches(device, sorted), writeParts(device, groups.flat()))).toBe(true);
      }),
      { numRuns },
    );
  });

  it('coalesce(coalesce(s)) = coalesce(s)', async () => {
    await fc.assert(
      fc.asyncProperty(anyOrder, limits, async (groups, given) => {
        const once = await collect(sortStream(flow(batchesOf(groups)), spill));
        const twice = await collect(sortStream(flow(once), spill, { limits: given }));
        expect(joined(twice)).toEqual(joined(once));
        expect(isEqual(writeBatches(device, twice), writeBatches(device, once))).toBe(true);
      }),
      { numRuns },
    );
  });

  it('apply(merge(s, t, u), D) = apply(u, apply(t, apply(s, D))), whatever their order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyOrder, { maxLength: 5 }), limits, async (streams, given) => {
        const sources = streams.map((groups) => sourceOf(batchesOf(groups), false));
        const merged = await collect(mergeSources(sources, spill, { limits: given }));
        expectSorted(merged);
        expect(isEqual(writeBatches(device, merged), writeParts(device, streams.flat(2)))).toBe(true);
      }),
      { numRuns },
    );
  });

  it('a spilled merge equals one in memory, what is known of pieces too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(ascendingParts(true), { maxLength: 5 }), limits, async (streams, given) => {
        const options = { pieces: true } as const;
        const [ours, others] = [0, 1].map(() => streams.map((parts) => batchesOf([parts], true)));
        const withPieces = createSpill({ writing: codec, reading: codec, folder, pieces: true });
        const sources = ours!.map((batches, i) => sourceOf(batches, i % 2 === 0));
        const merged = await collect(mergeSources(sources, withPieces, { ...options, limits: given }));
        const inMemory = await collect(mergeStreams(others!.map(flow), options));
        expect(merged.flatMap(expectedPieces)).toEqual(inMemory.flatMap(expectedPieces));
        expect(isEqual(writeBatches(device, merged), writeBatches(device, inMemory))).toBe(true);
      }),
      { numRuns },
    );
  });

  it('the pieces of a disjoint stream keep what is known of them, in whatever order they come', async () => {
    await fc.assert(
      fc.asyncProperty(ascendingParts(true), fc.array(fc.nat()), limits, async (parts, keys, given) => {
        const shuffled = parts.toSorted(
          (a, b) => (keys[parts.indexOf(a)] ?? 0) - (keys[parts.indexOf(b)] ?? 0),
        );
        const withPieces = createSpill({ writing: codec, reading: codec, folder, pieces: true });
        const batches = batchesOf(
          shuffled.map((each) => [each]),
          true,
        );
        const sorted = await collect(sortStream(flow(batches), withPieces, { pieces: true, limits: given }));
        const expected = batchesOf([parts], true).flatMap(expectedPieces);
        expect(sorted.flatMap(expectedPieces)).toEqual(expected);
      }),
      { numRuns },
    );
  });
});

describe('sorting', () => {
  it('keeps zeros zeros, a tebibyte of them under data and over it', async () => {
    const tera = 2 ** 40;
    const data = (offset: number) => batchOf([{ offset, data: new Uint8Array(4096).fill(7) }]);
    const zeros: RecordBatch = { kind: 'zeros', ranges: [{ offset: 0, length: tera }] };
    const batches = [data(4096), zeros, data(tera - 8192)];
    const once = { memory: 2 ** 30, streams: 3, run: 1 };
    const sorted = await collect(sortStream(flow(batches), spill, { limits: once }));
    expectSorted(sorted);
    expect(joined(sorted)).toEqual([[0, tera]]);
    const ranges = sorted.filter(({ kind }) => kind === 'data').flatMap((batch) => rangesOf(batch));
    expect(ranges).toEqual([{ offset: tera - 8192, length: 4096 }]);
  });

  it('makes whole records of one that goes through several batches', async () => {
    const long = { offset: 1 << 20, data: new Uint8Array(3 << 20).map((_, i) => (i % 250) + 1) };
    const short = { offset: 0, data: new Uint8Array(4096).fill(9) };
    const { batches } = await openBytes(plainStream([long, short]));
    const sorted = await collect(sortStream(batches, spill, { limits: tight }));
    expect(sorted.some((batch) => batch.kind === 'data' && (batch.continues || batch.open))).toBe(false);
    expect(joined(sorted)).toEqual([
      [0, 4096],
      [1 << 20, 4 << 20],
    ]);
    expect(isEqual(writeBatches(new Uint8Array(4 << 20), sorted).subarray(1 << 20), long.data)).toBe(true);
  });

  it('takes few steps for many records over each other', async () => {
    const count = 50_000;
    const records = Array.from({ length: count }, (_, i) => ({
      offset: count - i,
      data: new Uint8Array(2).fill((i % 250) + 1),
    }));
    const sorted = await collect(sortStream(flow([batchOf(records)]), spill));
    const result = writeBatches(new Uint8Array(count + 2), sorted);
    expect(joined(sorted)).toEqual([[1, count + 2]]);
    expect(isEqual(result, applied(new Uint8Array(count + 2), records))).toBe(true);
  });

  it('spills nothing that fits in memory, and leaves nothing where it spills', async () => {
    const batches = () => [
      batchOf([{ offset: 8, data: Uint8Array.of(1) }]),
      batchOf([{ offset: 0, data: Uint8Array.of(2) }]),
    ];
    let spilled = 0;
    const counting: typeof spill = (...args) => {
      spilled += 1;
      return spill(...args);
    };
    await collect(sortStream(flow(batches()), counting));
    expect(spilled).toBe(0);
    await collect(sortStream(flow(batches()), counting, { limits: tight }));
    expect(spilled).toBeGreaterThan(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('closes all sources when one of them fails, and when nobody wants more', async () => {
    const batches = [batchOf([{ offset: 0, data: Uint8Array.of(1) }])];
    const failing: MergeSource = {
      ...sourceOf([], false),
      open: async function* () {
        yield* batches;
        throw new Error('damaged');
      },
    };
    const closed: string[] = [];
    const sources = [sourceOf(batches, true, closed), failing, sourceOf(batches, true, closed)];
    await expect(collect(mergeSources(sources, spill, { limits: tight }))).rejects.toThrow('damaged');
    expect(closed).toEqual(['closed', 'closed']);
    for await (const batch of mergeSources(
      [0, 1, 2, 3].map(() => sourceOf(batches, true, closed)),
      spill,
    )) {
      expect(batch).toBeDefined();
      break;
    }
    expect(closed).toHaveLength(6);
  });
});
