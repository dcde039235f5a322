import { FormatError } from '../errors.js';
import type { ByteReader } from './byte-reader.js';
import { MAX_DATA_CONTENT, MAX_FRAME_SIZE, MAX_WINDOW } from './layout.js';
import { viewOf } from './skippable.js';

const FIRST_BYTES = 5;

/** What the header of a data frame says (RFC 8878 §3.1.1.1), after the container's own rules (§4.4). */
export interface FrameHeader {
  readonly headerSize: number;
  readonly contentSize: number;
  /** RFC 8878's Block_Maximum_Size. */
  readonly maxBlockSize: number;
}

const CHECKSUM_SIZE = 4;
/** Bytes of the content size by the descriptor's top two bits. */
const SIZE_BYTES = [1, 2, 4, 8];
const BLOCK_HEADER_SIZE = 3;
const MAX_BLOCK_SIZE = 1 << 17;
const RLE = 1;
const RESERVED = 3;

/** Size of a frame's header by its descriptor. Throws `frame-header` of the frame at `position`. */
function measureHeader(descriptor: number, position: number): number {
  const fail = (why: string) => new FormatError('frame-header', position, `a zstd frame ${why}`);
  if ((descriptor & 0x18) !== 0) throw fail('has reserved bits set');
  if ((descriptor & 0x03) !== 0) throw fail('asks for a dictionary');
  if ((descriptor & 0x04) === 0) throw fail('has no checksum');
  if (descriptor >> 5 === 0) throw fail('does not tell its content size');
  return contentSizePosition(descriptor) + SIZE_BYTES[descriptor >> 6]!;
}

/** Reads a whole header at the start of `bytes`. Throws `frame-header` or `frame-size` of the frame at `position`. */
export function decodeFrameHeader(bytes: Uint8Array, position: number): FrameHeader {
  const descriptor = bytes[4]!;
  const headerSize = measureHeader(descriptor, position);
  const contentSize = readContentSize(viewOf(bytes), contentSizePosition(descriptor), descriptor >> 6);
  const window = isSingleSegment(descriptor) ? contentSize : windowSize(bytes[5]!);
  if (!isSingleSegment(descriptor) && window > MAX_WINDOW) {
    throw new FormatError('frame-header', position, `a zstd frame with a window of ${window} bytes`);
  }
  if (contentSize < 1 || contentSize > MAX_DATA_CONTENT) {
    throw new FormatError('frame-size', position, `a zstd frame of ${contentSize} bytes of content`);
  }
  return { headerSize, contentSize, maxBlockSize: Math.min(window, MAX_BLOCK_SIZE) };
}

function isSingleSegment(descriptor: number): boolean {
  return (descriptor & 0x20) !== 0;
}

/** Behind magic, descriptor and, unless the frame is one segment, the window descriptor. */
function contentSizePosition(descriptor: number): number {
  return isSingleSegment(descriptor) ? 5 : 6;
}

/**
 * Consumes one whole zstd frame whose header has been checked, block by block, without decoding it.
 * Throws `truncated` at the end of the stream, `frame-corrupt` on a block that no frame can have.
 */
export async function takeFrame(reader: ByteReader): Promise<{ bytes: Uint8Array; header: FrameHeader }> {
  const position = reader.position;
  const start = await reader.peek(FIRST_BYTES);
  if (start.length < FIRST_BYTES) throw truncated(position + start.length);
  const size = measureHeader(start[4]!, position);
  const whole = await reader.peek(size);
  if (whole.length < size) throw truncated(position + whole.length);
  const header = decodeFrameHeader(whole, position);
  const bytes = await reader.take(await findFrameEnd(reader, header, position));
  return { bytes, header };
}

/** The fault of a file that ends before its seek table. */
export function truncated(position: number): FormatError {
  const hint = 'the file was cut short: get it again, or keep what is whole with --salvage';
  return new FormatError('truncated', position, 'the file ends in the middle', { hint });
}

async function findFrameEnd(reader: ByteReader, header: FrameHeader, position: number): Promise<number> {
  for (let end = header.headerSize; ; ) {
    const seen = await reader.peek(end + BLOCK_HEADER_SIZE);
    if (seen.length < end + BLOCK_HEADER_SIZE) throw truncated(position + seen.length);
    const block = seen[end]! | (seen[end + 1]! << 8) | (seen[end + 2]! << 16);
    const type = (block >> 1) & 3;
    const size = block >> 3;
    if (type === RESERVED || size > header.maxBlockSize) {
      throw new FormatError('frame-corrupt', position, 'a zstd frame with a block that cannot be');
    }
    end += BLOCK_HEADER_SIZE + (type === RLE ? 1 : size);
    if (end > MAX_FRAME_SIZE) throw new FormatError('frame-size', position, 'a zstd frame of more than 9 MiB');
    if ((block & 1) === 0) continue;
    end += CHECKSUM_SIZE;
    const whole = await reader.peek(end);
    if (whole.length < end) throw truncated(position + whole.length);
    return end;
  }
}

function readContentSize(view: DataView, position: number, code: number): number {
  switch (code) {
    case 0:
      return view.getUint8(position);
    case 1:
      return view.getUint16(position, true) + 256;
    case 2:
      return view.getUint32(position, true);
    default:
      return view.getUint32(position, true) + view.getUint32(position + 4, true) * 2 ** 32;
  }
}

/** RFC 8878 §3.1.1.1.2. */
function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}
