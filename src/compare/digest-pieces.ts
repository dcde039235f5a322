import type { RandomAccessReader } from '../algebra/random-access.js';
import { eachRange, type RecordBatch } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { MIN_ZERO_RUN, PIECE_SIZE } from '../format/layout.js';
import { countRangePieces, PieceRunBuilder } from '../format/pieces.js';

const WINDOW = 1 << 20;
const ZERO_PIECE = new Uint8Array(PIECE_SIZE);

/**
 * Digests what a device holds at the pieces of a batch, as the batch's part of a page's piece section (§4.6.2). What it
 * returns is for any number of batches, which it reads through one window of 1 MiB.
 */
export function createPieceDigester(
  device: RandomAccessReader,
  codec: FrameCodec,
): (batch: RecordBatch) => Uint8Array {
  let buffer: Uint8Array | undefined;
  const window = () => (buffer ??= new Uint8Array(WINDOW));
  const runs = new PieceRunBuilder();
  return (batch) => {
    for (const range of eachRange(batch)) addRange(runs, range, device, codec, window);
    return runs.takeSection();
  };
}

function addRange(
  runs: PieceRunBuilder,
  range: Range,
  device: RandomAccessReader,
  codec: FrameCodec,
  window: () => Uint8Array,
): void {
  const isLong = range.length >= MIN_ZERO_RUN && device.allocated !== undefined;
  const end = range.offset + range.length;
  let at = range.offset;
  for (const data of isLong ? device.allocated!(range) : [range]) {
    const start = Math.max(at, startOfPiece(data.offset));
    const stop = Math.min(end, endOfPiece(data.offset + data.length));
    addZeros(runs, at, start);
    for (at = start; at < stop;) {
      const length = Math.min(stop - at, WINDOW - (at % PIECE_SIZE));
      addData(runs, at, device, codec, window().subarray(0, length));
      at += length;
    }
  }
  addZeros(runs, at, end);
}

function addZeros(runs: PieceRunBuilder, start: number, end: number): void {
  if (end > start) runs.addZero(countRangePieces({ offset: start, length: end - start }));
}

function addData(
  runs: PieceRunBuilder,
  offset: number,
  device: RandomAccessReader,
  codec: FrameCodec,
  held: Uint8Array,
): void {
  device.readInto(held, offset);
  for (let done = 0; done < held.length;) {
    const next = Math.min(held.length, done + PIECE_SIZE - ((offset + done) % PIECE_SIZE));
    const piece = held.subarray(done, next);
    if (isZero(piece)) runs.addZero(1);
    else runs.addDigest(codec.sha256(piece));
    done = next;
  }
}

function isZero(piece: Uint8Array): boolean {
  return piece[0] === 0 && Buffer.compare(piece, ZERO_PIECE.subarray(0, piece.length)) === 0;
}

function startOfPiece(offset: number): number {
  return Math.floor(offset / PIECE_SIZE) * PIECE_SIZE;
}

function endOfPiece(offset: number): number {
  return Math.ceil(offset / PIECE_SIZE) * PIECE_SIZE;
}
