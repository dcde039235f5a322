import { FormatError } from '../../../errors.js';
import { decodeClosing, encodeClosing, type Closing } from '../maps/closing.js';
import {
  CRC_SIZE,
  DIGEST_SIZE,
  ENTRY_SIZE,
  MAP_RANGE_SIZE,
  MAX_CLOSING_SIZE,
  MAX_PAGE_ENTRIES,
  MAX_PAGE_SIZE,
  PAGE_HEADER_SIZE,
  PAGE_MAGIC,
  PAGE_TABLE_ENTRY_SIZE,
  SKIPPABLE_HEADER_SIZE,
} from '../../layout.js';
import { MapError } from '../maps/msgpack-map.js';
import { decodeU64, encodeU64 } from '../../record.js';
import { isSealed, sealFrame } from '../frames/skippable.js';
import { viewOf } from '../../view.js';

const LAST = 1;
const PIECES = 2;
const RANGES = 4;
const PAGE_TABLE_HEADER_SIZE = 8;
/** A page table without pages and the shortest map. */
const MIN_LAST_SIZE = PAGE_TABLE_HEADER_SIZE + 1;

/** Where an earlier page is, as the last page says (§4.6.4). */
export interface PageReference {
  readonly position: number;
  readonly size: number;
  readonly sha256: Uint8Array;
}

/** What only the last page holds. */
export interface LastPage {
  /** 48 bytes for each earlier page, as on disk; see {@link decodePageTable}. */
  readonly table: Uint8Array;
  readonly closing: Closing;
}

/** An index page (§4.6); `entries`, `pieces` and `ranges` as on disk. */
export interface IndexPage {
  readonly number: number;
  /** Number of the first frame listed. */
  readonly first: number;
  /** 64 bytes a frame. */
  readonly entries: Uint8Array;
  /** Piece digests of all its frames; undefined where the stream has none. */
  readonly pieces: Uint8Array | undefined;
  /** 16 bytes a range of a map; undefined where the stream is none. */
  readonly ranges: Uint8Array | undefined;
  readonly last: LastPage | undefined;
}

export function encodePage(page: IndexPage): Uint8Array {
  const head = new Uint8Array(PAGE_HEADER_SIZE - SKIPPABLE_HEADER_SIZE);
  const view = viewOf(head);
  view.setUint32(0, page.number, true);
  view.setUint32(4, (page.last ? LAST : 0) | (page.pieces ? PIECES : 0) | (page.ranges ? RANGES : 0), true);
  encodeU64(view, 8, page.first, true);
  view.setUint32(16, page.entries.length / ENTRY_SIZE, true);
  view.setUint32(20, page.pieces?.length ?? 0, true);
  view.setUint32(24, (page.ranges?.length ?? 0) / MAP_RANGE_SIZE, true);
  const none = new Uint8Array(0);
  const end = page.last ? encodeLast(page.last) : [];
  return sealFrame(PAGE_MAGIC, head, page.entries, page.pieces ?? none, page.ranges ?? none, ...end);
}

/** A page that has been read. */
export interface DecodedPage extends IndexPage {
  /** Whether it says that it is the last one. */
  readonly isLast: boolean;
}

/**
 * Decodes a whole page that begins at `position`. Throws `page-crc` or `page-layout`. The page table and the closing
 * map are decoded when they are asked for, since other checks come before them (§4.8): that may throw `page-table` or
 * `closing-map`.
 */
export function decodePage(frame: Uint8Array, position: number): DecodedPage {
  if (!isSealed(frame))
    throw new FormatError('page-crc', position, 'an index page does not match its checksum');
  const layout = frame.length >= PAGE_HEADER_SIZE + CRC_SIZE ? measure(frame) : undefined;
  if (!layout || frame.length > MAX_PAGE_SIZE + SKIPPABLE_HEADER_SIZE) {
    throw new FormatError('page-layout', position, 'a malformed index page');
  }
  const { flags, entriesEnd, piecesEnd, rangesEnd } = layout;
  const view = viewOf(frame);
  return {
    number: view.getUint32(8, true),
    first: decodeU64(view, 16, true),
    entries: frame.subarray(PAGE_HEADER_SIZE, entriesEnd),
    pieces: flags & PIECES ? frame.subarray(entriesEnd, piecesEnd) : undefined,
    ranges: flags & RANGES ? frame.subarray(piecesEnd, rangesEnd) : undefined,
    isLast: (flags & LAST) !== 0,
    get last() {
      return flags & LAST ? decodeLast(frame.subarray(rangesEnd, -CRC_SIZE), position) : undefined;
    },
  };
}

