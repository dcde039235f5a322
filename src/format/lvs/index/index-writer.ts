import type { Closing } from '../maps/closing.js';
import type { FrameCodec } from '../../frame-codec.js';
import type { FrameEntry } from './frame-entry.js';
import { FrameIndex } from './frame-index.js';
import { SeekTable } from './seek-table.js';

/** Writes bytes at the end of a file. */
export type Append = (bytes: Uint8Array) => Promise<void>;

/**
 * Writes the index of a file (§4.6): a page whenever so much has been listed that it is full, the last page, and the seek
 * table (§4.7). Pages may stand between the frames that they list and the next ones, or all behind the last frame.
 */
export class IndexWriter {
  readonly #append: Append;
  readonly #index: FrameIndex;
  readonly #seekTable = new SeekTable();
  readonly #behind: number[] | undefined;

  /** `hasPieces`: every frame of data comes with its piece digests. `isBehind`: no frame follows once a page is written. */
  constructor(append: Append, codec: FrameCodec, hasPieces: boolean, isBehind = false) {
    this.#append = append;
    this.#index = new FrameIndex(codec, hasPieces);
    this.#behind = isBehind ? [] : undefined;
  }

  /** Lists the next frame of the file; `pieces` covers its pieces, of frames that have any. True: a page is to be written. */
  list(entry: FrameEntry, pieces?: Uint8Array): boolean {
    this.#index.list(entry, pieces);
    this.#seekTable.add(entry.frameSize, entry.contentSize);
    return this.#index.isFull;
  }

  /** Writes the page of what has been listed since the last one, at `position` of the file; of a map with its ranges. */
  async writePage(position: number, ranges?: Uint8Array): Promise<void> {
    await this.#write(this.#index.takePage(position, ranges));
  }

  /** Writes the last page and the seek table, which end the file. */
  async finish(closing: Closing, ranges?: Uint8Array): Promise<void> {
    await this.#write(this.#index.takeLastPage(closing, ranges));
    for (const size of this.#behind ?? []) this.#seekTable.add(size, 0);
    for (const part of this.#seekTable.encode()) await this.#append(part);
  }

  async #write(page: Uint8Array): Promise<void> {
    await this.#append(page);
    if (this.#behind) this.#behind.push(page.length);
    else this.#seekTable.add(page.length, 0);
  }
}
