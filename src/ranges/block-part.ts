import type { Range } from './range.js';
import { countBits, countOnes, createBits, fillBits, findBit, type Bits } from './bits.js';

export const BLOCK_SIZE = 4096;
/** Bytes, on every device: the kernel counts in them, and a disk writes one whole or not at all. */
export const SECTOR_SIZE = 512;
const SECTORS = BLOCK_SIZE / SECTOR_SIZE;

/**
 * Which bytes of a block are in a set: a bit for each sector, the lowest for the first, or a map of its bytes where a
 * sector is in it in part.
 */
export type BlockPart = number | Bits;

export const NO_SECTORS = 0;
export const ALL_SECTORS = 0xff;

/** Puts the bytes of the block in, or takes them out; takes ownership of `part`. Whole sectors are bits of a number again. */
export function changePart(part: BlockPart, start: number, end: number, value: boolean): BlockPart {
  if (typeof part === 'number' && start % SECTOR_SIZE === 0 && end % SECTOR_SIZE === 0) {
    const sectors = (1 << (end / SECTOR_SIZE)) - (1 << (start / SECTOR_SIZE));
    return value ? part | sectors : part & ~sectors;
  }
  const bytes = typeof part === 'number' ? bytesOf(part) : part;
  fillBits(bytes, start, end, value);
  return sectorsOf(bytes) ?? bytes;
}

/** Bytes of the block that are in the set. */
export function sizeOfPart(part: BlockPart): number {
  return typeof part === 'number' ? countOnes(part) * SECTOR_SIZE : countBits(part);
}

/** What is in the set between two bytes of the device, ascending, of a block that begins at byte `base`. */
export function* partRuns(part: BlockPart, base: number, from: number, to: number): Generator<Range> {
  const bytes = typeof part === 'number' ? bytesOf(part) : part;
  const end = to - base;
  for (let at = from - base; ;) {
    const start = findBit(bytes, at, end, true);
    if (start === end) return;
    at = findBit(bytes, start, end, false);
    yield { offset: base + start, length: at - start };
  }
}

function bytesOf(sectors: number): Bits {
  const bytes = createBits(BLOCK_SIZE);
  for (let i = 0; i < SECTORS; i++)
    fillBits(bytes, i * SECTOR_SIZE, (i + 1) * SECTOR_SIZE, ((sectors >> i) & 1) === 1);
  return bytes;
}

/** A bit for each sector; `undefined` if one is in the set in part. */
function sectorsOf(bytes: Bits): number | undefined {
  let sectors = NO_SECTORS;
  for (let i = 0; i < SECTORS; i++) {
    const start = i * SECTOR_SIZE;
    const end = start + SECTOR_SIZE;
    if (findBit(bytes, start, end, true) === end) continue;
    if (findBit(bytes, start, end, false) < end) return undefined;
    sectors |= 1 << i;
  }
  return sectors;
}
