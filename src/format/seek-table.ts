import {
  SEEK_ENTRY_SIZE,
  SEEK_FOOTER_SIZE,
  SEEK_TABLE_MAGIC,
  SEEKABLE_MAGIC,
  SKIPPABLE_HEADER_SIZE,
} from './layout.js';
import { viewOf } from './skippable.js';

/** One frame of the file as the seek table lists it; a skippable frame has no content. */
interface SeekEntry {
  readonly frameSize: number;
  readonly contentSize: number;
}

const GROWTH = 1024;

/** The frames of a file as they come, for the seek table at its end (§4.7): 8 bytes of memory a frame. */
export class SeekTable {
  #bytes = new Uint8Array(GROWTH * SEEK_ENTRY_SIZE);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(frameSize: number, contentSize: number): void {
    const at = this.#count * SEEK_ENTRY_SIZE;
    if (at === this.#bytes.length) this.#grow();
    const view = viewOf(this.#bytes);
    view.setUint32(at, frameSize, true);
    view.setUint32(at + 4, contentSize, true);
    this.#count++;
  }

  /** The whole frame: zstd's seekable format, without checksums. */
  encode(): Uint8Array {
    const size = this.#count * SEEK_ENTRY_SIZE + SEEK_FOOTER_SIZE;
    const frame = new Uint8Array(SKIPPABLE_HEADER_SIZE + size);
    const view = viewOf(frame);
    view.setUint32(0, SEEK_TABLE_MAGIC, true);
    view.setUint32(4, size, true);
    frame.set(this.#bytes.subarray(0, this.#count * SEEK_ENTRY_SIZE), SKIPPABLE_HEADER_SIZE);
    view.setUint32(frame.length - SEEK_FOOTER_SIZE, this.#count, true);
    view.setUint32(frame.length - 4, SEEKABLE_MAGIC, true);
    return frame;
  }

  #grow(): void {
    const grown = new Uint8Array(this.#bytes.length * 2);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/** Size of the seek table of `count` frames. */
export function seekTableSize(count: number): number {
  return SKIPPABLE_HEADER_SIZE + count * SEEK_ENTRY_SIZE + SEEK_FOOTER_SIZE;
}

/** The number of frames that a footer of 9 bytes tells, or undefined when it is none. */
export function decodeSeekFooter(footer: Uint8Array): number | undefined {
  const view = viewOf(footer);
  if (footer.length !== SEEK_FOOTER_SIZE || view.getUint32(5, true) !== SEEKABLE_MAGIC || footer[4] !== 0)
    return undefined;
  return view.getUint32(0, true);
}

/** The last entry of a whole seek table frame; the entry of the last index page. */
export function lastSeekEntry(frame: Uint8Array): SeekEntry {
  const at = frame.length - SEEK_FOOTER_SIZE - SEEK_ENTRY_SIZE;
  const view = viewOf(frame);
  return { frameSize: view.getUint32(at, true), contentSize: view.getUint32(at + 4, true) };
}
