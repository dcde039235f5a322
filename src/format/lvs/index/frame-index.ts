import type { Closing } from '../maps/closing.js';
import type { FrameCodec } from '../../frame-codec.js';
import { encodeEntry, FRAME_KINDS, type FrameEntry } from './frame-entry.js';
import { encodePage, encodePageReference, type LastPage } from './index-page.js';
import { MAX_PAGE_ENTRIES } from '../../layout.js';

/** A page is closed once its piece digests take this much: whoever reads it holds all of it. */
const FULL_PIECES = 1 << 20;
/** A page has room for a zero-ranges frame and its zero frame. */
const PAIR = 2;

/** The index of a file that is being written: lists frames, makes pages of them (§4.6). */
export class FrameIndex {
  readonly #codec: FrameCodec;
  readonly #hasPieces: boolean;
  readonly #table: Uint8Array[] = [];
  #entries: Uint8Array[] = [];
  #pieces: Uint8Array[] = [];
  #piecesSize = 0;
  #listed = 0;
  #awaitsZeros = false;

  /** `hasPieces`: every frame of data comes with its piece digests. */
  constructor(codec: FrameCodec, hasPieces: boolean) {
    this.#codec = codec;
    this.#hasPieces = hasPieces;
  }

  /** Lists the next frame of the file; `pieces` covers its pieces, of frames that have any. */
  list(entry: FrameEntry, pieces?: Uint8Array): void {
    this.#entries.push(encodeEntry(entry));
    this.#awaitsZeros = entry.kind === FRAME_KINDS.zeroRanges;
    if (!pieces) return;
    this.#pieces.push(pieces);
    this.#piecesSize += pieces.length;
  }

  /** Whether the page must be written now; not behind a zero-ranges frame, whose zero frame follows at once (§4.5). */
  get isFull(): boolean {
    if (this.#awaitsZeros) return false;
    return this.#entries.length > MAX_PAGE_ENTRIES - PAIR || this.#piecesSize >= FULL_PIECES;
  }

  /** The page of what has been listed since the last one, to be written at `position` of the file; of a map its ranges. */
  takePage(position: number, ranges?: Uint8Array): Uint8Array {
    const page = this.#encode(undefined, ranges);
    this.#table.push(encodePageReference({ position, size: page.length, sha256: this.#codec.sha256(page) }));
    return page;
  }

  /** The last page, which lists the rest; of a map its ranges. */
  takeLastPage(closing: Closing, ranges?: Uint8Array): Uint8Array {
    return this.#encode({ table: concat(this.#table), closing }, ranges);
  }

  #encode(last?: LastPage, ranges?: Uint8Array): Uint8Array {
    const entries = concat(this.#entries);
    const pieces = this.#hasPieces ? concat(this.#pieces) : undefined;
    const page = encodePage({
      number: this.#table.length,
      first: this.#listed,
      entries,
      pieces,
      ranges,
      last,
    });
    this.#listed += this.#entries.length;
    this.#entries = [];
    this.#pieces = [];
    this.#piecesSize = 0;
    return page;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
