import { DIGEST_SIZE, ENTRY_SIZE } from '../../layout.js';
import { decodeU64, encodeU64 } from '../../record.js';
import { viewOf } from '../../view.js';

/** What stands in a listed frame (§4.6.1). The numbers are those on disk. */
export const FRAME_KINDS = { header: 0, firstLine: 1, data: 2, zeroRanges: 3, zeros: 4, other: 5 } as const;
export type FrameKind = keyof typeof FRAME_KINDS;

const CONTINUES = 1;
const OPEN = 2;

/** One frame as an index page lists it. */
export interface FrameEntry {
  readonly kind: number;
  readonly continues: boolean;
  readonly open: boolean;
  readonly records: number;
  readonly frameSize: number;
  readonly contentSize: number;
  readonly low: number;
  readonly high: number;
  readonly sha256: Uint8Array;
}

export function encodeEntry(entry: FrameEntry): Uint8Array {
  const bytes = new Uint8Array(ENTRY_SIZE);
  const view = viewOf(bytes);
  bytes[0] = entry.kind;
  bytes[1] = (entry.continues ? CONTINUES : 0) | (entry.open ? OPEN : 0);
  view.setUint32(4, entry.records, true);
  view.setUint32(8, entry.frameSize, true);
  view.setUint32(12, entry.contentSize, true);
  encodeU64(view, 16, entry.low, true);
  encodeU64(view, 24, entry.high, true);
  bytes.set(entry.sha256, ENTRY_SIZE - DIGEST_SIZE);
  return bytes;
}

/**
 * Decodes the entry at `position` of a page's entries, of which it keeps nothing. Nothing is checked: readers compare
 * with their own.
 */
export function decodeEntry(entries: Uint8Array, position: number): FrameEntry {
  const bytes = entries.subarray(position, position + ENTRY_SIZE);
  const view = viewOf(bytes);
  return {
    kind: bytes[0]!,
    continues: (bytes[1]! & CONTINUES) !== 0,
    open: (bytes[1]! & OPEN) !== 0,
    records: view.getUint32(4, true),
    frameSize: view.getUint32(8, true),
    contentSize: view.getUint32(12, true),
    low: decodeU64(view, 16, true),
    high: decodeU64(view, 24, true),
    sha256: bytes.slice(ENTRY_SIZE - DIGEST_SIZE),
  };
}
