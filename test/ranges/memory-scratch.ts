import type { Scratch } from '#src/ranges/scratch.js';

/** Keeps what is written by where it begins; only that can be read. */
export class MemoryScratch implements Scratch {
  readonly #written = new Map<number, Uint8Array>();
  readonly #onClose: () => void;

  constructor(onClose: () => void = () => undefined) {
    this.#onClose = onClose;
  }

  write(at: number, bytes: Uint8Array): void {
    this.#written.set(at, bytes.slice());
  }

  read(at: number, into: Uint8Array): void {
    const found = this.#written.get(at);
    if (found?.length !== into.length) throw new Error(`nothing was written at ${at}`);
    into.set(found);
  }

  close(): void {
    this.#written.clear();
    this.#onClose();
  }
}

export const noScratch = (): never => {
  throw new Error('no scratch is needed');
};
