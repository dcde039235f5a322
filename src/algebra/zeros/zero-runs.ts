import type { DataBatch } from '../../format/batch.js';
import type { Range } from '../../ranges/range.js';
import { MIN_ZERO_RUN, PIECE_SIZE } from '../../format/layout.js';

/** Zeros inside one segment's data: `from` counts from its beginning. */
export interface ZeroPart {
  readonly segment: number;
  readonly from: number;
  readonly length: number;
}

/** Whether `length` bytes at `position` are all zeros. */
export type ZeroTest = (position: number, length: number) => boolean;

/**
 * The runs of at least 128 KiB of zeros in a batch, in its order, as their parts in each segment. Runs are made of
 * whole pieces (a segment cut at multiples of 4096 device bytes), and go across segments that touch. A run that
 * touches the end of `before`, zeros that stand before the batch, counts its length too.
 *
 * Segments that don't touch another and are too short for a run are not looked at; elsewhere ordinary data costs a
 * look at the first words of each piece.
 */
export function findZeroRuns(batch: DataBatch, before: Range | undefined): readonly ZeroPart[] {
  const found: ZeroPart[] = [];
  const isZero = createZeroTest(batch.bytes);
  let carried =
    before !== undefined && before.offset + before.length === batch.offsets[0] ? before.length : 0;
  for (let first = 0; first < batch.count;) {
    const group = touchingFrom(batch, first);
    if (carried + group.length >= MIN_ZERO_RUN) scanGroup(batch, isZero, first, group.end, carried, found);
    first = group.end;
    carried = 0;
  }
  return found;
}

/** The segments from `first` on of which each begins where the one before ends; `end` is exclusive. */
function touchingFrom(
  { count, offsets, lengths }: DataBatch,
  first: number,
): { end: number; length: number } {
  let length = lengths[first]!;
  let end = first + 1;
  for (; end < count && offsets[end] === offsets[first]! + length; end += 1) length += lengths[end]!;
  return { end, length };
}

function scanGroup(
  batch: DataBatch,
  isZero: ZeroTest,
  first: number,
  end: number,
  carried: number,
  found: ZeroPart[],
): void {
  let run: ZeroPart[] = [];
  let size = carried;
  const close = (): void => {
    if (size >= MIN_ZERO_RUN) for (const part of run) found.push(part);
    run = [];
    size = 0;
  };
  for (let segment = first; segment < end; segment += 1) {
    let dataFrom = 0;
    for (const part of zeroPartsOf(batch, isZero, segment)) {
      if (part.from > dataFrom) close();
      run.push(part);
      size += part.length;
      dataFrom = part.from + part.length;
    }
    if (dataFrom < batch.lengths[segment]!) close();
  }
  close();
}

/** The longest stretches of zero pieces in a segment. */
function zeroPartsOf(
  { offsets, lengths, positions }: DataBatch,
  isZero: ZeroTest,
  segment: number,
): ZeroPart[] {
  const length = lengths[segment]!;
  const position = positions[segment]!;
  const parts: ZeroPart[] = [];
  let from = 0;
  let end = PIECE_SIZE - (offsets[segment]! % PIECE_SIZE);
  for (let at = 0; at < length; at = end, end += PIECE_SIZE) {
    const pieceEnd = Math.min(end, length);
    if (isZero(position + at, pieceEnd - at)) continue;
    if (at > from) parts.push({ segment, from, length: at - from });
    from = pieceEnd;
  }
  if (length > from) parts.push({ segment, from, length: length - from });
  return parts;
}

/** A test for zeros in `bytes`, by words where the buffer's alignment allows it. */
export function createZeroTest(bytes: Uint8Array): ZeroTest {
  const base = bytes.byteOffset;
  const words = new Int32Array(bytes.buffer, 0, Math.floor(bytes.buffer.byteLength / 4));
  return (position, length) => {
    const end = position + length;
    let at = position;
    for (; at < end && (base + at) % 4 !== 0; at += 1) if (bytes[at] !== 0) return false;
    const wordsEnd = (base + end) >> 2;
    if (!areZero(words, (base + at) >> 2, wordsEnd)) return false;
    for (at = Math.max(at, wordsEnd * 4 - base); at < end; at += 1) if (bytes[at] !== 0) return false;
    return true;
  };
}

function areZero(words: Int32Array, first: number, end: number): boolean {
  let at = first;
  for (; at + 8 <= end; at += 8) {
    const low = words[at]! | words[at + 1]! | words[at + 2]! | words[at + 3]!;
    const high = words[at + 4]! | words[at + 5]! | words[at + 6]! | words[at + 7]!;
    if ((low | high) !== 0) return false;
  }
  for (; at < end; at += 1) if (words[at] !== 0) return false;
  return true;
}
