import { FormatError, remedy, sentence } from '../../../errors.js';
import type { BufferPool } from '../../batch.js';
import { frameRoom } from '../../frame-codec.js';
import type { ByteReader } from '../../byte-reader.js';
import { MAX_DATA_CONTENT, MAX_FRAME_SIZE } from '../../layout.js';
import { viewOf } from '../../view.js';
import { hasLongZero } from './zstd-block.js';

const FIRST_BYTES = 5;

/** What the header of a data frame says (RFC 8878 §3.1.1.1), after the container's own rules (§4.4). */
export interface FrameHeader {
  readonly headerSize: number;
  readonly contentSize: number;
  /** RFC 8878's Block_Maximum_Size. */
  readonly maxBlockSize: number;
}

const CHECKSUM_SIZE = 4;
/** Of a single segment the content size stands right behind magic and descriptor. */
const CONTENT_SIZE_POSITION = 5;
/** Bytes of the content size by the descriptor's top two bits. */
const SIZE_BYTES = [1, 2, 4, 8];
const BLOCK_HEADER_SIZE = 3;
const MAX_BLOCK_SIZE = 1 << 17;
const RLE = 1;
const COMPRESSED = 2;
const RESERVED = 3;

/** Size of a frame's header by its descriptor. Throws `frame-header` of the frame at `position`. */
function measureHeader(descriptor: number, position: number): number {
  const fail = (why: string) => new FormatError('frame-header', position, `a zstd frame ${why}`);
  if ((descriptor & 0x18) !== 0) throw fail('has reserved bits set');
  if ((descriptor & 0x03) !== 0) throw fail('asks for a dictionary');
  if ((descriptor & 0x04) === 0) throw fail('has no checksum');
  if ((descriptor & 0x20) === 0) throw fail('is not a single segment');
  return CONTENT_SIZE_POSITION + SIZE_BYTES[descriptor >> 6]!;
}

/** Reads a whole header at the start of `bytes`. Throws `frame-header` or `frame-size` of the frame at `position`. */
function decodeFrameHeader(bytes: Uint8Array, position: number): FrameHeader {
  const descriptor = bytes[4]!;
  const headerSize = measureHeader(descriptor, position);
  const contentSize = readContentSize(viewOf(bytes), CONTENT_SIZE_POSITION, descriptor >> 6);
  if (contentSize < 1 || contentSize > MAX_DATA_CONTENT) {
    throw new FormatError('frame-size', position, `a zstd frame of ${contentSize} bytes of content`);
  }
  return { headerSize, contentSize, maxBlockSize: Math.min(contentSize, MAX_BLOCK_SIZE) };
}

/**
 * Consumes one whole zstd frame, block by block, without decoding it.
 * Throws `truncated` at the end of the stream, `frame-corrupt` on a block that no frame can have.
 */
export async function takeFrame(
  reader: ByteReader,
  pool: BufferPool,
): Promise<{ bytes: Uint8Array; header: FrameHeader }> {
  const position = reader.position;
  const start = await reader.peek(FIRST_BYTES);
  if (start.length < FIRST_BYTES) throw truncated(position + start.length);
  const size = measureHeader(start[4]!, position);
  const whole = await reader.peek(size);
  if (whole.length < size) throw truncated(position + whole.length);
  const header = decodeFrameHeader(whole, position);
  return { bytes: await takeBlocks(reader, header, position, pool), header };
}

/** The fault of a file that ends before its seek table. */
export function truncated(position: number): FormatError {
  const hint = sentence`the file was cut short: get it again, or keep what is whole with ${remedy('compress-salvage')}`;
  return new FormatError('truncated', position, 'the file ends in the middle', { hint });
}

async function takeBlocks(
  reader: ByteReader,
  header: FrameHeader,
  position: number,
  pool: BufferPool,
): Promise<Uint8Array> {
  const frame = new FrameBuffer(reader, position, pool.take(frameRoom(header.contentSize)));
  await frame.take(header.headerSize + BLOCK_HEADER_SIZE);
  let isPlain = true;
  for (;;) {
    const { type, size, isLast } = decodeBlockHeader(frame.end(BLOCK_HEADER_SIZE));
    if (type === RESERVED || size > header.maxBlockSize) throw impossibleBlock(position);
    const body = type === RLE ? 1 : size;
    if (frame.size + body > MAX_FRAME_SIZE) {
      throw new FormatError('frame-size', position, 'a zstd frame of more than 9 MiB');
    }
    const behind = isLast ? CHECKSUM_SIZE : BLOCK_HEADER_SIZE;
    await frame.take(body + behind);
    if (type === COMPRESSED && hasLongZero(frame.end(body + behind).subarray(0, body))) isPlain = false;
    if (isLast && !isPlain) throw impossibleBlock(position);
    if (isLast) return frame.bytes();
  }
}

function impossibleBlock(position: number): FormatError {
  return new FormatError('frame-corrupt', position, "a zstd frame with a block that can't be");
}

/** RFC 8878 §3.1.1.2. */
function decodeBlockHeader(bytes: Uint8Array): { type: number; size: number; isLast: boolean } {
  const block = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16);
  return { type: (block >> 1) & 3, size: block >> 3, isLast: (block & 1) !== 0 };
}

/** A frame as it is taken off the stream, in a buffer of its own that seldom has to grow. */
class FrameBuffer {
  readonly #reader: ByteReader;
  readonly #position: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #size = 0;

  constructor(reader: ByteReader, position: number, buffer: Uint8Array<ArrayBuffer>) {
    this.#reader = reader;
    this.#position = position;
    this.#bytes = buffer;
  }

  get size(): number {
    return this.#size;
  }

  /** The last `count` bytes taken. */
  end(count: number): Uint8Array {
    return this.#bytes.subarray(this.#size - count, this.#size);
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  async take(count: number): Promise<void> {
    if (this.#size + count > this.#bytes.length) this.#grow(count);
    const got = await this.#reader.readInto(this.#bytes.subarray(this.#size, this.#size + count));
    this.#size += got;
    if (got < count) throw truncated(this.#position + this.#size);
  }

  #grow(count: number): void {
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + count));
    grown.set(this.#bytes);
    this.#bytes = grown;
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
