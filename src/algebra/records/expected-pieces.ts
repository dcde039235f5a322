import { piecesOf, decodePieceRuns, PIECE_RUNS } from '../../format/pieces.js';
import type { RecordBatch } from '../../format/batch.js';
import type { Range } from '../../ranges/range.js';
import { PIECE_DIGEST_SIZE } from '../../format/layout.js';

/** What the device must hold at a piece: zeros, bytes with this digest (16 bytes), or nobody knows. */
export type Expected = 'unknown' | 'zero' | Uint8Array;

/** A piece of a batch and what the stream expects there. */
export interface ExpectedPiece {
  readonly range: Range;
  readonly expected: Expected;
}

/** The pieces of a batch that carries its base digests, in order; all unknown of one that does not. */
export function* expectedPieces(batch: RecordBatch): Generator<ExpectedPiece, undefined> {
  const expectations = expectationsOf(batch);
  for (const range of piecesOf(batch)) {
    const { done, value } = expectations.next();
    yield { range, expected: done === true ? 'unknown' : value };
  }
  return undefined;
}

function* expectationsOf({ pieces }: RecordBatch): Generator<Expected, undefined> {
  if (!pieces) return;
  for (const { kind, count, digests } of decodePieceRuns(pieces, 0)) {
    for (let i = 0; i < count; i++) {
      if (kind === PIECE_RUNS.digests)
        yield digests.subarray(i * PIECE_DIGEST_SIZE, (i + 1) * PIECE_DIGEST_SIZE);
      else yield kind === PIECE_RUNS.zero ? 'zero' : 'unknown';
    }
  }
}

/** Whether the stream expects zeros everywhere that the batch writes. */
export function isAllZero({ pieces }: RecordBatch): boolean {
  if (!pieces) return false;
  for (const { kind } of decodePieceRuns(pieces, 0)) if (kind !== PIECE_RUNS.zero) return false;
  return true;
}
