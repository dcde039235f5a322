import { BATCH_SIZE } from '../../format/layout.js';

/** A part of an arena's memory. */
export interface ArenaPlace {
  /** The buffer, by its number. */
  readonly buffer: number;
  readonly position: number;
}

/**
 * Memory that is filled with copies of data and emptied as a whole, again and again: what is used stays the same, however
 * long that goes on, and nothing waits for a garbage collection.
 */
export class Arena {
  readonly #buffers: Uint8Array[] = [];
  #current = 0;
  #used = 0;

  /** Bytes of memory that have been filled, with what was too short to be. */
  get filled(): number {
    const before = this.#buffers.slice(0, this.#current);
    return before.reduce((sum, { length }) => sum + length, this.#used);
  }

  /** Bytes of memory that it has taken, filled or not. */
  get taken(): number {
    return this.#buffers.reduce((sum, { length }) => sum + length, 0);
  }

  /** Keeps a copy of the bytes, which stay together. */
  keep(bytes: Uint8Array): ArenaPlace {
    while (this.#room < bytes.length) this.#next(bytes.length);
    const place = { buffer: this.#current, position: this.#used };
    this.#buffers[this.#current]!.set(bytes, this.#used);
    this.#used += bytes.length;
    return place;
  }

  /** What is kept at a place. */
  at({ buffer, position }: ArenaPlace, length: number): Uint8Array {
    return this.#buffers[buffer]!.subarray(position, position + length);
  }

  /** Forgets all that is kept. */
  empty(): void {
    this.#current = 0;
    this.#used = 0;
  }

  get #room(): number {
    return (this.#buffers[this.#current]?.length ?? 0) - this.#used;
  }

  /** A buffer that is too short is made anew. */
  #next(need: number): void {
    if (this.#used > 0) this.#current += 1;
    this.#used = 0;
    const found = this.#buffers[this.#current];
    if (found === undefined || found.length < need)
      this.#buffers[this.#current] = new Uint8Array(Math.max(need, Math.min(this.taken, BATCH_SIZE)));
  }
}
