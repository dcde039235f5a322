import { FormatError } from '../../errors.js';
import type { Range } from '../../ranges/range.js';
import { PIECE_SIZE, RECORD_HEADER_SIZE } from '../layout.js';
import { countPiecesOfRuns, measurePieceRuns } from '../pieces.js';
import type { FileIndex } from './file-index.js';
import { FRAME_KINDS, type FrameEntry } from './index/frame-entry.js';
import { placePages, type ListingPage, type PlacedEntry } from './index/place-entries.js';

/** A frame of records that is to be read. */
export interface ChosenFrame {
  readonly frame: PlacedEntry;
  /** Of a zero frame: where its ranges are listed. */
  readonly zeroRanges: PlacedEntry | undefined;
  /** The runs of its pieces, of which it has so many; to be asked before the next frame is. Undefined where none are known. */
  readonly pieces: ((count: number) => Uint8Array) | undefined;
}

/**
 * The frames that may write to the ranges, and those without which one of them can't be read: a frame that goes on with a
 * record needs the one that the record begins in. Throws `FormatError` of an index that contradicts itself.
 */
export async function* chooseFrames(index: FileIndex, ranges: readonly Range[]): AsyncGenerator<ChosenFrame> {
  const chain = new Chain();
  for await (const listing of placePages(index)) yield* choosePage(listing, ranges, chain);
}

function* choosePage(listing: ListingPage, ranges: readonly Range[], chain: Chain): Generator<ChosenFrame> {
  const sections = listing.page.pieces && new Sections(listing, listing.page.pieces);
  const last = listing.frames.findLastIndex(({ entry }) => touches(entry, ranges));
  for (const [index, frame] of listing.frames.entries()) {
    if (!holdsRecords(frame.entry)) chain.pass(frame);
    else if (!(touches(frame.entry, ranges) || (index < last && sections?.isEven === false))) {
      sections?.skip(frame.entry);
      chain.skip(frame);
    } else {
      for (const before of chain.take(frame))
        yield { frame: before, zeroRanges: undefined, pieces: undefined };
      yield { frame, zeroRanges: chain.zeroRangesOf(frame), pieces: sections?.of(frame.entry) };
    }
  }
}

function holdsRecords({ kind }: FrameEntry): boolean {
  return kind === FRAME_KINDS.data || kind === FRAME_KINDS.zeros;
}

function touches(entry: FrameEntry, ranges: readonly Range[]): boolean {
  if (!holdsRecords(entry)) return false;
  return ranges.some(({ offset, length }) => entry.low < offset + length && entry.high > offset);
}

/** What a frame of records needs that stands before it. */
class Chain {
  /** Frames that were passed over since a frame that was read, or that begins with a record: the next may go on from them. */
  #skipped: PlacedEntry[] = [];
  #before: PlacedEntry | undefined;
  #isOpen = false;

  /** Goes on past a frame without records. */
  pass(frame: PlacedEntry): void {
    if (frame.entry.kind === FRAME_KINDS.zeroRanges) this.#before = frame;
  }

  /** Goes on past a frame that is not read. */
  skip(frame: PlacedEntry): void {
    this.#check(frame);
    if (!frame.entry.continues) this.#skipped = [];
    if (frame.entry.open) this.#skipped.push(frame);
  }

  /** The frames to be read before this one. */
  take(frame: PlacedEntry): readonly PlacedEntry[] {
    this.#check(frame);
    const needed = frame.entry.continues ? this.#skipped : [];
    this.#skipped = [];
    return needed;
  }

  /** Where the ranges of a zero frame are listed. */
  zeroRangesOf({ entry, position }: PlacedEntry): PlacedEntry | undefined {
    if (entry.kind === FRAME_KINDS.data) return undefined;
    if (this.#before) return this.#before;
    throw contradiction(position);
  }

  #check({ entry, position }: PlacedEntry): void {
    if (entry.continues !== this.#isOpen) throw contradiction(position);
    this.#isOpen = entry.open;
  }
}

/** The piece section of a page, by its frames. */
class Sections {
  /** How many pieces each frame has is known without it being read. */
  readonly isEven: boolean;
  readonly #pieces: Uint8Array;
  readonly #position: number;
  #at = 0;

  constructor({ frames, position }: ListingPage, pieces: Uint8Array) {
    const least = frames.reduce((sum, { entry }) => sum + leastPieces(entry), 0);
    this.isEven = countPiecesOfRuns(pieces, position) === least;
    this.#pieces = pieces;
    this.#position = position;
  }

  skip(entry: FrameEntry): void {
    if (this.isEven) this.#take(leastPieces(entry));
  }

  of(entry: FrameEntry): (count: number) => Uint8Array {
    if (!this.isEven) return (count) => this.#take(count);
    const least = leastPieces(entry);
    const section = this.#take(least);
    return (count) => {
      if (count === least) return section;
      throw new FormatError('piece-digests', this.#position, 'piece digests that do not fit their frame');
    };
  }

  #take(count: number): Uint8Array {
    const start = this.#at;
    this.#at += measurePieceRuns(this.#pieces, start, count, this.#position);
    return this.#pieces.slice(start, this.#at);
  }
}

/**
 * No frame of so much data has less pieces: it has that many if none is cut short but the last. If the sum of a page's frames is
 * what the page has, no frame has more.
 */
function leastPieces(entry: FrameEntry): number {
  if (!holdsRecords(entry)) return 0;
  return Math.ceil((entry.contentSize - entry.records * RECORD_HEADER_SIZE) / PIECE_SIZE);
}

function contradiction(position: number): FormatError {
  return new FormatError('frame-entry', position, 'the index contradicts itself about the frame');
}
