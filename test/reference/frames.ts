import { Decompressor } from 'zstd-napi';
import { isSealed } from './crc32c.js';
import { require } from './fault.js';
import type { Records, Segment } from './records.js';

/** Single frames of the container: where they end, what they hold, their checks in the order of §4.8. */

const maxContent = 2 ** 23;
const maxFrame = 9 * 2 ** 20;
const maxBlock = 2 ** 17;
const maxZeroContent = 2n ** 30n;
/** The longest record of zeros (§4.5). */
export const zeroRecord = 2 ** 24;
const offsetLimit = 2n ** 53n;

/** Bytes of the file that must be there for the next check. */
export function take(file: Buffer, position: number, size: number): Buffer {
  require(position + size <= file.length, 'truncated', file.length);
  return file.subarray(position, position + size);
}

/** A frame that has one valid form, compared as it arrives. */
export function takeExpected(file: Buffer, position: number, expected: Buffer, fault: string): Buffer {
  const found = file.subarray(position, position + expected.length);
  require(found.equals(expected.subarray(0, found.length)), fault, position);
  return take(file, position, expected.length);
}

/** A whole skippable frame whose payload has a size within the bounds. */
export function takeSkippable(file: Buffer, position: number, least: number, most: number): Buffer {
  const size = take(file, position, 8).readUInt32LE(4);
  require(size >= least && size <= most, 'frame-size', position);
  return take(file, position, 8 + size);
}

/** A data frame and its content (§4.4). */
export function takeDataFrame(file: Buffer, position: number): { frame: Buffer; content: Buffer } {
  const { headerSize, contentSize } = readFrameHeader(file, position);
  let size = headerSize;
  const compressed: Buffer[] = [];
  for (let isLast = false; !isLast;) {
    const block = take(file, position, size + 3).readUIntLE(size, 3);
    isLast = (block & 1) === 1;
    const type = (block >> 1) & 3;
    const blockSize = block >> 3;
    require(type !== 3 && blockSize <= Math.min(contentSize, maxBlock), 'frame-corrupt', position);
    const start = size + 3;
    size = start + (type === 1 ? 1 : blockSize);
    require(size <= maxFrame, 'frame-size', position);
    if (type === 2) compressed.push(file.subarray(position + start, position + size));
  }
  const frame = take(file, position, size + 4);
  const content = decodeFrame(frame);
  require(content?.length === contentSize, 'frame-corrupt', position);
  require(!compressed.some(hasLongZero), 'frame-corrupt', position);
  return { frame, content };
}

/** One of its own: what others gave up in the middle stays in the one that they share. */
const decoder = new Decompressor();

function decodeFrame(frame: Buffer): Buffer | undefined {
  try {
    return decoder.decompress(frame);
  } catch {
    return undefined;
  }
}

/** Whether a block that can be decoded counts its sequences, of which there are none, in two bytes (§4.4). */
function hasLongZero(block: Buffer): boolean {
  const at = sizeOfLiterals(block);
  return block.readUInt8(at) === 0x80 && block.readUInt8(at + 1) === 0;
}

/** RFC 8878, section 3.1.1.3.1: the literals section's header, and what follows it. */
function sizeOfLiterals(block: Buffer): number {
  const [type, form] = [block[0]! & 3, (block[0]! >> 2) & 3];
  if (type >= 2) {
    const size = [3, 3, 4, 5][form]!;
    return size + Math.floor(block.readUIntLE(0, size) / 2 ** [14, 14, 18, 22][form]!);
  }
  const size = [1, 2, 1, 3][form]!;
  if (type === 1) return size + 1;
  return size + (block.readUIntLE(0, size) >> (size === 1 ? 3 : 4));
}

interface FrameHeader {
  readonly headerSize: number;
  readonly contentSize: number;
}

/** RFC 8878, section 3.1.1.1, held to §4.4. */
function readFrameHeader(file: Buffer, position: number): FrameHeader {
  const descriptor = take(file, position, 5).readUInt8(4);
  const sizeCode = descriptor >> 6;
  require((descriptor & 0x3f) === 0x24, 'frame-header', position);
  const headerSize = 5 + [1, 2, 4, 8][sizeCode]!;
  const contentSize = readContentSize(take(file, position, headerSize), 5, sizeCode);
  require(contentSize >= 1 && contentSize <= maxContent, 'frame-size', position);
  return { headerSize, contentSize };
}

function readContentSize(header: Buffer, at: number, code: number): number {
  if (code === 0) return header.readUInt8(at);
  if (code === 1) return header.readUInt16LE(at) + 256;
  return code === 2 ? header.readUInt32LE(at) : Number(header.readBigUInt64LE(at));
}

/** §4.5: the ranges of a zero-ranges frame, whose size bounds their number. */
export function readZeroRanges(frame: Buffer, position: number, records: Records): Segment[] {
  require(isSealed(frame), 'zero-ranges', position);
  const count = frame.readUInt32LE(8);
  require(frame.readUInt32LE(12) === 0, 'zero-ranges', position);
  require(frame.length === 20 + 16 * count, 'zero-ranges', position);
  const ranges: Segment[] = [];
  let content = 0n;
  for (let i = 0; i < count; i++) {
    const offset = frame.readBigUInt64LE(16 + 16 * i);
    const length = frame.readBigUInt64LE(24 + 16 * i);
    require(length > 0n && offset + length < offsetLimit, 'zero-ranges', position);
    records.place({ offset: Number(offset), length: Number(length) }, position);
    content += length + 12n * ((length + BigInt(zeroRecord) - 1n) / BigInt(zeroRecord));
    ranges.push({ offset: Number(offset), length: Number(length) });
  }
  require(content <= maxZeroContent, 'zero-ranges', position);
  return ranges;
}

/** §4.5: the records that ranges of zeros stand for. */
export function cutZeroRecords(ranges: readonly Segment[]): Segment[] {
  return ranges.flatMap(({ offset, length }) =>
    Array.from({ length: Math.ceil(length / zeroRecord) }, (_, i) => ({
      offset: offset + i * zeroRecord,
      length: Math.min(zeroRecord, length - i * zeroRecord),
    })),
  );
}

export function encodeRecordHeader({ offset, length }: Segment): Buffer {
  const header = Buffer.alloc(12);
  header.writeBigUInt64BE(BigInt(offset));
  header.writeUInt32BE(length, 8);
  return header;
}

/** §4.5: the canonical zero frame of records of zeros. */
export function encodeZeroFrame(records: readonly Segment[]): Buffer {
  const contentSize = records.reduce((sum, { length }) => sum + 12 + length, 0);
  const head = Buffer.from('28b52ffd803800000000', 'hex');
  head.writeUInt32LE(contentSize, 6);
  const blocks = records.flatMap((record) => [
    Buffer.of(0x60, 0, 0),
    encodeRecordHeader(record),
    ...Array.from({ length: Math.ceil(record.length / maxBlock) }, (_, i) =>
      encodeZeroBlock(Math.min(maxBlock, record.length - i * maxBlock)),
    ),
  ]);
  const last = blocks.at(-1)!;
  last.writeUInt8(last.readUInt8(0) + 1, 0);
  return Buffer.concat([head, ...blocks]);
}

/** Three bytes of block header, and the zero that is repeated. */
function encodeZeroBlock(size: number): Buffer {
  const block = Buffer.alloc(4);
  block.writeUInt32LE(2 + 8 * size);
  return block;
}
