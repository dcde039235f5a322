import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RangeReader } from '#src/algebra/random-access.js';
import { ResultComparison } from '#src/compare/result-comparison.js';
import { createPieceDigester } from '#src/compare/digest-pieces.js';
import { endOf, surveyHeaders, surveyStream } from '#src/compare/survey.js';
import { createBufferPool, rangesOf, type RecordBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { MIN_ZERO_RUN } from '#src/format/layout.js';
import { decodePieceRuns, PIECE_RUNS } from '#src/format/pieces.js';
import { batchOf, codec, plainStream } from '../streams.js';
import { memoryDevice, readingDevice } from './memory-device.js';

/** What a device holds, compared with a stream in one pass over it, against the definitions byte by byte. */

const SPACE = 300;
const PIECE = 4096;

interface Written {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Few values, so that bytes are equal often. */
const bytes = (maxLength: number) => fc.uint8Array({ minLength: 1, maxLength, max: 1 });
const heldBytes = fc.uint8Array({ minLength: SPACE - 50, maxLength: SPACE, max: 1 });
const record: fc.Arbitrary<Written> = fc.record({ offset: fc.nat(SPACE), data: bytes(200) });
const groups = fc.array(
  fc.record({ records: fc.array(record, { minLength: 1, maxLength: 3 }), isZeros: fc.boolean() }),
  { minLength: 1, maxLength: 4 },
);
type Group = typeof groups extends fc.Arbitrary<(infer G)[]> ? G : never;

function batchFor({ records, isZeros }: Group): RecordBatch {
  if (isZeros)
    return { kind: 'zeros', ranges: records.map(({ offset, data }) => ({ offset, length: data.length })) };
  const pooled = batchOf([...records, { offset: 5 * SPACE, data: Uint8Array.of(3) }]);
  return { ...pooled, count: records.length } as RecordBatch;
}

const writtenBy = (all: readonly Group[]): Written[] =>
  all.flatMap(({ records, isZeros }) =>
    records.map(({ offset, data }) => ({ offset, data: isZeros ? new Uint8Array(data.length) : data })),
  );

/** Holes are told by blocks of 64 bytes. */
function sparse(held: Uint8Array): RangeReader {
  function* allocated({ offset, length }: Range): Generator<Range> {
    for (let at = offset; at < offset + length;) {
      const end = Math.min(offset + length, (Math.floor(at / 64) + 1) * 64);
      if (held.subarray(at, end).some((byte) => byte !== 0)) yield { offset: at, length: end - at };
      at = end;
    }
  }
  return { ...memoryDevice(held), allocated };
}

async function* stream(batches: readonly RecordBatch[]): AsyncGenerator<RecordBatch> {
  yield* batches;
}

/** Neighbouring bytes as ranges. */
function rangesAt(places: readonly number[]): Range[] {
  const ranges: { offset: number; length: number }[] = [];
  for (const at of places) {
    const last = ranges.at(-1);
    if (last && last.offset + last.length === at) last.length++;
    else ranges.push({ offset: at, length: 1 });
  }
  return ranges;
}

describe('a device compared with the result of a stream', () => {
  const compare = async (device: RangeReader, order: 'given' | 'disjoint', all: readonly RecordBatch[]) => {
    const comparison = new ResultComparison(device, order, codec.openScratch);
    for (const batch of all) await comparison.add(batch);
    return comparison.result();
  };

  it('differs where the last record of a byte wants another one', async () => {
    await fc.assert(
      fc.asyncProperty(groups, heldBytes, fc.boolean(), async (all, held, isSparse) => {
        const wanted = new Map<number, number>();
        for (const { offset, data } of writtenBy(all))
          for (const [i, byte] of data.entries()) wanted.set(offset + i, byte);
        const places = [...wanted]
          .filter(([at, byte]) => at < held.length && held[at] !== byte)
          .map(([at]) => at);
        const device = isSparse ? sparse(held) : memoryDevice(held);
        const pastEnd = writtenBy(all).reduce(
          (sum, { offset, data }) =>
            sum + Math.max(0, Math.min(data.length, offset + data.length - held.length)),
          0,
        );
        const ranges = rangesAt(places.sort((a, b) => a - b));
        expect(await compare(device, 'given', all.map(batchFor))).toEqual({
          differentBytes: places.length,
          first: ranges.slice(0, 8),
          pastEnd,
        });
      }),
      { numRuns: 300 },
    );
  });

  it.each(['given', 'disjoint'] as const)('shows the first eight places, order %s', async (order) => {
    const held = new Uint8Array(100);
    const data = Uint8Array.from({ length: 100 }, (_, i) => (i < 60 ? i % 3 : 0));
    const { differentBytes, first } = await compare(memoryDevice(held), order, [
      batchOf([{ offset: 0, data }]),
    ]);
    expect(differentBytes).toBe(40);
    expect(first).toEqual([...Array(8).keys()].map((i) => ({ offset: 3 * i + 1, length: 2 })));
  });

  it('shows the places in the order in which it finds them, of a stream that writes no byte twice', async () => {
    const batch = batchOf([30, 10].map((offset) => ({ offset, data: Uint8Array.of(1) })));
    const first = [30, 10].map((offset) => ({ offset, length: 1 }));
    expect((await compare(memoryDevice(new Uint8Array(40)), 'disjoint', [batch])).first).toEqual(first);
  });

  it('reads no holes where zeros are wanted', async () => {
    const hole: RangeReader = {
      size: 2 ** 40,
      name: 'hole',
      allocated: () => [],
      readSegments: () => {
        throw new Error('there is nothing to read');
      },
    };
    const result = await compare(hole, 'disjoint', [
      { kind: 'zeros', ranges: [{ offset: 0, length: 2 ** 30 }] },
    ]);
    expect(result).toEqual({ differentBytes: 0, first: [], pastEnd: 0 });
  });
});

describe('a survey', () => {
  it('tells the order, the end and what is past the end of the device', async () => {
    const pool = createBufferPool();
    await fc.assert(
      fc.asyncProperty(groups, fc.nat(2 * SPACE), async (all, size) => {
        const written = writtenBy(all);
        const end = (each: Written) => each.offset + each.data.length;
        const isSorted = written.every((each, i) => i === 0 || each.offset >= end(written[i - 1]!));
        const high = Math.max(...written.map(end));
        const pastEnd = written.flatMap(({ offset, data }) =>
          [...data.keys()].filter((i) => offset + i >= size),
        ).length;
        const seen: Range[] = [];
        const survey = await surveyStream(stream(all.map(batchFor)), codec, {
          size,
          onBatch: async (batch) => void seen.push(...rangesOf(batch)),
        });
        expect(survey).toEqual({ isSorted, high, pastEnd, verdict: undefined });
        expect(seen).toEqual(written.map(({ offset, data }) => ({ offset, length: data.length })));
        expect(all.map(batchFor).map(endOf)).toEqual(all.map(({ records }) => Math.max(...records.map(end))));
        const file = plainStream(written);
        const readAt = async (target: Uint8Array, position: number) => {
          target.set(file.subarray(position, position + target.length));
        };
        const dialect = { version: 3, byteOrder: 'big', units: 'bytes' } as const;
        const plain = await surveyHeaders({ size: file.length, readAt }, 17, dialect, size);
        expect(plain).toEqual({ isSorted, high, pastEnd, verdict: undefined });
      }),
      { numRuns: 200 },
    );
    const batch = {
      ...batchOf([{ offset: 0, data: Uint8Array.of(1) }]),
      bytes: pool.take(),
      pool,
    } as RecordBatch;
    const { pastEnd } = await surveyStream(stream([batch]), codec);
    expect(pastEnd).toBe(0);
    expect(pool.take().buffer).toBe(batch.kind === 'data' && batch.bytes.buffer);
  });

  it('takes records that touch for sorted', async () => {
    const records = [0, 2, 4].map((offset) => ({ offset, data: Uint8Array.of(1, 1) }));
    const file = plainStream(records);
    const readAt = async (target: Uint8Array, position: number) => {
      target.set(file.subarray(position, position + target.length));
    };
    const dialect = { version: 3, byteOrder: 'big', units: 'bytes' } as const;
    expect((await surveyHeaders({ size: file.length, readAt }, 17, dialect, 6)).isSorted).toBe(true);
  });

  it('compares when it is asked to, but for what is exempt or noted', async () => {
    const batch = batchOf([{ offset: 0, data: new Uint8Array(PIECE).fill(1) }]);
    const pieces = await createPieceDigester(memoryDevice(new Uint8Array(PIECE).fill(9)), codec)(batch);
    const torn = new Uint8Array(PIECE).fill(7).fill(1, 0, 512);
    const survey = async (noted: boolean) =>
      (await surveyStream(stream([{ ...batch, pieces }]), codec, { device: memoryDevice(torn), noted }))
        .verdict?.kind;
    expect([await survey(false), await survey(true)]).toEqual(['other', 'interrupted']);
  });
});

describe('piece digests', () => {
  const LONG = MIN_ZERO_RUN + 3 * PIECE;
  const ranges = fc.array(
    fc.oneof(
      fc.record({ offset: fc.nat(LONG), length: fc.integer({ min: 1, max: 3 * PIECE }) }),
      fc.record({ offset: fc.nat(2 * PIECE), length: fc.integer({ min: MIN_ZERO_RUN, max: LONG }) }),
    ),
    { minLength: 1, maxLength: 2 },
  );
  const stretches = fc.array(fc.record({ at: fc.nat(2 * LONG), length: fc.nat(2 * PIECE) }), {
    maxLength: 4,
  });

  it('are of what the device holds in each piece', async () => {
    await fc.assert(
      fc.asyncProperty(ranges, stretches, fc.boolean(), async (asked, data, isSparse) => {
        const held = new Uint8Array(3 * LONG);
        for (const { at, length } of data) held.fill(5, at, at + length);
        const digest = createPieceDigester(isSparse ? sparse(held) : memoryDevice(held), codec);
        await digest({ kind: 'zeros', ranges: [{ offset: 0, length: 9000 }] });
        const section = await digest({ kind: 'zeros', ranges: asked });
        expect(decoded(section)).toEqual(asked.flatMap((range) => defined(range, held)));
      }),
      { numRuns: 100 },
    );
  });

  it('of much data are read by 1 MiB', async () => {
    const size = (3 << 20) + 100;
    const held = Uint8Array.from({ length: size + 50 }, (_, i) => 1 + (Math.floor(i / PIECE) % 200));
    let most = 0;
    const device = readingDevice(held.length, 'memory', (target, offset) => {
      most = Math.max(most, target.length);
      target.set(held.subarray(offset, offset + target.length));
    });
    const range = { offset: 50, length: size };
    const section = await createPieceDigester(device, codec)({ kind: 'zeros', ranges: [range] });
    expect(decoded(section)).toEqual(defined(range, held));
    expect(most).toBeLessThanOrEqual(1 << 20);
    expect(most).toBeGreaterThan(1 << 19);
  });

  function decoded(section: Uint8Array): string[] {
    return [...decodePieceRuns(section, 0)].flatMap(({ kind, count, digests }) =>
      [...Array(count).keys()].map((i) =>
        kind === PIECE_RUNS.digests
          ? Buffer.from(digests.subarray(16 * i, 16 * (i + 1))).toString('hex')
          : 'zero',
      ),
    );
  }

  function defined({ offset, length }: Range, held: Uint8Array): string[] {
    const pieces: string[] = [];
    for (let at = offset; at < offset + length;) {
      const end = Math.min(offset + length, (Math.floor(at / PIECE) + 1) * PIECE);
      const piece = held.subarray(at, end);
      const digest = Buffer.from(codec.sha256(piece).subarray(0, 16)).toString('hex');
      pieces.push(piece.every((byte) => byte === 0) ? 'zero' : digest);
      at = end;
    }
    return pieces;
  }
});
