import { FormatError } from '../errors.js';
import { eachRange, zeroRecords, type RecordBatch } from './batch.js';
import type { FrameCodec } from './frame-codec.js';
import type { Range } from '../ranges/range.js';
import { PIECE_DIGEST_SIZE, PIECE_SIZE } from './layout.js';
import { viewOf } from './view.js';

/**
 * Piece digests (§4.6.2): what the device must hold where a batch writes, before it is written. A piece is a
 * segment's part inside one 4096-byte block of the device.
 */

/** The kinds of runs, as on disk. */
export const PIECE_RUNS = { unknown: 0, zero: 1, digests: 2 } as const;
const RUN_HEADER_SIZE = 4;
const MAX_RUN = 2 ** 30 - 1;

/** Number of pieces of one range. */
export function countRangePieces({ offset, length }: Range): number {
  return Math.floor((offset + length - 1) / PIECE_SIZE) - Math.floor(offset / PIECE_SIZE) + 1;
}

/** Number of pieces of a batch. */
export function countPieces(batch: RecordBatch): number {
  let count = 0;
  if (batch.kind === 'zeros') {
    for (const range of zeroRecords(batch.ranges)) count += countRangePieces(range);
    return count;
  }
  for (let i = 0; i < batch.count; i++) {
    const offset = batch.offsets[i]!;
    count += Math.floor((offset + batch.lengths[i]! - 1) / PIECE_SIZE) - Math.floor(offset / PIECE_SIZE) + 1;
  }
  return count;
}

/** The pieces of a batch in its order, each as a device range. */
export function* piecesOf(batch: RecordBatch): Generator<Range> {
  for (const { offset, length } of eachRange(batch)) {
    const end = offset + length;
    for (let at = offset; at < end;) {
      const next = Math.min(end, (Math.floor(at / PIECE_SIZE) + 1) * PIECE_SIZE);
      yield { offset: at, length: next - at };
      at = next;
    }
  }
}

/** Collects the runs of one frame's pieces and joins neighbours of one kind. */
export class PieceRunBuilder {
  #bytes = new Uint8Array(256 * PIECE_DIGEST_SIZE);
  #size = 0;
  #kind: number | undefined;
  #count = 0;
  #header = 0;

  addUnknown(count: number): void {
    this.#extend(PIECE_RUNS.unknown, count);
  }

  addZero(count: number): void {
    this.#extend(PIECE_RUNS.zero, count);
  }

  /** Adds the digest of a piece that holds `bytes`. */
  addPiece(bytes: Uint8Array, codec: Pick<FrameCodec, 'sha256Into'>): void {
    this.#extend(PIECE_RUNS.digests, 1);
    this.#reserve(PIECE_DIGEST_SIZE);
    codec.sha256Into(bytes, this.#bytes, this.#size, PIECE_DIGEST_SIZE);
    this.#size += PIECE_DIGEST_SIZE;
  }

  /** `digest`: 16 bytes or more, of which the first 16 count. */
  addDigest(digest: Uint8Array): void {
    this.#extend(PIECE_RUNS.digests, 1);
    this.#reserve(PIECE_DIGEST_SIZE);
    this.#bytes.set(digest.subarray(0, PIECE_DIGEST_SIZE), this.#size);
    this.#size += PIECE_DIGEST_SIZE;
  }

  /** The section's bytes for this frame; the builder is for the next one then, in the same memory. */
  takeSection(): Uint8Array {
    this.#close();
    const section = this.#bytes.slice(0, this.#size);
    this.#size = 0;
    this.#kind = undefined;
    return section;
  }

  #extend(kind: number, count: number): void {
    for (let rest = count; rest > 0;) {
      if (this.#kind !== kind || this.#count === MAX_RUN) this.#open(kind);
      const part = Math.min(rest, MAX_RUN - this.#count);
      this.#count += part;
      rest -= part;
    }
  }

  #open(kind: number): void {
    this.#close();
    this.#reserve(RUN_HEADER_SIZE);
    this.#header = this.#size;
    this.#size += RUN_HEADER_SIZE;
    this.#kind = kind;
    this.#count = 0;
  }

  #close(): void {
    if (this.#kind === undefined) return;
    viewOf(this.#bytes).setUint32(this.#header, ((this.#kind << 30) | this.#count) >>> 0, true);
  }

  #reserve(size: number): void {
    if (this.#size + size <= this.#bytes.length) return;
    const grown = new Uint8Array(this.#bytes.length * 2);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

export interface PieceRun {
  readonly kind: number;
  readonly count: number;
  /** `count` digests of 16 bytes, of a run of digests; else empty. */
  readonly digests: Uint8Array;
}

/** The runs of a section in order. Throws `piece-digests` (of the page at `position`) on one that can't be. */
export function* decodePieceRuns(section: Uint8Array, position: number): Generator<PieceRun> {
  for (let at = 0; at < section.length;) {
    const { kind, count, size } = readRun(section, at, position);
    yield { kind, count, digests: section.subarray(at + RUN_HEADER_SIZE, at + size) };
    at += size;
  }
}

/** Number of pieces that a section covers. Throws `piece-digests` as {@link decodePieceRuns} does. */
export function countPiecesOfRuns(section: Uint8Array, position: number): number {
  let count = 0;
  for (const run of decodePieceRuns(section, position)) count += run.count;
  return count;
}

/**
 * How many bytes of the section, from `at` on, cover exactly `pieces` pieces.
 * Throws `piece-digests` when no whole number of runs does.
 */
export function measurePieceRuns(section: Uint8Array, at: number, pieces: number, position: number): number {
  let covered = 0;
  let end = at;
  while (covered < pieces) {
    const run = readRun(section, end, position);
    covered += run.count;
    end += run.size;
  }
  if (covered > pieces)
    throw new FormatError('piece-digests', position, 'piece digests that do not fit their frame');
  return end - at;
}

function readRun(
  section: Uint8Array,
  at: number,
  position: number,
): { kind: number; count: number; size: number } {
  if (section.length - at < RUN_HEADER_SIZE)
    throw new FormatError('piece-digests', position, 'too few piece digests');
  const word = viewOf(section).getUint32(at, true);
  const kind = word >>> 30;
  const count = word & MAX_RUN;
  const size = RUN_HEADER_SIZE + (kind === PIECE_RUNS.digests ? count * PIECE_DIGEST_SIZE : 0);
  if (kind > PIECE_RUNS.digests || count === 0 || at + size > section.length) {
    throw new FormatError('piece-digests', position, 'a malformed run of piece digests');
  }
  return { kind, count, size };
}
