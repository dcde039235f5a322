/** Whole numbers below 2^53, in 4 bytes each where all of them fit. */
export type Numbers = Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

const BLOCK_LENGTH = 1 << 14;
const FITS = 2 ** 32;

/** Collects whole numbers below 2^53 of which nobody knows how many there will be. */
export class NumberList {
  readonly #full: Numbers[] = [];
  #block: Numbers = new Uint32Array(BLOCK_LENGTH);
  #used = 0;
  #wide = false;

  push(value: number): void {
    if (this.#used === BLOCK_LENGTH || (value >= FITS && !this.#wide)) this.#begin(value);
    this.#block[this.#used] = value;
    this.#used += 1;
  }

  #begin(value: number): void {
    this.#wide ||= value >= FITS;
    this.#full.push(this.#block.subarray(0, this.#used));
    this.#block = this.#wide ? new Float64Array(BLOCK_LENGTH) : new Uint32Array(BLOCK_LENGTH);
    this.#used = 0;
  }

  /** All of them in their order, in one array. Empties the list; both are in memory meanwhile. */
  take(): Numbers {
    const blocks = [...this.#full.splice(0), this.#block.subarray(0, this.#used)];
    this.#used = 0;
    const count = blocks.reduce((sum, { length }) => sum + length, 0);
    const numbers = this.#wide ? new Float64Array(count) : new Uint32Array(count);
    let at = 0;
    for (const block of blocks) {
      numbers.set(block, at);
      at += block.length;
    }
    return numbers;
  }
}

/** The first number of an ascending list that equals the one before it. */
export function firstTwice(sorted: Numbers): number | undefined {
  for (let i = 1; i < sorted.length; i += 1) if (sorted[i] === sorted[i - 1]) return sorted[i];
  return undefined;
}
