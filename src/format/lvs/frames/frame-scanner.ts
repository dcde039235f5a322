import { FormatError } from '../../../errors.js';
import type { ByteReader } from '../../byte-reader.js';
import {
  FRAME_ROOM,
  roomForPage,
  HEADER_MAGIC,
  MAX_HEADER_SIZE,
  IDENTIFICATION,
  MAX_PAGE_SIZE,
  MAX_ZERO_RANGES_SIZE,
  MIN_HEADER_SIZE,
  MIN_PAGE_SIZE,
  MIN_ZERO_RANGES_SIZE,
  PAGE_MAGIC,
  SEEK_ENTRY_SIZE,
  SEEK_FOOTER_SIZE,
  SEEK_TABLE_MAGIC,
  SKIPPABLE_HEADER_SIZE,
  ZERO_RANGES_MAGIC,
  ZSTD_MAGIC,
} from '../../layout.js';
import { equalBytes } from '../maps/identifier.js';
import { isSkippable } from './skippable.js';
import { viewOf } from '../../view.js';
import { FIRST_LINE_FRAME } from '../../first-line.js';
import { decodeZeroRanges, encodeZeroFrame, type ZeroRanges } from './zero-frame.js';
import { createBufferPool, type BufferPool } from '../../batch.js';
import type { Range } from '../../../ranges/range.js';
import { takeFrame, truncated } from './zstd-frame.js';

/**
 * One frame of a file, whole, where it begins, and what it is; its content is not decoded yet. Of the seek table, which
 * grows with the file, only the first eight bytes: its payload is still to be read.
 */
export type ScannedFrame = { readonly position: number; readonly bytes: Uint8Array } & (
  | { readonly kind: 'header' | 'firstLine' | 'page' | 'seekTable' | 'other' }
  | ({ readonly kind: 'zeroRanges' } & ZeroRanges)
  | { readonly kind: 'data'; readonly contentSize: number }
  | { readonly kind: 'zeros'; readonly ranges: readonly Range[] }
);

/** A frame whose magic has been seen: as what it will be taken, whatever is in it. */
export type BegunFrame = Pick<ScannedFrame, 'position' | 'kind'>;

const IDENTIFIED_SIZE = SKIPPABLE_HEADER_SIZE + IDENTIFICATION.length;

const SKIPPABLE_KINDS: Readonly<Record<number, ScannedFrame['kind']>> = {
  [PAGE_MAGIC]: 'page',
  [ZERO_RANGES_MAGIC]: 'zeroRanges',
  [SEEK_TABLE_MAGIC]: 'seekTable',
};

/** What the payload of a skippable frame may take (§9); that of the seek table depends on the frames before it. */
const SIZES: Readonly<Record<number, { readonly least: number; readonly most: number }>> = {
  [HEADER_MAGIC]: { least: MIN_HEADER_SIZE, most: MAX_HEADER_SIZE },
  [PAGE_MAGIC]: { least: MIN_PAGE_SIZE, most: MAX_PAGE_SIZE },
  [ZERO_RANGES_MAGIC]: { least: MIN_ZERO_RANGES_SIZE, most: MAX_ZERO_RANGES_SIZE },
};

/**
 * Takes one frame after the other off a file (§4.1), knowing only where each ends and that the fixed ones hold
 * what they must: first line and zero frames are compared, nothing else is decoded.
 */
export class FrameScanner {
  readonly #reader: ByteReader;
  readonly #frames: BufferPool;
  #expected: 'header' | 'firstLine' | 'any' = 'header';
  #zeroRanges: readonly Range[] | undefined;
  #count = 0;
  #begun: BegunFrame | undefined;
  #large = new Uint8Array(0);

  /** Buffers of data frames come from `frames`; whoever is done with a frame gives its buffer back. */
  constructor(reader: ByteReader, frames: BufferPool = createBufferPool(FRAME_ROOM)) {
    this.#reader = reader;
    this.#frames = frames;
  }

  /**
   * The next frame; of a page, or another frame that is only hashed, `bytes` are good until the next call. Throws `truncated` at the end of the file: it ends
   * after a seek table only.
   */
  async next(): Promise<ScannedFrame> {
    this.#begun = undefined;
    const frame = await this.#take(this.#reader.position);
    this.#count++;
    return frame;
  }

  /** The frame that the last call of `next` began with, unless there was none. */
  get begun(): BegunFrame | undefined {
    return this.#begun;
  }

