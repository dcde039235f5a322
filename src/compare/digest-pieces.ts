import type { RangeReader } from '../algebra/random-access.js';
import { type DataBatch, type RecordBatch, zeroRecords } from '../format/batch.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { PIECE_SIZE } from '../format/layout.js';
import { countRangePieces, PieceRunBuilder } from '../format/pieces.js';
import type { Range } from '../ranges/range.js';
import { Held, segmentsInside } from './held.js';

const ZERO_PIECE = new Uint8Array(PIECE_SIZE);

/**
 * Digests what a device holds at the pieces of a batch, as the batch's part of a page's piece section (§4.6.2). What it
 * returns is for any number of batches, one after the other. Of pieces that do not lie inside the device wholly, nobody knows what it
 * must hold once it is larger.
 */
export function createPieceDigester(
  device: RangeReader,
  codec: FrameCodec,
): (batch: RecordBatch) => Promise<Uint8Array> {
  const runs = new PieceRunBuilder();
  const held = new Held(device);
  const { size } = device;
  return async (batch) => {
    if (batch.kind === 'data')
      addData(runs, batch, await held.data(batch, segmentsInside(batch, size)), codec, size);
    else
      for (const record of zeroRecords(batch.ranges)) {
        const length = piecesInside(record, size);
        if (length > 0) await addZeros(runs, { offset: record.offset, length }, held, codec);
        const past = { offset: record.offset + length, length: record.length - length };
        if (past.length > 0) runs.addUnknown(countRangePieces(past));
      }
    return runs.takeSection();
  };
}

/** Bytes of the range in pieces that lie inside a device of `size` bytes wholly. */
function piecesInside({ offset, length }: Range, size: number): number {
  return offset + length <= size ? length : Math.max(0, size - (size % PIECE_SIZE) - offset);
}

async function addZeros(
  runs: PieceRunBuilder,
  record: Range,
  device: Held,
  codec: FrameCodec,
): Promise<void> {
  for await (const { range, held } of device.stretches(record)) {
    if (held) addPieces(runs, range.offset, held, codec, Infinity);
    else runs.addZero(countRangePieces(range));
  }
}

function addData(
  runs: PieceRunBuilder,
  { offsets, lengths, positions, count }: DataBatch,
  held: Uint8Array,
  codec: FrameCodec,
  size: number,
): void {
  for (let i = 0; i < count; i++)
    addPieces(runs, offsets[i]!, held.subarray(positions[i], positions[i]! + lengths[i]!), codec, size);
}

/** `size`: where the device ends. */
function addPieces(
  runs: PieceRunBuilder,
  offset: number,
  held: Uint8Array,
  codec: FrameCodec,
  size: number,
): void {
  for (let done = 0; done < held.length;) {
    const next = Math.min(held.length, done + PIECE_SIZE - ((offset + done) % PIECE_SIZE));
    const isWhole = done === 0 && next === held.length;
    const piece = isWhole ? held : held.subarray(done, next);
    if (offset + next > size) runs.addUnknown(1);
    else if (isZero(piece)) runs.addZero(1);
    else runs.addPiece(piece, codec);
    done = next;
  }
}

function isZero(piece: Uint8Array): boolean {
  return piece[0] === 0 && Buffer.compare(piece, ZERO_PIECE.subarray(0, piece.length)) === 0;
}
