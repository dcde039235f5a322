import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchBuilder, copySegments } from '#src/algebra/records/batch-builder.js';
import type { RecordPart } from '#src/algebra/records/record-cursor.js';
import { createBufferPool, type DataBatch, rangesOf, type RecordBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { countPieces, decodePieceRuns } from '#src/format/pieces.js';
import { batchOf } from '../../streams.js';
import {
  ascendingParts,
  DEVICE_SIZE,
  expectedPieces,
  isEqual,
  knowledge,
  learned,
  part,
  piecesOfParts,
  sectionOf,
  writeBatches,
  writeParts,
} from './parts.js';

const numRuns = process.env['SLOW'] === '1' ? 5000 : 50;
const device = new Uint8Array(DEVICE_SIZE).fill(0xaa);
const poolSize = fc.constantFrom(2000, 4200, 10_000, 1 << 20);

function build(parts: readonly RecordPart[], size: number, pieces = false): RecordBatch[] {
  const builder = new BatchBuilder({ pool: createBufferPool(size), pieces });
  const batches = parts.flatMap((each) => {
    builder.add(each);
    return builder.take();
  });
  return [...batches, ...builder.finish()];
}

/** The records that a batch's bytes hold, read without its arrays. */
function recordsIn({ bytes }: DataBatch): Range[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const records: Range[] = [];
  for (let at = 0; at < bytes.length;) {
    const record = { offset: Number(view.getBigUint64(at)), length: view.getUint32(at + 8) };
    records.push(record);
    at += 12 + record.length;
  }
  return records;
}

const touching = (ranges: readonly Range[]): Range[] =>
  ranges.slice(1).filter(({ offset }, i) => offset === ranges[i]!.offset + ranges[i]!.length);

describe('what is built of parts', () => {
  it('writes what they do, in their order, overlapping or not', () => {
    fc.assert(
      fc.property(fc.array(part(false), { maxLength: 12 }), poolSize, (parts, size) => {
        expect(isEqual(writeBatches(device, build(parts, size)), writeParts(device, parts))).toBe(true);
      }),
      { numRuns },
    );
  });

  it('is whole records that the bytes and the arrays tell alike, no batch of them larger than a buffer', () => {
    fc.assert(
      fc.property(fc.array(part(false), { maxLength: 12 }), poolSize, (parts, size) => {
        for (const batch of build(parts, size)) {
          if (batch.kind === 'zeros') continue;
          expect([batch.continues, batch.open]).toEqual([false, false]);
          expect(recordsIn(batch)).toEqual(rangesOf(batch));
          expect(batch.bytes.length).toBeLessThanOrEqual(size);
        }
      }),
      { numRuns },
    );
  });

  it('has no two records in a batch, and no two ranges, that touch', () => {
    fc.assert(
      fc.property(ascendingParts(false), poolSize, (parts, size) => {
        for (const batch of build(parts, size))
          expect(touching(batch.kind === 'zeros' ? batch.ranges : rangesOf(batch))).toEqual([]);
      }),
      { numRuns },
    );
  });

  it('says of pieces what the parts say, all of it where nothing is cut', () => {
    fc.assert(
      fc.property(ascendingParts(true), (parts) => {
        const built = build(parts, 1 << 20, true).flatMap(expectedPieces);
        for (const [given, known] of knowledge(piecesOfParts(parts), built)) expect(known).toBe(given);
      }),
      { numRuns },
    );
  });

  it('says nothing of a piece that is cut, but that it is zeros', () => {
    fc.assert(
      fc.property(ascendingParts(true), poolSize, (parts, size) => {
        const built = build(parts, size, true).flatMap(expectedPieces);
        expect(learned(piecesOfParts(parts), built)).toEqual([]);
      }),
      { numRuns },
    );
  });

  it('says of each piece that nobody knows where parts say nothing', () => {
    const [batch] = build([{ offset: 5000, length: 4096, bytes: undefined, pieces: undefined }], 100, true);
    expect(batch!.pieces).toEqual(sectionOf(['unknown', 'unknown']));
  });
});

describe('a batch that is passed', () => {
  it('comes out as it is, in its place', () => {
    const builder = new BatchBuilder();
    const passed = batchOf([{ offset: 10, data: Uint8Array.of(1) }]);
    builder.addZeros({ offset: 0, length: 10 });
    builder.pass(passed);
    builder.addData(11, Uint8Array.of(2));
    const batches = [...builder.take(), ...builder.finish()];
    expect(batches[1]).toBe(passed);
    expect(batches.map((batch) => rangesOf(batch)[0])).toEqual([
      { offset: 0, length: 10 },
      { offset: 10, length: 1 },
      { offset: 11, length: 1 },
    ]);
  });

  it('is given runs of pieces where it has none and all have', () => {
    const builder = new BatchBuilder({ pieces: true });
    builder.pass(batchOf([{ offset: 0, data: new Uint8Array(5000) }]));
    expect(builder.take()[0]!.pieces).toEqual(sectionOf(['unknown', 'unknown']));
  });
});

describe('zeros', () => {
  const MiB = 1 << 20;

  it('that touch become one range, up to what a zero frame holds', () => {
    const builder = new BatchBuilder();
    for (let at = 0; at < 2048; at += 16) builder.addZeros({ offset: at * MiB, length: 16 * MiB });
    const ranges = builder.finish().flatMap((batch) => rangesOf(batch));
    const batches = build(
      Array.from({ length: 128 }, (_, i) => ({
        offset: i * 16 * MiB,
        length: 16 * MiB,
        bytes: undefined,
        pieces: undefined,
      })),
      100,
    );
    expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBe(2048 * MiB);
    expect(batches.map((batch) => batch.kind === 'zeros' && batch.ranges)).toEqual([
      [{ offset: 0, length: 1008 * MiB }],
      [{ offset: 1008 * MiB, length: 1008 * MiB }],
      [{ offset: 2016 * MiB, length: 32 * MiB }],
    ]);
  });

  it.each([0, 100])('keep their pieces when they are too many for one frame, from byte %i on', (shift) => {
    const parts = (['zero', 'unknown', 'zero'] as const).map((expected, i): RecordPart => {
      const range = { offset: shift + i * 700 * MiB, length: 700 * MiB };
      const pieces = sectionOf(expectedPieces({ kind: 'zeros', ranges: [range] }).map(() => expected));
      return { ...range, bytes: undefined, pieces };
    });
    const built = build(parts, 100, true);
    expect(built.length).toBeGreaterThan(1);
    for (const batch of built) expect(countOf(batch.pieces!)).toBe(countPieces(batch));
    expect(runsOf(built.map(({ pieces }) => pieces!))).toEqual(runsOf(parts.map(({ pieces }) => pieces!)));
  });
});

/** The kinds of runs in sections, neighbours of one kind as one. */
function runsOf(sections: readonly Uint8Array[]): { kind: number; count: number }[] {
  const runs: { kind: number; count: number }[] = [];
  for (const { kind, count } of sections.flatMap((section) => [...decodePieceRuns(section, 0)])) {
    const last = runs.at(-1);
    if (last?.kind === kind) last.count += count;
    else runs.push({ kind, count });
  }
  return runs;
}

const countOf = (section: Uint8Array): number => runsOf([section]).reduce((sum, { count }) => sum + count, 0);

it('a copy of some segments holds them as they stand', () => {
  fc.assert(
    fc.property(ascendingParts(false), fc.nat(), fc.nat(), (parts, one, other) => {
      const data = parts.filter(({ bytes }) => bytes);
      if (data.length === 0) return;
      const batch = batchOf(data.map(({ offset, bytes }) => ({ offset, data: bytes! }))) as DataBatch;
      const [a, b] = [one % data.length, other % data.length];
      const [first, end] = [Math.min(a, b), Math.max(a, b) + 1];
      const copy = copySegments(batch, first, end);
      expect(rangesOf(copy)).toEqual(rangesOf(batch).slice(first, end));
      expect(recordsIn(copy)).toEqual(rangesOf(copy));
      expect(isEqual(writeBatches(device, [copy]), writeParts(device, data.slice(first, end)))).toBe(true);
    }),
    { numRuns },
  );
});