  async #take(position: number): Promise<ScannedFrame> {
    const magic = await this.#peekNumber(0);
    if (this.#expected === 'header') return this.#takeHeader(position);
    if (magic !== ZSTD_MAGIC && !isSkippable(magic)) {
      throw new FormatError('frame-magic', position, 'no frame of an .lvs file begins here');
    }
    if (magic === HEADER_MAGIC) throw concatenated(position);
    this.#begun = { kind: this.#kindOf(magic), position };
    if (this.#expected === 'firstLine') return this.#takeFirstLine(position);
    if (this.#zeroRanges) return this.#takeZeros(this.#zeroRanges, position);
    if (magic === ZSTD_MAGIC) return this.#takeData(position);
    return this.#takeSkippable(magic, position);
  }

  #kindOf(magic: number): ScannedFrame['kind'] {
    if (this.#expected === 'firstLine') return 'firstLine';
    if (this.#zeroRanges) return 'zeros';
    return magic === ZSTD_MAGIC ? 'data' : (SKIPPABLE_KINDS[magic] ?? 'other');
  }

  async #takeHeader(position: number): Promise<ScannedFrame> {
    const start = await this.#reader.peek(IDENTIFIED_SIZE);
    if (start.length < IDENTIFIED_SIZE) throw truncated(position + start.length);
    if (!equalBytes(start.subarray(SKIPPABLE_HEADER_SIZE), IDENTIFICATION)) {
      throw new FormatError(
        'header-identification',
        position,
        'the first frame is not the header of an .lvs file',
      );
    }
    this.#expected = 'firstLine';
    return { kind: 'header', position, bytes: await this.#takeWhole(HEADER_MAGIC, position) };
  }

  async #takeFirstLine(position: number): Promise<ScannedFrame> {
    const bytes = await this.#reader.take(FIRST_LINE_FRAME.length);
    if (!equalBytes(bytes, FIRST_LINE_FRAME.subarray(0, bytes.length))) {
      throw new FormatError('first-line', position, 'the header is not followed by the first line');
    }
    if (bytes.length < FIRST_LINE_FRAME.length) throw truncated(position + bytes.length);
    this.#expected = 'any';
    return { kind: 'firstLine', position, bytes };
  }

  async #takeData(position: number): Promise<ScannedFrame> {
    const { bytes, header } = await takeFrame(this.#reader, this.#frames);
    return { kind: 'data', position, bytes, contentSize: header.contentSize };
  }

  async #takeSkippable(magic: number, position: number): Promise<ScannedFrame> {
    if (magic === SEEK_TABLE_MAGIC) return this.#takeSeekTable(position);
    const bytes = await this.#takeWhole(magic, position);
    if (magic === PAGE_MAGIC) return { kind: 'page', position, bytes };
    if (magic !== ZERO_RANGES_MAGIC) return { kind: 'other', position, bytes };
    const { ranges, fault } = decodeZeroRanges(bytes, position);
    this.#zeroRanges = fault ? [] : ranges;
    return { kind: 'zeroRanges', position, bytes, ranges, fault };
  }

  async #takeZeros(ranges: readonly Range[], position: number): Promise<ScannedFrame> {
    this.#zeroRanges = undefined;
    const expected = encodeZeroFrame(ranges);
    const bytes = await this.#reader.take(expected.length);
    if (!equalBytes(bytes, expected.subarray(0, bytes.length))) {
      throw new FormatError('zero-frame', position, 'a zero frame that differs from the ranges before it');
    }
    if (bytes.length < expected.length) throw truncated(position + bytes.length);
    return { kind: 'zeros', position, bytes, ranges };
  }

  /** Its size tells how many frames it lists. */
  async #takeSeekTable(position: number): Promise<ScannedFrame> {
    const size = await this.#peekNumber(4);
    if (size !== this.#count * SEEK_ENTRY_SIZE + SEEK_FOOTER_SIZE) {
      throw new FormatError('seek-table', position, 'the seek table does not list the frames of the file');
    }
    return { kind: 'seekTable', position, bytes: await this.#reader.take(SKIPPABLE_HEADER_SIZE) };
  }

  async #takeWhole(magic: number, position: number): Promise<Uint8Array> {
    const size = await this.#peekNumber(4);
    const { least, most } = SIZES[magic] ?? { least: 0, most: MAX_PAGE_SIZE };
    if (size < least || size > most) {
      throw new FormatError('frame-size', position, `a frame of ${size} bytes, which its kind can't have`);
    }
    const whole = SKIPPABLE_HEADER_SIZE + size;
    const bytes = isLarge(magic) ? this.#takeLargeBuffer(whole) : new Uint8Array(whole);
    const got = await this.#reader.readInto(bytes);
    if (got < whole) throw truncated(position + got);
    return bytes;
  }

  #takeLargeBuffer(size: number): Uint8Array {
    if (this.#large.length < size) this.#large = new Uint8Array(roomForPage(size));
    return this.#large.subarray(0, size);
  }

  /** The u32 that lies `ahead` bytes from here. */
  async #peekNumber(ahead: number): Promise<number> {
    const bytes = await this.#reader.peek(ahead + 4);
    if (bytes.length < ahead + 4) throw truncated(this.#reader.position + bytes.length);
    return viewOf(bytes).getUint32(ahead, true);
  }
}

/** What may take 32 MiB: one buffer does for all of them, one at a time. */
function isLarge(magic: number): boolean {
  return magic !== HEADER_MAGIC && magic !== ZERO_RANGES_MAGIC;
}

/** The fault of a second header, wherever it begins. */
export function concatenated(position: number): FormatError {
  const hint = 'files put together with cat are no merge; cut it there, or merge the originals';
  return new FormatError('concatenated', position, 'a second file begins here', { hint });
}
