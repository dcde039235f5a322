import { FormatError } from '../../../errors.js';
import { type ZeroBatch, zeroRecords } from '../../batch.js';
import type { Range } from '../../../ranges/range.js';
import {
  CRC_SIZE,
  MAX_ZERO_CONTENT,
  MAX_ZERO_RANGES,
  OFFSET_LIMIT,
  RECORD_HEADER_SIZE,
  RLE_BLOCK_SIZE,
  ZERO_RANGE_SIZE,
  ZERO_RANGES_HEADER_SIZE,
  ZERO_RANGES_MAGIC,
  ZERO_RECORD_SIZE,
} from '../../layout.js';
import { decodeU64, encodeRecordHeader, encodeU64 } from '../../record.js';
import { isSealed, sealFrame } from './skippable.js';
import { viewOf } from '../../view.js';

const FRAME_HEADER_SIZE = 10;
const BLOCK_HEADER_SIZE = 3;
const RLE_SIZE = BLOCK_HEADER_SIZE + 1;
const RAW = 0;
const RLE = 1;

/** Cuts ranges of any size into batches that each fit one zero frame. */
export function* cutZeroRanges(ranges: Iterable<Range>): Generator<ZeroBatch> {
  const most = Math.floor(MAX_ZERO_CONTENT / (ZERO_RECORD_SIZE + RECORD_HEADER_SIZE)) * ZERO_RECORD_SIZE;
  let batch: Range[] = [];
  let content = 0;
  for (const { offset, length } of ranges) {
    for (let done = 0; done < length; done += most) {
      const part = { offset: offset + done, length: Math.min(most, length - done) };
      const size = contentSize([part]);
      if (batch.length > 0 && (content + size > MAX_ZERO_CONTENT || batch.length === MAX_ZERO_RANGES)) {
        yield { kind: 'zeros', ranges: batch };
        batch = [];
        content = 0;
      }
      batch.push(part);
      content += size;
    }
  }
  if (batch.length > 0) yield { kind: 'zeros', ranges: batch };
}

/**
 * The skippable frame that says which ranges the zero frame after it stands for (§4.5). They must fit one frame, as
 * those of {@link cutZeroRanges} do.
 */
export function encodeZeroRanges(ranges: readonly Range[]): Uint8Array {
  assertFits(ranges);
  const body = new Uint8Array(ZERO_RANGES_HEADER_SIZE - 8 + ranges.length * ZERO_RANGE_SIZE);
  const view = viewOf(body);
  view.setUint32(0, ranges.length, true);
  ranges.forEach(({ offset, length }, i) => {
    encodeU64(view, 8 + i * ZERO_RANGE_SIZE, offset, true);
    encodeU64(view, 16 + i * ZERO_RANGE_SIZE, length, true);
  });
  return sealFrame(ZERO_RANGES_MAGIC, body);
}

function assertFits(ranges: readonly Range[]): void {
  if (ranges.length <= MAX_ZERO_RANGES && contentSize(ranges) <= MAX_ZERO_CONTENT) return;
  throw new Error(`${ranges.length} zero ranges of ${contentSize(ranges)} bytes do not fit one zero frame`);
}

/** What a zero-ranges frame says. */
export interface ZeroRanges {
  /** All ranges, or those before the one at fault. */
  readonly ranges: readonly Range[];
  /** `zero-ranges`: to be thrown once the ranges before it have passed the reader's own checks (§4.8). */
  readonly fault: FormatError | undefined;
}

/** Decodes a whole zero-ranges frame that begins at `position`. */
export function decodeZeroRanges(frame: Uint8Array, position: number): ZeroRanges {
  const fault = (why: string) => new FormatError('zero-ranges', position, `a list of zero ranges ${why}`);
  if (!isSealed(frame)) return { ranges: [], fault: fault('does not match its checksum') };
  const view = viewOf(frame);
  const count = view.getUint32(8, true);
  const size = ZERO_RANGES_HEADER_SIZE + count * ZERO_RANGE_SIZE + CRC_SIZE;
  if (count === 0 || count > MAX_ZERO_RANGES || view.getUint32(12, true) !== 0 || frame.length !== size) {
    return { ranges: [], fault: fault('is malformed') };
  }
  const ranges = Array.from({ length: count }, (_, i) => ({
    offset: decodeU64(view, ZERO_RANGES_HEADER_SIZE + i * ZERO_RANGE_SIZE, true),
    length: decodeU64(view, ZERO_RANGES_HEADER_SIZE + 8 + i * ZERO_RANGE_SIZE, true),
  }));
  const bad = ranges.findIndex(({ offset, length }) => length === 0 || !(offset + length < OFFSET_LIMIT));
  if (bad >= 0)
    return { ranges: ranges.slice(0, bad), fault: fault('has a range that is empty or ends past 2^53') };
  return {
    ranges,
    fault: contentSize(ranges) > MAX_ZERO_CONTENT ? fault('is longer than a zero frame may be') : undefined,
  };
}

/** The one valid encoding of the records that `ranges` stand for: a zstd frame of raw and RLE blocks (§4.5). */
export function encodeZeroFrame(ranges: readonly Range[]): Uint8Array {
  const frame = new Uint8Array(frameSize(ranges));
  const view = viewOf(frame);
  frame.set([0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x38]);
  view.setUint32(6, contentSize(ranges), true);
  let position = FRAME_HEADER_SIZE;
  for (const { offset, length } of zeroRecords(ranges)) {
    putBlockHeader(frame, position, RAW, RECORD_HEADER_SIZE);
    encodeRecordHeader(view, position + BLOCK_HEADER_SIZE, offset, length);
    position += BLOCK_HEADER_SIZE + RECORD_HEADER_SIZE;
    for (let rest = length; rest > 0; rest -= RLE_BLOCK_SIZE) {
      putBlockHeader(frame, position, RLE, Math.min(rest, RLE_BLOCK_SIZE));
      position += RLE_SIZE;
    }
  }
  frame[position - RLE_SIZE]! |= 1;
  return frame;
}

function contentSize(ranges: readonly Range[]): number {
  return ranges.reduce(
    (sum, { length }) => sum + length + Math.ceil(length / ZERO_RECORD_SIZE) * RECORD_HEADER_SIZE,
    0,
  );
}

function frameSize(ranges: readonly Range[]): number {
  let size = FRAME_HEADER_SIZE;
  for (const { length } of zeroRecords(ranges))
    size += BLOCK_HEADER_SIZE + RECORD_HEADER_SIZE + Math.ceil(length / RLE_BLOCK_SIZE) * RLE_SIZE;
  return size;
}

/** RFC 8878 §3.1.1.2: last-block bit, type, size. */
function putBlockHeader(frame: Uint8Array, position: number, type: number, size: number): void {
  const header = (type << 1) | (size << 3);
  frame[position] = header & 0xff;
  frame[position + 1] = (header >> 8) & 0xff;
  frame[position + 2] = header >> 16;
}
