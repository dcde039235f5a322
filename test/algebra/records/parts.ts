import fc from 'fast-check';
import type { RecordPart } from '#src/algebra/records/record-cursor.js';
import { rangesOf, type RecordBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import {
  countRangePieces,
  decodePieceRuns,
  PIECE_RUNS,
  PieceRunBuilder,
  piecesOf,
} from '#src/format/pieces.js';

/** Parts of records on a device of sixteen blocks, and what a batch says of their pieces, in a form that can be compared. */

export const DEVICE_SIZE = 1 << 16;

/** What the device must hold at a piece: `zero`, `unknown`, or the first byte of its digest, which tests make different. */
export type Expected = 'zero' | 'unknown' | number;

export interface ExpectedPiece extends Range {
  readonly expected: Expected;
}

export const expectations: fc.Arbitrary<Expected> = fc.oneof(
  fc.constantFrom('zero' as const, 'unknown' as const),
  fc.integer({ min: 1, max: 255 }),
);

/** Offsets and lengths of which many lie on blocks, and many touch. */
const place = fc.oneof(
  fc.nat({ max: 15 }).map((block) => block * 4096),
  fc.nat({ max: DEVICE_SIZE - 1 }),
);

/** A part of data or zeros; `pieces` says something of each piece. */
export const part = (pieces: boolean): fc.Arbitrary<RecordPart> =>
  fc
    .record({ from: place, to: place, zero: fc.boolean(), seed: fc.integer({ min: 1, max: 255 }) })
    .chain(({ from, to, zero, seed }): fc.Arbitrary<RecordPart> => {
      const offset = Math.min(from, to);
      const length = Math.max(from, to) - offset || 1;
      const bytes = zero ? undefined : new Uint8Array(length).map((_, i) => ((seed + i * 7) % 255) + 1);
      const count = countRangePieces({ offset, length });
      return pieces
        ? fc
            .array(expectations, { minLength: count, maxLength: count })
            .map((expected) => ({ offset, length, bytes, pieces: sectionOf(expected) }))
        : fc.constant({ offset, length, bytes, pieces: undefined });
    });

/** Parts that follow each other on the device and often touch. */
export const ascendingParts = (pieces: boolean): fc.Arbitrary<RecordPart[]> =>
  fc.array(part(pieces), { maxLength: 12 }).map((parts) => {
    let end = 0;
    return parts
      .toSorted((a, b) => a.offset - b.offset)
      .filter(({ offset, length }) => {
        if (offset < end) return false;
        end = offset + length;
        return true;
      });
  });

export function sectionOf(expected: readonly Expected[]): Uint8Array {
  const runs = new PieceRunBuilder();
  for (const each of expected) {
    if (each === 'zero') runs.addZero(1);
    else if (each === 'unknown') runs.addUnknown(1);
    else runs.addDigest(new Uint8Array(16).fill(each));
  }
  return runs.takeSection();
}

function expectedOf(section: Uint8Array): Expected[] {
  return [...decodePieceRuns(section, 0)].flatMap(({ kind, count, digests }) =>
    Array.from({ length: count }, (_, i): Expected => {
      if (kind === PIECE_RUNS.digests) return digests[i * 16]!;
      return kind === PIECE_RUNS.zero ? 'zero' : 'unknown';
    }),
  );
}

/** What a batch, or a part seen as one, says of its pieces. Fails where their number is wrong. */
export function expectedPieces(batch: RecordBatch): ExpectedPiece[] {
  const ranges = [...piecesOf(batch)];
  const expected = batch.pieces ? expectedOf(batch.pieces) : ranges.map((): Expected => 'unknown');
  if (expected.length !== ranges.length)
    throw new Error(`${expected.length} expectations of ${ranges.length} pieces`);
  return ranges.map((range, i) => ({ ...range, expected: expected[i]! }));
}

export function piecesOfParts(parts: readonly RecordPart[]): ExpectedPiece[] {
  return parts.flatMap(({ offset, length, pieces }) =>
    expectedPieces({ kind: 'zeros', ranges: [{ offset, length }], pieces }),
  );
}

/** What is known of a byte: zeros wherever a piece says so, a digest of exactly the range that it was made of, or nothing. */
function knownAt(pieces: readonly ExpectedPiece[], at: number): string | undefined {
  const piece = pieces.find(({ offset, length }) => offset <= at && at < offset + length);
  if (!piece) return undefined;
  const { offset, length, expected } = piece;
  return typeof expected === 'number' ? `${expected} at ${offset}+${length}` : expected;
}

/** What both know of the bytes at the ends of all pieces of either, which must be of the same bytes. */
export function knowledge(
  one: readonly ExpectedPiece[],
  other: readonly ExpectedPiece[],
): [string | undefined, string | undefined][] {
  const places = [...one, ...other].flatMap(({ offset, length }) => [offset, offset + length - 1]);
  return places.map((at) => [knownAt(one, at), knownAt(other, at)]);
}

/** Where something else is known than before, or less where no piece was cut. */
export function learned(
  given: readonly ExpectedPiece[],
  made: readonly ExpectedPiece[],
): [string | undefined, string | undefined][] {
  return knowledge(given, made).filter(
    ([before, after]) =>
      after !== before && !(after === 'unknown' && before !== undefined && before !== 'zero'),
  );
}

export function writeParts(device: Uint8Array, parts: readonly RecordPart[]): Uint8Array {
  const result = device.slice();
  for (const { offset, length, bytes } of parts) result.set(bytes ?? new Uint8Array(length), offset);
  return result;
}

/** Writes what the arrays of batches say. */
export function writeBatches(device: Uint8Array, batches: readonly RecordBatch[]): Uint8Array {
  const result = device.slice();
  for (const batch of batches)
    rangesOf(batch).forEach(({ offset, length }, i) => {
      const bytes =
        batch.kind === 'zeros'
          ? new Uint8Array(length)
          : batch.bytes.subarray(batch.positions[i], batch.positions[i]! + length);
      result.set(bytes, offset);
    });
  return result;
}

export function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
