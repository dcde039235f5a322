import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeStreams } from '#src/algebra/merge-streams.js';
import { sliceStream } from '#src/algebra/slice-stream.js';
import { rangesOf, type RecordBatch } from '#src/format/batch.js';
import { apply, type Batches, coalesced, collect, flow, recordsOf, SIZE, sorted } from './small-streams.js';
import type { Range } from '#src/ranges/range.js';
import { batchOf, openBytes, plainStream, type TestRecord } from '../streams.js';
import { ascendingParts, expectedPieces, type ExpectedPiece, sectionOf } from './records/parts.js';
import { BatchBuilder } from '#src/algebra/records/batch-builder.js';

/** The laws of section 7 of the specification that merging and slicing have to keep, on devices of 64 bytes. */

const numRuns = process.env['SLOW'] === '1' ? 10_000 : 200;
const merge = async (...streams: Batches[]) => collect(mergeStreams(streams.map(flow)));
const slice = async (stream: Batches, ...ranges: Range[]) => collect(sliceStream(flow(stream), ranges));

const written = (batches: Batches) => new Set(coalesced(batches).map(([at]) => at));
const device = Uint8Array.from({ length: SIZE }, (_, i) => 200 + i / 2);
const cut = fc
  .tuple(fc.nat(SIZE - 1), fc.nat(SIZE - 1))
  .map(([a, b]) => ({ offset: Math.min(a, b), length: Math.abs(a - b) + 1 }));

const law = (name: string, check: (s: Batches, t: Batches, u: Batches, range: Range) => Promise<void>) =>
  it(name, async () => {
    await fc.assert(fc.asyncProperty(sorted, sorted, sorted, cut, check), { numRuns });
  });

describe('laws', () => {
  law('apply(merge(s, t), D) = apply(t, apply(s, D))', async (s, t) => {
    expect(apply(await merge(s, t), device)).toEqual(apply(t, apply(s, device)));
  });
  law('merge of many = one after the other', async (s, t, u) => {
    expect(apply(await merge(s, t, u, s), device)).toEqual(apply(s, apply(u, apply(t, apply(s, device)))));
  });
  law('merge(merge(s, t), u) = merge(s, merge(t, u))', async (s, t, u) => {
    expect(coalesced(await merge(await merge(s, t), u))).toEqual(
      coalesced(await merge(s, await merge(t, u))),
    );
  });
  law('coalesce(merge(s, s)) = coalesce(s)', async (s) => {
    expect(coalesced(await merge(s, s))).toEqual(coalesced(s));
  });
  law('merge(s, ∅) = merge(∅, s) = s', async (s) => {
    expect(coalesced(await merge(s, []))).toEqual(coalesced(s));
    expect(coalesced(await merge([], s))).toEqual(coalesced(s));
  });
  law('S(merge(s, t)) = S(s) ∪ S(t)', async (s, t) => {
    expect(written(await merge(s, t))).toEqual(new Set([...written(s), ...written(t)].sort((a, b) => a - b)));
  });
  law('apply(slice(s, R), D) = apply(s, D) in R, D elsewhere', async (s, _, __, range) => {
    const expected = device.slice();
    const end = range.offset + range.length;
    expected.set(apply(s, device).subarray(range.offset, end), range.offset);
    expect(apply(await slice(s, range), device)).toEqual(expected);
  });
  law('slice(merge(s, t), R) = merge(slice(s, R), slice(t, R))', async (s, t, _, range) => {
    const one = await slice(await merge(s, t), range);
    expect(coalesced(one)).toEqual(coalesced(await merge(await slice(s, range), await slice(t, range))));
  });
  law('merge(slice(s, R), slice(s, R′)) = s', async (s, _, __, { offset, length }) => {
    const rest = [
      { offset: 0, length: offset },
      { offset: offset + length, length: SIZE },
    ].filter((range) => range.length > 0);
    const parts = [await slice(s, { offset, length }), await slice(s, ...rest)] as const;
    expect(coalesced(await merge(...parts))).toEqual(coalesced(s));
  });
  law('merge(s, t) = merge(t, s) where they write nothing in common', async (s, t, _, range) => {
    const apart = await slice(t, range);
    const end = range.offset + range.length;
    const other = [
      { offset: 0, length: range.offset },
      { offset: end, length: SIZE },
    ].filter(({ length }) => length > 0);
    const [a, b] = [await slice(s, ...other), apart] as const;
    expect(coalesced(await merge(a, b))).toEqual(coalesced(await merge(b, a)));
  });
});

