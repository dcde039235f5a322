import type { RecordBatch } from '../format/batch.js';
import type { FrameCodec, Sha256 } from '../format/frame-codec.js';
import { PIECE_DIGEST_SIZE, PIECE_SIZE } from '../format/layout.js';
import { equalBytes } from '../format/lvs/maps/identifier.js';
import type { Range } from '../ranges/range.js';
import { expectedPieces, type Expected, type ExpectedPiece } from './records/expected-pieces.js';

export type PieceHasher = Pick<FrameCodec, 'sha256' | 'startSha256'>;

/** What was written before a stream, where it writes: bytes, or zeros where there are none. */
export interface WrittenBefore {
  readonly bytes: Uint8Array | undefined;
}

interface KnownPiece extends ExpectedPiece {
  readonly expected: Exclude<Expected, 'unknown'>;
}

const ZEROS = new Uint8Array(PIECE_SIZE);

/**
 * Holds what is written before a stream against its base digests (§7): wherever all of one of its pieces was written, that
 * must be what the stream expects there. What is asked of a device where less was written stays a question to the device.
 */
export class BaseCheck {
  readonly #hasher: PieceHasher;
  readonly #refuse: (piece: Range) => never;
  #pieces: Iterator<ExpectedPiece, undefined> | undefined;
  #piece: ExpectedPiece | undefined;
  /** Up to here all of the piece was written before, counted from where it begins. */
  #covered = 0;
  #hash: Sha256 | undefined;
  /** Where zeros are expected: something else was written. */
  #isOther = false;

  /** `refuse`: throws, of the first piece of which something else was written before. */
  constructor(hasher: PieceHasher, refuse: (piece: Range) => never) {
    this.#hasher = hasher;
    this.#refuse = refuse;
  }

  /** The batches, of which each begins to be checked as it passes. */
  async *begin(batches: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch, void, undefined> {
    for await (const batch of batches) {
      this.#pieces = batch.pieces && expectedPieces(batch);
      this.#piece = undefined;
      yield batch;
    }
  }

  /** Takes what comes next of the batch, with what was written there before, if anything was. */
  take({ offset, length }: Range, before: WrittenBefore | undefined): void {
    if (!this.#pieces) return;
    const end = offset + length;
    for (let at = offset; at < end;) {
      const piece = (this.#piece ??= this.#begin());
      const pieceEnd = piece.range.offset + piece.range.length;
      const stop = Math.min(end, pieceEnd);
      const { expected } = piece;
      if (before && expected !== 'unknown')
        this.#cover({ ...piece, expected }, at, partOf(before, at - offset, stop - at));
      if (stop === pieceEnd) this.#piece = undefined;
      at = stop;
    }
  }

  #begin(): ExpectedPiece {
    const { value } = this.#pieces!.next();
    if (!value) throw new Error('a batch with too few piece digests');
    this.#covered = 0;
    this.#hash = undefined;
    this.#isOther = false;
    return value;
  }

  #cover({ range, expected }: KnownPiece, at: number, held: Uint8Array): void {
    if (this.#covered !== at - range.offset) return;
    this.#covered += held.length;
    const isLast = this.#covered === range.length;
    if (expected === 'zero') {
      this.#isOther ||= !equalBytes(held, ZEROS.subarray(0, held.length));
      if (isLast && this.#isOther) this.#refuse(range);
    } else if (held.length === range.length) this.#compare(this.#hasher.sha256(held), expected, range);
    else {
      this.#hash ??= this.#hasher.startSha256();
      this.#hash.update(held);
      if (isLast) this.#compare(this.#hash.digest(), expected, range);
    }
  }

  #compare(digest: Uint8Array, expected: Uint8Array, range: Range): void {
    if (!equalBytes(digest.subarray(0, PIECE_DIGEST_SIZE), expected)) this.#refuse(range);
  }
}

function partOf({ bytes }: WrittenBefore, from: number, length: number): Uint8Array {
  return bytes ? bytes.subarray(from, from + length) : ZEROS.subarray(0, length);
}