function measure(frame: Uint8Array) {
  const view = viewOf(frame);
  const flags = view.getUint32(12, true);
  const count = view.getUint32(24, true);
  const piecesSize = view.getUint32(28, true);
  const rangeCount = view.getUint32(32, true);
  const entriesEnd = PAGE_HEADER_SIZE + count * ENTRY_SIZE;
  const piecesEnd = entriesEnd + piecesSize;
  const rangesEnd = piecesEnd + rangeCount * MAP_RANGE_SIZE;
  const end = frame.length - CRC_SIZE;
  const known =
    flags <= (LAST | PIECES | RANGES) && view.getUint32(36, true) === 0 && count <= MAX_PAGE_ENTRIES;
  const flagged = (flags & PIECES || piecesSize === 0) && (flags & RANGES || rangeCount === 0);
  const fits = flags & LAST ? rangesEnd + MIN_LAST_SIZE <= end : rangesEnd === end;
  return known && flagged && fits ? { flags, entriesEnd, piecesEnd, rangesEnd } : undefined;
}

function encodeLast({ table, closing }: LastPage): Uint8Array[] {
  return [encodeTableHeader(table), table, encodeClosing(closing)];
}

/** An earlier page as the table lists it: 48 bytes. */
export function encodePageReference({ position, size, sha256 }: PageReference): Uint8Array {
  const bytes = new Uint8Array(PAGE_TABLE_ENTRY_SIZE);
  const view = viewOf(bytes);
  encodeU64(view, 0, position, true);
  view.setUint32(8, size, true);
  bytes.set(sha256, PAGE_TABLE_ENTRY_SIZE - DIGEST_SIZE);
  return bytes;
}

/** The earlier pages in order; a position is NaN where it is 2^53 or more. `table` must stay as it is meanwhile. */
export function* decodePageTable(table: Uint8Array): Generator<PageReference> {
  const view = viewOf(table);
  for (let at = 0; at < table.length; at += PAGE_TABLE_ENTRY_SIZE) {
    const sha256 = table.subarray(at + PAGE_TABLE_ENTRY_SIZE - DIGEST_SIZE, at + PAGE_TABLE_ENTRY_SIZE);
    yield { position: decodeU64(view, at, true), size: view.getUint32(at + 8, true), sha256 };
  }
}

function encodeTableHeader(table: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PAGE_TABLE_HEADER_SIZE);
  viewOf(bytes).setUint32(0, table.length / PAGE_TABLE_ENTRY_SIZE, true);
  return bytes;
}

function decodeLast(bytes: Uint8Array, position: number): LastPage {
  const view = viewOf(bytes);
  const end = PAGE_TABLE_HEADER_SIZE + view.getUint32(0, true) * PAGE_TABLE_ENTRY_SIZE;
  const isReservedZero = (at: number) => view.getUint32(at, true) === 0;
  const fits = end <= bytes.length && isReservedZero(4);
  if (!fits || !everyReference(end, (at) => isReservedZero(at + 12)))
    throw new FormatError('page-table', position, 'a malformed table of index pages');
  let closing: Closing | undefined;
  return {
    table: bytes.subarray(PAGE_TABLE_HEADER_SIZE, end),
    get closing() {
      return (closing ??= decodeClosingMap(bytes.subarray(end), position));
    },
  };
}

function everyReference(end: number, test: (at: number) => boolean): boolean {
  for (let at = PAGE_TABLE_HEADER_SIZE; at < end; at += PAGE_TABLE_ENTRY_SIZE) if (!test(at)) return false;
  return true;
}

function decodeClosingMap(bytes: Uint8Array, position: number): Closing {
  try {
    if (bytes.length > MAX_CLOSING_SIZE) throw new MapError('more than 1 MiB');
    return decodeClosing(bytes);
  } catch (cause) {
    if (!(cause instanceof MapError)) throw cause;
    throw new FormatError('closing-map', position, `the closing map: ${cause.message}`, { cause });
  }
}
