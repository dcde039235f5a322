import { Decompressor } from 'zstd-napi';
import { u24, u32 } from '../vectors/bytes.js';
import { HEADER, PAGE, SEEK_TABLE, ZERO_RANGES } from '../vectors/container.js';
import { contentChecksum } from '../vectors/zstd.js';

/** A container taken apart into frames, whatever is wrong with them. */

export type Frame = Buffer;

const ZSTD = 0xfd2fb528;
const decoder = new Decompressor();

export type FrameName = 'header' | 'page' | 'zeroRanges' | 'seekTable' | 'zstd' | 'other';

/** What a frame is by its first bytes. */
export function nameOf(frame: Frame): FrameName {
  const magic = frame.length < 8 ? 0 : frame.readUInt32LE(0);
  if (magic === HEADER) return 'header';
  if (magic === PAGE) return 'page';
  if (magic === ZERO_RANGES) return 'zeroRanges';
  if (magic === SEEK_TABLE) return 'seekTable';
  return magic === ZSTD ? 'zstd' : 'other';
}

/** The frames of a file in order; what is no whole frame, and all behind it, is the last one. */
export function splitFrames(file: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  for (let rest = Buffer.from(file); rest.length > 0;) {
    const size = Math.min(measure(rest), rest.length);
    frames.push(rest.subarray(0, size));
    rest = rest.subarray(size);
  }
  return frames;
}

function measure(bytes: Buffer): number {
  if (bytes.length < 8) return bytes.length;
  const magic = bytes.readUInt32LE(0);
  if (magic >= HEADER && magic <= HEADER + 15) return 8 + bytes.readUInt32LE(4);
  return magic === ZSTD ? measureZstd(bytes) : bytes.length;
}

/** RFC 8878, section 3.1.1. */
function measureZstd(bytes: Buffer): number {
  let at = zstdHeaderSize(bytes);
  for (;;) {
    if (at + 3 > bytes.length) return bytes.length;
    const block = bytes.readUIntLE(at, 3);
    at += 3 + ((block & 6) === 2 ? 1 : block >> 3);
    if ((block & 1) === 1) return at + ((bytes[4]! & 4) !== 0 ? 4 : 0);
  }
}

function zstdHeaderSize(bytes: Buffer): number {
  const descriptor = bytes[4]!;
  const isSingle = (descriptor & 0x20) !== 0;
  const sizes = [isSingle ? 1 : 0, 2, 4, 8];
  return 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]! + sizes[descriptor >> 6]!;
}

/** What a zstd frame holds whatever its checksum says; undefined where it can't be decoded. */
export function contentOf(frame: Frame): Buffer | undefined {
  if (nameOf(frame) !== 'zstd' || frame.length < 12) return undefined;
  const open = Buffer.from(frame.subarray(0, (frame[4]! & 4) !== 0 ? -4 : undefined));
  open[4]! &= ~4;
  try {
    return claimedSize(open) > 2 ** 24 ? undefined : decoder.decompress(open);
  } catch {
    return undefined;
  }
}

/** The content size that a frame tells, before a decoder is asked to make room for it. */
function claimedSize(frame: Buffer): number {
  const code = frame[4]! >> 6;
  const at = zstdHeaderSize(frame) - [1, 2, 4, 8][code]!;
  if (frame.length < at + 8) return 0;
  return code < 2 ? 0 : code === 2 ? frame.readUInt32LE(at) : Number(frame.readBigUInt64LE(at));
}

/** The frame with the checksum of its content, if it can be decoded and has one. */
export function sealZstd(frame: Frame): Frame {
  const content = contentOf(frame);
  if (!content || (frame[4]! & 4) === 0) return frame;
  return Buffer.concat([frame.subarray(0, -4), contentChecksum(content)]);
}

/** A zstd frame that spells its content in other blocks; `sizes` are of the blocks, the last one takes the rest. */
export function cutBlocks(content: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  let at = 0;
  for (const size of [...sizes, content.length]) {
    const body = content.subarray(at, at + size);
    at += body.length;
    blocks.push(Buffer.concat([u24(body.length << 3), body]));
  }
  blocks.at(-1)![0]! |= 1;
  return blocks;
}

/** A skippable frame's size field and payload. */
export function resized(frame: Frame): Frame {
  if (frame.length < 8) return frame;
  return Buffer.concat([frame.subarray(0, 4), u32(frame.length - 8), frame.subarray(8)]);
}
