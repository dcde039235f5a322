import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RangeReader } from '#src/algebra/random-access.js';
import { Judge, type Verdict } from '#src/compare/verdict.js';
import type { RecordBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { ZERO_RECORD_SIZE } from '#src/format/layout.js';
import { PieceRunBuilder } from '#src/format/pieces.js';
import { RangeSet } from '#src/ranges/range-set.js';
import { batchOf, codec } from '../streams.js';
import { memoryDevice, readingDevice } from './memory-device.js';

/** The verdict on a device (§6.5) against its definition, piece by piece. */

const PIECE = 4096;
const SECTOR = 512;
const SPACE = 40 * SECTOR;

/** What a piece is made to hold; a mixture holds some sectors of each. */
type Held = 'base' | 'result' | 'mixture' | 'other';

/** A record, or the part of one that its batch holds. */
interface Segment {
  readonly gap: number;
  readonly length: number;
  readonly fill: number;
  /** It goes on with the record of the segment before it. */
  readonly continues: boolean;
  readonly startsBatch: boolean;
}

interface Case {
  readonly isZeros: boolean;
  readonly segments: readonly Segment[];
  readonly base: number;
  readonly size: number;
  readonly held: readonly Held[];
  readonly hasPieces: boolean;
  readonly known: readonly boolean[];
  readonly exempt: readonly Range[];
  readonly noted: boolean;
  readonly knowsHoles: boolean;
}

interface Piece extends Range {
  readonly record: number;
  readonly batch: number;
  readonly result: Uint8Array;
  readonly base: Uint8Array;
  readonly isKnown: boolean;
}

const segment = fc.record({
  gap: fc.constantFrom(0, 0, 512, 700, 5000),
  length: fc.oneof(fc.constantFrom(512, 1024, PIECE, 2 * PIECE), fc.integer({ min: 1, max: 9000 })),
  fill: fc.nat(2),
  continues: fc.boolean(),
  startsBatch: fc.boolean(),
});
/** In order but for one place, which one record may hold. */
const heldInOrder = fc
  .record({
    count: fc.nat(12),
    window: fc.constantFrom<Held[]>(['base'], ['mixture'], ['base', 'result'], ['base', 'base', 'result']),
  })
  .map(({ count, window }) => [
    ...new Array<Held>(count).fill('result'),
    ...window,
    ...new Array<Held>(12).fill('base'),
  ]);
const heldAnyhow = fc.array(fc.constantFrom<Held>('base', 'result', 'mixture', 'other'), {
  minLength: 25,
  maxLength: 25,
});
const heldOutOfOrder = fc.array(fc.constantFrom<Held>('base', 'result'), { minLength: 25, maxLength: 25 });
const cases: fc.Arbitrary<Case> = fc.record({
  isZeros: fc.boolean(),
  segments: fc.array(segment, { minLength: 1, maxLength: 5 }),
  base: fc.nat(1),
  size: fc.oneof(fc.constant(SPACE * 3), fc.nat(SPACE)),
  held: fc.oneof(heldInOrder, heldAnyhow, heldOutOfOrder),
  hasPieces: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
  known: fc.oneof(fc.constant([true]), fc.array(fc.boolean(), { minLength: 1, maxLength: 7 })),
  exempt: fc.array(fc.record({ offset: fc.nat(SPACE), length: fc.integer({ min: 1, max: SPACE }) }), {
    maxLength: 1,
  }),
  noted: fc.boolean(),
  knowsHoles: fc.boolean(),
});

const cyclic = <T>(list: readonly T[], i: number): T => list[i % list.length]!;

function piecesOfCase({ isZeros, segments, base, hasPieces, known }: Case): Piece[] {
  const pieces: Piece[] = [];
  let [at, record, batch] = [0, -1, -1];
  for (const [i, { gap, length, fill, continues, startsBatch }] of segments.entries()) {
    const goesOn = continues && i > 0 && !isZeros;
    if (goesOn || startsBatch || i === 0) batch++;
    if (!goesOn) record++;
    at += goesOn ? 0 : gap + (isZeros ? 1 : 0);
    for (const end = at + length; at < end;) {
      const next = Math.min(end, (Math.floor(at / PIECE) + 1) * PIECE);
      pieces.push({
        record,
        batch,
        offset: at,
        length: next - at,
        result: new Uint8Array(next - at).fill(isZeros ? 0 : fill),
        base: new Uint8Array(next - at).fill(base),
        isKnown: hasPieces && cyclic(known, pieces.length),
      });
      at = next;
    }
  }
  return pieces;
}

function hold({ base, size, held }: Case, pieces: readonly Piece[]): Uint8Array {
  const bytes = new Uint8Array(Math.max(size, SPACE * 3)).fill(base);
  const sectors = (piece: Piece) =>
    piece.base.map((byte, i) =>
      Math.floor((piece.offset + i) / SECTOR) % 2 === 0 ? byte : piece.result[i]!,
    );
  const bytesOf = {
    base: (piece: Piece) => piece.base,
    result: (piece: Piece) => piece.result,
    mixture: sectors,
  };
  for (const [i, piece] of pieces.entries()) {
    const kind = cyclic(held, i);
    bytes.set(kind === 'other' ? new Uint8Array(piece.length).fill(7) : bytesOf[kind](piece), piece.offset);
  }
  return bytes.slice(0, size);
}

/** Long zeros and holes are told from data by sectors. */
function device(bytes: Uint8Array, knowsHoles: boolean): RangeReader {
  function* allocated({ offset, length }: Range): Generator<Range> {
    for (let at = offset; at < offset + length;) {
      const end = Math.min(offset + length, (Math.floor(at / SECTOR) + 1) * SECTOR);
      if (bytes.subarray(at, end).some((byte) => byte !== 0)) yield { offset: at, length: end - at };
      at = end;
    }
  }
  return { ...memoryDevice(bytes), ...(knowsHoles ? { allocated } : {}) };
}

function batchesOf({ isZeros, hasPieces }: Case, pieces: readonly Piece[]): RecordBatch[] {
  const batches: RecordBatch[] = [];
  for (let batch = 0; batch <= pieces.at(-1)!.batch; batch++) {
    const inBatch = pieces.filter((piece) => piece.batch === batch);
    const ranges = segmentsOf(inBatch);
    const runs = hasPieces ? runsOf(inBatch) : undefined;
    if (isZeros) batches.push({ kind: 'zeros', ranges, pieces: runs });
    else {
      const continues = inBatch[0]!.record === pieces.findLast((piece) => piece.batch === batch - 1)?.record;
      const records = ranges.map(({ offset, pieces: parts }) => ({
        offset,
        data: Buffer.concat(parts.map(({ result }) => result)),
      }));
      const pooled = batchOf([...records, { offset: 3, data: Uint8Array.of(8) }], runs);
      batches.push({ ...pooled, count: records.length, continues } as RecordBatch);
    }
  }
  return batches;
}

function segmentsOf(pieces: readonly Piece[]): (Range & { readonly pieces: Piece[] })[] {
  const records = new Map<number, Piece[]>();
  for (const piece of pieces) records.set(piece.record, [...(records.get(piece.record) ?? []), piece]);
  return [...records.values()].map((parts) => ({
    offset: parts[0]!.offset,
    length: parts.reduce((sum, { length }) => sum + length, 0),
    pieces: parts,
  }));
}

function runsOf(pieces: readonly Piece[]): Uint8Array {
  const runs = new PieceRunBuilder();
  for (const { base, isKnown } of pieces) {
    if (!isKnown) runs.addUnknown(1);
    else if (base[0] === 0) runs.addZero(1);
    else runs.addDigest(codec.sha256(base));
  }
  return runs.takeSection();
}

/** The table of §6.5. */
function define({ size, exempt, noted }: Case, pieces: readonly Piece[], bytes: Uint8Array): Verdict {
  const vouched = (at: number) => exempt.some(({ offset, length }) => at >= offset && at < offset + length);
  const same = (a: Uint8Array, b: Uint8Array) => a.every((byte, i) => byte === b[i]);
  const judged = pieces.flatMap((piece) => {
    const held = bytes.subarray(piece.offset, piece.offset + piece.length);
    if (held.every((_, i) => vouched(piece.offset + i))) return [];
    const isCut = piece.offset + piece.length > size;
    const isKnown = piece.isKnown && (!isCut || piece.base[0] === 0);
    const isResult = same(held, piece.result);
    const isBase = !isKnown || same(held, piece.base);
    return [{ ...piece, held, isKnown, isResult, isBase }];
  });
  const unknownBytes = judged.reduce((sum, { isKnown, length }) => sum + (isKnown ? 0 : length), 0);
  const neither = judged.filter(({ isBase, isResult }) => !isBase && !isResult);
  const holdsSector = ({ held, offset, result }: (typeof judged)[number]) => {
    const sectors = new Map<number, boolean>();
    for (const [i, byte] of held.entries()) {
      const sector = Math.floor((offset + i) / SECTOR);
      sectors.set(sector, (sectors.get(sector) ?? true) && byte === result[i]);
    }
    return [...sectors.values()].includes(true);
  };
  const wrong = neither.find((piece) => !noted || !holdsSector(piece));
  if (wrong) return { kind: 'other', firstDifference: wrong.offset, unknownBytes };
  const of = (kind: Verdict['kind']): Verdict => ({ kind, firstDifference: undefined, unknownBytes });
  if (neither.length > 0) return of('interrupted');
  const allBase = judged.every(({ isBase }) => isBase);
  const allResult = judged.every(({ isResult }) => isResult);
  if (allBase || allResult) return of(allBase && allResult ? 'either' : allBase ? 'base' : 'result');
  const isPattern = judged.some(({ record: k }) =>
    judged.every(({ record, isBase, isResult }) => (record < k ? isResult : record > k ? isBase : true)),
  );
  return of(noted || isPattern ? 'interrupted' : 'partly');
}

describe('the verdict on a device', () => {
  it('is what the definition says', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(cases, async (made) => {
        const pieces = piecesOfCase(made);
        const bytes = hold(made, pieces);
        const exempt = made.exempt.length > 0 ? new RangeSet(codec.openScratch) : undefined;
        for (const range of made.exempt) exempt?.add(range);
        const judge = new Judge(device(bytes, made.knowsHoles), codec, { exempt, noted: made.noted });
        for (const batch of batchesOf(made, pieces)) await judge.add(batch);
        const verdict = define(made, pieces, bytes);
        seen.add(verdict.kind);
        expect(judge.verdict()).toEqual(verdict);
      }),
      { numRuns: 1000 },
    );
    expect([...seen].sort()).toEqual(['base', 'either', 'interrupted', 'other', 'partly', 'result']);
  });

  it('tells the records apart of a batch that goes on with one', async () => {
    const data = new Uint8Array(PIECE).fill(1);
    const runs = new PieceRunBuilder();
    const base = codec.sha256(new Uint8Array(PIECE).fill(9));
    const piecesOf = (count: number) => {
      for (let i = 0; i < count; i++) runs.addDigest(base);
      return runs.takeSection();
    };
    const device = Buffer.concat([1, 9, 1].map((byte) => Buffer.alloc(PIECE, byte)));
    const judge = new Judge(memoryDevice(device), codec);
    await judge.add(batchOf([{ offset: 0, data }], piecesOf(1)));
    const rest = [1, 2].map((block) => ({ offset: block * PIECE, data }));
    await judge.add({ ...batchOf(rest, piecesOf(2)), continues: true } as RecordBatch);
    expect(judge.verdict().kind).toBe('partly');
  });

  it('looks at the whole of a long record', async () => {
    const data = new Uint8Array(300 * PIECE).fill(1);
    const runs = new PieceRunBuilder();
    const base = codec.sha256(new Uint8Array(PIECE).fill(9));
    for (let i = 0; i < 300; i++) runs.addDigest(base);
    const batch = batchOf([{ offset: 0, data }], runs.takeSection());
    const device = data.slice();
    device[299 * PIECE] = 5;
    const judge = new Judge(memoryDevice(device), codec);
    await judge.add(batch);
    expect(judge.verdict()).toEqual({ kind: 'other', firstDifference: 299 * PIECE, unknownBytes: 0 });
  });

  it('takes each 16 MiB of zeros for a record', async () => {
    const half = ZERO_RECORD_SIZE / 2;
    const runs = new PieceRunBuilder();
    const base = codec.sha256(new Uint8Array(PIECE).fill(9));
    for (let i = 0; i < (4 * half) / PIECE; i++) runs.addDigest(base);
    const ranges = [{ offset: 0, length: 4 * half }];
    const zeros: RecordBatch = { kind: 'zeros', ranges, pieces: runs.takeSection() };
    const holding = async (zeroHalves: readonly number[]) => {
      const device = readingDevice(2 ** 40, 'memory', (target, offset) =>
        target.fill(zeroHalves.includes(Math.floor(offset / half)) ? 0 : 9),
      );
      const judge = new Judge(device, codec);
      await judge.add(zeros);
      return judge.verdict().kind;
    };
    expect(await holding([])).toBe('base');
    expect(await holding([0, 1, 3])).toBe('interrupted');
    expect(await holding([2, 3])).toBe('partly');
  });

  it('of zeros on zeros reads nothing of a device that has nothing there', async () => {
    const runs = new PieceRunBuilder();
    runs.addZero(ZERO_RECORD_SIZE / PIECE);
    const hole: RangeReader = {
      size: ZERO_RECORD_SIZE,
      name: 'hole',
      allocated: () => [],
      readSegments: () => {
        throw new Error('there is nothing to read');
      },
    };
    const judge = new Judge(hole, codec);
    await judge.add({
      kind: 'zeros',
      ranges: [{ offset: 0, length: ZERO_RECORD_SIZE }],
      pieces: runs.takeSection(),
    });
    expect(judge.verdict()).toEqual({ kind: 'either', firstDifference: undefined, unknownBytes: 0 });
  });
});
