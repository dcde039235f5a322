import type { Range } from '../../ranges/range.js';
import { PIECE_DIGEST_SIZE, PIECE_SIZE } from '../../format/layout.js';
import {
  countRangePieces,
  decodePieceRuns,
  PIECE_RUNS,
  PieceRunBuilder,
  type PieceRun,
} from '../../format/pieces.js';
import { Lookahead } from '../../ranges/lookahead.js';

/**
 * What a batch says of its pieces (§4.6.2), taken in the order of its records. Where a piece is cut nobody knows what its
 * parts held before, unless it is zeros.
 */
export class PieceCursor {
  readonly #runs: Lookahead<PieceRun>;
  readonly #taken = new PieceRunBuilder();
  /** Pieces of the run at the head that have been taken. */
  #used = 0;
  /** A part of the piece that is next has been taken. */
  #isCut = false;

  /** `section`: the runs that cover all pieces of the batch; it is not changed, and must not be meanwhile. */
  constructor(section: Uint8Array) {
    this.#runs = new Lookahead(decodePieceRuns(section, 0));
  }

  /**
   * The runs of what comes next of a record: `part` of the device. `isEnd`: the record ends there. Throws if there are
   * fewer.
   */
  take(part: Range, isEnd: boolean): Uint8Array {
    const goesOn = !isEnd && (part.offset + part.length) % PIECE_SIZE !== 0;
    for (let rest = countRangePieces(part); rest > 0; rest -= 1) {
      const staysCut = goesOn && rest === 1;
      this.#copy(this.#isCut || staysCut);
      this.#isCut = staysCut;
      if (!staysCut) this.#advance();
    }
    return this.#taken.takeSection();
  }

  /** The runs of so many whole pieces. Throws if there are fewer. */
  takeWhole(count: number): Uint8Array {
    for (let rest = count; rest > 0; rest -= 1) {
      this.#copy(false);
      this.#advance();
    }
    return this.#taken.takeSection();
  }

  #copy(isCut: boolean): void {
    const { kind, digests } = this.#head();
    if (kind === PIECE_RUNS.zero) this.#taken.addZero(1);
    else if (kind === PIECE_RUNS.unknown || isCut) this.#taken.addUnknown(1);
    else this.#taken.addDigest(digests.subarray(this.#used * PIECE_DIGEST_SIZE));
  }

  #advance(): void {
    this.#used += 1;
    if (this.#used < this.#head().count) return;
    this.#runs.advance();
    this.#used = 0;
  }

  #head(): PieceRun {
    const { head } = this.#runs;
    if (!head) throw new Error('a batch with too few piece digests');
    return head;
  }
}
