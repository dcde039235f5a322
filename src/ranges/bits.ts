/** Bit maps in 32-bit words, lowest bit first. Positions are bits; ranges of them are half-open. */
export type Bits = Uint32Array;

const ALL = 0xffffffff;

/** A map of `count` bits, all clear; `count` is a multiple of 32. */
export function createBits(count: number): Bits {
  return new Uint32Array(count / 32);
}

/** Sets or clears the bits of a range. Returns how many of them changed. */
export function fillBits(bits: Bits, start: number, end: number, value: boolean): number {
  let changed = 0;
  for (let at = start; at < end; at = nextWord(at)) {
    const word = bits[at >> 5]!;
    const mask = maskOf(at, end);
    bits[at >> 5] = value ? word | mask : word & ~mask;
    changed += countOnes(mask & (value ? ~word : word));
  }
  return changed;
}

/** Number of set bits in a map. */
export function countBits(bits: Bits): number {
  return bits.reduce((sum, word) => sum + countOnes(word), 0);
}

/** The first bit of the range that has the value; `end` if none has. */
export function findBit(bits: Bits, start: number, end: number, value: boolean): number {
  for (let at = start; at < end; at = nextWord(at)) {
    const word = bits[at >> 5]!;
    const found = (value ? word : ~word) & maskOf(at, end);
    if (found !== 0) return (at & ~31) + lowestOne(found);
  }
  return end;
}

function nextWord(at: number): number {
  return (at & ~31) + 32;
}

/** The bits from `at` to `end` or to the end of the word, as a mask of the word that `at` is in. */
function maskOf(at: number, end: number): number {
  const last = end - (at & ~31);
  return (ALL << (at & 31)) & (last >= 32 ? ALL : ~(ALL << last));
}

function lowestOne(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** Number of set bits in a word. Sums of 2, 4 and 8 bits side by side, then all bytes at once (Warren, Hacker's Delight, 5-1). */
export function countOnes(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
