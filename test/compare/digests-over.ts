import { sha256 } from '#src/codec/sha256.js';
import type { RecordBatch } from '#src/format/batch.js';
import { PieceRunBuilder, piecesOf } from '#src/format/pieces.js';

/** What an array holds at the pieces of batches, as an index page lists it. */
export function digestsOver(bytes: Uint8Array): (batch: RecordBatch) => Uint8Array {
  return (batch) => {
    const runs = new PieceRunBuilder();
    for (const { offset, length } of piecesOf(batch)) {
      const piece = bytes.subarray(offset, offset + length);
      if (piece.every((byte) => byte === 0)) runs.addZero(1);
      else runs.addDigest(sha256(piece));
    }
    return runs.takeSection();
  };
}
