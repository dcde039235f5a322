import {
  SEEK_ENTRY_SIZE,
  SEEK_FOOTER_SIZE,
  SEEK_TABLE_MAGIC,
  SEEKABLE_MAGIC,
  SKIPPABLE_HEADER_SIZE,
} from '../../layout.js';
import type { ByteReader } from '../../byte-reader.js';
import type { Sha256 } from '../../frame-codec.js';
import { viewOf } from '../../view.js';
import { truncated } from '../frames/zstd-frame.js';

const PART_ENTRIES = 8192;

/** The frames of a file as they come, for the seek table at its end (§4.7): 8 bytes of memory a frame. */
export class SeekTable {
  readonly #full: Uint8Array[] = [];
  #part = new EntryPart();

  add(frameSize: number, contentSize: number): void {
    if (this.#part.isFull) {
      this.#full.push(this.#part.bytes);
      this.#part = new EntryPart();
    }
    this.#part.add(frameSize, contentSize);
  }

  /** The whole frame in parts: zstd's seekable format, without checksums. */
  encode(): readonly Uint8Array[] {
    const count = this.#full.length * PART_ENTRIES + this.#part.count;
    return [encodeSeekHeader(count), ...this.#full, this.#part.bytes, encodeSeekFooter(count)];
  }
}

/** The same for a reader, which only compares (§4.7): no memory a frame. */
export class SeekTableDigest {
  readonly #sha256: Sha256;
  readonly #part = new EntryPart();
  #count = 0;

  /** `sha256`: one that is fed in pieces. */
  constructor(sha256: Sha256) {
    this.#sha256 = sha256;
  }

  get count(): number {
    return this.#count;
  }

  add(frameSize: number, contentSize: number): void {
    if (this.#part.isFull) this.#feed();
    this.#part.add(frameSize, contentSize);
    this.#count++;
  }

  /** SHA-256 of the payload that the seek table must have; ends the use. */
  digest(): Uint8Array {
    this.#feed();
    this.#sha256.update(encodeSeekFooter(this.#count));
    return this.#sha256.digest();
  }

  #feed(): void {
    this.#sha256.update(this.#part.bytes);
    this.#part.count = 0;
  }
}

/** Some entries, one after the other. */
class EntryPart {
  count = 0;
  readonly #bytes = new Uint8Array(PART_ENTRIES * SEEK_ENTRY_SIZE);
  readonly #view = viewOf(this.#bytes);

  get isFull(): boolean {
    return this.count === PART_ENTRIES;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.count * SEEK_ENTRY_SIZE);
  }

  add(frameSize: number, contentSize: number): void {
    const at = this.count * SEEK_ENTRY_SIZE;
    this.#view.setUint32(at, frameSize, true);
    this.#view.setUint32(at + 4, contentSize, true);
    this.count++;
  }
}

function encodeSeekHeader(count: number): Uint8Array {
  const header = new Uint8Array(SKIPPABLE_HEADER_SIZE);
  viewOf(header).setUint32(0, SEEK_TABLE_MAGIC, true);
  viewOf(header).setUint32(4, count * SEEK_ENTRY_SIZE + SEEK_FOOTER_SIZE, true);
  return header;
}

function encodeSeekFooter(count: number): Uint8Array {
  const footer = new Uint8Array(SEEK_FOOTER_SIZE);
  viewOf(footer).setUint32(0, count, true);
  viewOf(footer).setUint32(SEEK_FOOTER_SIZE - 4, SEEKABLE_MAGIC, true);
  return footer;
}

/** Size of the seek table of `count` frames. */
export function seekTableSize(count: number): number {
  return SKIPPABLE_HEADER_SIZE + count * SEEK_ENTRY_SIZE + SEEK_FOOTER_SIZE;
}

/**
 * SHA-256 of the payload of a seek table of `count` frames, which the reader stands at. `sha256`: one that is fed in
 * pieces. Throws `truncated`.
 */
export async function hashSeekTable(reader: ByteReader, sha256: Sha256, count: number): Promise<Uint8Array> {
  for (let left = seekTableSize(count) - SKIPPABLE_HEADER_SIZE; left > 0;) {
    const part = await reader.peek(Math.min(left, PART_ENTRIES * SEEK_ENTRY_SIZE));
    if (part.length === 0) throw truncated(reader.position);
    sha256.update(part);
    reader.skip(part.length);
    left -= part.length;
  }
  return sha256.digest();
}

/** What the end of a seek table tells: how many frames it lists, and the size of the last one, the last index page. */
export interface SeekEnd {
  readonly count: number;
  readonly frameSize: number;
}

/** The last entry of a seek table and the footer. */
export const SEEK_END_SIZE = SEEK_ENTRY_SIZE + SEEK_FOOTER_SIZE;

/** Decodes the last `SEEK_END_SIZE` bytes of a file; undefined when they are not the end of a seek table. */
export function decodeSeekEnd(end: Uint8Array): SeekEnd | undefined {
  const view = viewOf(end);
  const count = view.getUint32(SEEK_ENTRY_SIZE, true);
  const isFooter =
    view.getUint32(SEEK_ENTRY_SIZE + 5, true) === SEEKABLE_MAGIC && end[SEEK_ENTRY_SIZE + 4] === 0;
  return isFooter && count > 0 ? { count, frameSize: view.getUint32(0, true) } : undefined;
}