describe('a merge', () => {
  law('is sorted, and touches no byte twice', async (s, t, u) => {
    let end = 0;
    for (const { offset, data } of recordsOf(await merge(s, t, u))) {
      expect(offset).toBeGreaterThanOrEqual(end);
      end = offset + data.length;
    }
  });

  law('leaves out what lies past the end', async (s, t, _, { offset: end }) => {
    const merged = await collect(mergeStreams([flow(s), flow(t)], { end }));
    const all = coalesced(await merge(s, t)).filter(([at]) => at < end);
    expect(coalesced(merged)).toEqual(all);
  });

  it('passes a batch through that no other stream touches', async () => {
    const one = batchOf([{ offset: 0, data: Uint8Array.of(1, 2) }]);
    const other = batchOf([{ offset: 2, data: Uint8Array.of(3) }]);
    expect(await merge([one], [other])).toEqual([one, other]);
    const [first] = await merge([one], [other]);
    expect(first).toBe(one);
  });

  it('makes whole records of one that goes through several batches', async () => {
    const data = new Uint8Array(3 << 20).map((_, i) => (i % 250) + 1);
    const length = data.length;
    const expected = (patch: TestRecord) => {
      const result = data.slice();
      result.set(patch.data, patch.offset);
      return result;
    };
    for (const offset of [4096, (1 << 20) + 4096, (2 << 20) + 5]) {
      const patch = { offset, data: new Uint8Array(4096).fill(255) };
      const { batches } = await openBytes(plainStream([{ offset: 0, data }]));
      const merged = await collect(mergeStreams([batches, flow([batchOf([patch])])]));
      const cut = merged.filter((batch) => batch.kind === 'data' && (batch.continues || batch.open));
      expect(cut).toEqual([]);
      const result = apply(merged, new Uint8Array(length));
      expect(Buffer.compare(result, expected(patch))).toBe(0);
    }
  });

  it('keeps zeros zeros, whatever lies beside them', async () => {
    const tera = 2 ** 40;
    const zeros: RecordBatch = { kind: 'zeros', ranges: [{ offset: 0, length: tera }] };
    const data = batchOf([{ offset: 2 ** 39, data: new Uint8Array(4096).fill(7) }]);
    const merged = await merge([zeros], [data]);
    const sum = (kind: RecordBatch['kind']) =>
      merged
        .filter((batch) => batch.kind === kind)
        .flatMap((batch) => rangesOf(batch))
        .reduce((all, { length }) => all + length, 0);
    expect([sum('zeros'), sum('data')]).toEqual([tera - 4096, 4096]);
  });

  it('ends all streams when one of them fails', async () => {
    const ended: string[] = [];
    const stream = async function* (name: string, error?: Error): AsyncGenerator<RecordBatch> {
      try {
        yield batchOf([{ offset: 0, data: Uint8Array.of(1) }]);
        if (error) throw error;
        yield batchOf([{ offset: 9, data: Uint8Array.of(1) }]);
      } finally {
        ended.push(name);
      }
    };
    const merging = collect(mergeStreams([stream('s'), stream('t', new Error('damaged'))]));
    await expect(merging).rejects.toThrow('damaged');
    expect(ended.toSorted()).toEqual(['s', 't']);
  });
});

/** What a stream says of the pieces that hold a byte, at the ends of each of its pieces. */
const knownAt = (pieces: readonly ExpectedPiece[], at: number) =>
  pieces.find(({ offset, length }) => offset <= at && at < offset + length);

describe('the pieces of a merge', () => {
  it('have the digest that they have in the oldest stream which writes there, if they are whole pieces of it', async () => {
    await fc.assert(
      fc.asyncProperty(ascendingParts(true), ascendingParts(true), async (s, t) => {
        const batchesOf = (parts: typeof s) => {
          const builder = new BatchBuilder({ pieces: true });
          for (const each of parts) builder.add(each);
          return builder.finish();
        };
        const [one, other] = [batchesOf(s), batchesOf(t)];
        const [before, after] = [one.flatMap(expectedPieces), other.flatMap(expectedPieces)];
        const merged = await collect(mergeStreams([flow(one), flow(other)], { pieces: true }));
        for (const { offset, length, expected } of merged.flatMap(expectedPieces)) {
          const source = knownAt(before, offset) ?? knownAt(after, offset)!;
          const isWhole = source.offset === offset && source.length === length;
          if (typeof expected === 'number') expect([isWhole, source.expected]).toEqual([true, expected]);
          else if (expected === 'zero') expect(source.expected).toBe('zero');
          else expect(isWhole && source.expected !== 'unknown').toBe(false);
        }
      }),
      { numRuns: numRuns / 4 },
    );
  });

  it('all survive where every record is made of whole blocks', async () => {
    const blocks = (...numbers: number[]) => [
      {
        ...batchOf(numbers.map((n) => ({ offset: n * 4096, data: new Uint8Array(4096).fill(n + 1) }))),
        pieces: sectionOf(numbers.map((n) => n + 100)),
      },
    ];
    const [s, t] = [blocks(1, 3, 5), blocks(2, 3, 4, 15)];
    const merged = await collect(mergeStreams([flow(s), flow(t)], { pieces: true }));
    const pieces = merged.flatMap(expectedPieces);
    expect(pieces.map(({ offset, expected }) => [offset / 4096, expected])).toEqual([
      [1, 101],
      [2, 102],
      [3, 103],
      [4, 104],
      [5, 105],
      [15, 115],
    ]);
  });
});
