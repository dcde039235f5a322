import { type Bits, fillBits, findBit } from './bits.js';
import { ALL_SECTORS, type BlockPart, BLOCK_SIZE, NO_SECTORS } from './block-part.js';
import { LEAF_BITS, type Leaves } from './leaves.js';
import type { NumberTable } from './number-table.js';

export const PAGE_BLOCKS = LEAF_BITS;
export const PAGE_SIZE = PAGE_BLOCKS * BLOCK_SIZE;

/** Blocks whose sectors are in one leaf, a byte for each. */
const SECTORS_SHIFT = 12;
/** Blocks whose bytes are in one leaf, a bit for each. */
const BYTES_SHIFT = 3;
const WORDS_OF_BLOCK = BLOCK_SIZE / 32;

/** Numbers of a page's leaves: of its touched blocks, of sectors, of bytes. */
const SECTORS_LEAF = 1;
const BYTES_LEAF = SECTORS_LEAF + (PAGE_BLOCKS >> SECTORS_SHIFT);
const END_LEAF = BYTES_LEAF + (PAGE_BLOCKS >> BYTES_SHIFT);
/** From one page's leaves to those of the next one. */
const LEAVES_OF_PAGE = 8192;

/** What is known of a page is one number: its bytes in the set times this, and its blocks that are in it in part. */
const STATE_BASE = 2 * PAGE_BLOCKS;

/** Stands for a block whose bytes are told apart; all sectors together are no part of a block. */
const IN_BYTES = ALL_SECTORS;
const NOT_PARTIAL = NO_SECTORS;

/**
 * Which bytes of 128 MiB of the device are in a set: a bit for each block that is, wholly or in part; and where it is
 * only in part a bit for each sector, or for each byte. What tells that lies in {@link Leaves}, which pages share.
 */
export class Page {
  readonly #states: NumberTable;
  readonly #leaves: Leaves;
  readonly #index: number;
  readonly #firstLeaf: number;

  /** The page of that number, of which `states` knows by it. */
  constructor(states: NumberTable, leaves: Leaves, index: number) {
    this.#states = states;
    this.#leaves = leaves;
    this.#index = index;
    this.#firstLeaf = index * LEAVES_OF_PAGE;
  }

  /** Begins the page, wholly in the set or not at all. Where it throws, `states` knows nothing of it. */
  begin(isWhole: boolean): void {
    fillBits(this.#leaves.make(this.#firstLeaf), 0, PAGE_BLOCKS, isWhole);
    this.#states.set(this.#index, (isWhole ? PAGE_SIZE : 0) * STATE_BASE);
  }

  /** Bytes in the set. */
  get size(): number {
    return Math.floor(this.#state / STATE_BASE);
  }

  /** So many bytes more are in the set, or less. */
  resize(bytes: number): void {
    this.#states.set(this.#index, this.#state + bytes * STATE_BASE);
  }

  /** Blocks that are in the set, wholly or in part; to be read or changed at once. */
  get touched(): Bits {
    return this.#leaves.get(this.#firstLeaf)!;
  }

  get hasPartialBlocks(): boolean {
    return this.#state % STATE_BASE > 0;
  }

  /** What of the block is in the set; `undefined` of one that is in it wholly or not at all. The caller's to change. */
  part(block: number): BlockPart | undefined {
    const mark = this.#mark(block);
    if (mark === NOT_PARTIAL) return undefined;
    if (mark !== IN_BYTES) return mark;
    const start = firstWord(block);
    return this.#leaves.get(this.#bytesLeaf(block))!.slice(start, start + WORDS_OF_BLOCK);
  }

  /** Keeps a copy of what of the block is in the set. Where it throws, it has changed nothing. */
  setPart(block: number, part: BlockPart): void {
    if (typeof part !== 'number') this.#setBytes(block, part);
    else this.#setMark(block, part === ALL_SECTORS ? NOT_PARTIAL : part);
    fillBits(this.touched, block, block + 1, part !== NO_SECTORS);
  }

  /** The blocks from `first` to `end`, exclusive, that are in the set in part. A block may be changed when it is given. */
  *partialBlocks(first: number, end: number): Generator<number> {
    if (!this.hasPartialBlocks) return;
    for (let block = first; block < end;) {
      const marks = this.#leaves.get(this.#sectorsLeaf(block));
      const leafEnd = Math.min(end, ((block >> SECTORS_SHIFT) + 1) << SECTORS_SHIFT);
      if (marks === undefined) block = leafEnd;
      for (; block < leafEnd; block++) if (markIn(marks!, block) !== NOT_PARTIAL) yield block;
    }
  }

  /** Gives back all that it has in leaves, of which those of bytes are gone with the last partial block; `states` still knows it. */
  drop(): void {
    const end = this.hasPartialBlocks ? END_LEAF : BYTES_LEAF;
    for (let leaf = 0; leaf < end; leaf++) this.#leaves.drop(this.#firstLeaf + leaf);
  }

  get #state(): number {
    return this.#states.get(this.#index)!;
  }

  #mark(block: number): number {
    if (!this.hasPartialBlocks) return NOT_PARTIAL;
    const marks = this.#leaves.get(this.#sectorsLeaf(block));
    return marks === undefined ? NOT_PARTIAL : markIn(marks, block);
  }

  #setMark(block: number, mark: number): void {
    const before = this.#mark(block);
    if (before === mark) return;
    const marks = this.#leaves.make(this.#sectorsLeaf(block));
    setMarkIn(marks, block, mark);
    const more = Number(mark !== NOT_PARTIAL) - Number(before !== NOT_PARTIAL);
    this.#states.set(this.#index, this.#state + more);
    if (before === IN_BYTES && !hasBytesNear(marks, block)) this.#leaves.drop(this.#bytesLeaf(block));
  }

  #setBytes(block: number, bytes: Bits): void {
    this.#leaves.make(this.#bytesLeaf(block)).set(bytes, firstWord(block));
    this.#setMark(block, IN_BYTES);
  }

  #sectorsLeaf(block: number): number {
    return this.#firstLeaf + SECTORS_LEAF + (block >> SECTORS_SHIFT);
  }

  #bytesLeaf(block: number): number {
    return this.#firstLeaf + BYTES_LEAF + (block >> BYTES_SHIFT);
  }
}

/** Blocks of a page that are in the set wholly, or one that is in it in part. */
export interface BlockRun {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
  readonly part: BlockPart | undefined;
}

/** What of the blocks from `first` to `end`, exclusive, is in the set, ascending. */
export function* blockRuns(page: Page, first: number, end: number): Generator<BlockRun> {
  for (let block = first; ;) {
    block = findBit(page.touched, block, end, true);
    if (block === end) return;
    const part = page.part(block);
    const next = part === undefined ? endOfWhole(page, block, end) : block + 1;
    yield { first: block, end: next, part };
    block = next;
  }
}

function endOfWhole(page: Page, block: number, last: number): number {
  const end = findBit(page.touched, block, last, false);
  for (const partial of page.partialBlocks(block, end)) return partial;
  return end;
}

function firstWord(block: number): number {
  return (block & ((1 << BYTES_SHIFT) - 1)) * WORDS_OF_BLOCK;
}

function wordOf(block: number): number {
  return (block & ((1 << SECTORS_SHIFT) - 1)) >> 2;
}

function markIn(marks: Bits, block: number): number {
  return (marks[wordOf(block)]! >>> ((block & 3) * 8)) & 0xff;
}

function setMarkIn(marks: Bits, block: number, mark: number): void {
  const shift = (block & 3) * 8;
  const word = wordOf(block);
  marks[word] = (marks[word]! & ~(0xff << shift)) | (mark << shift);
}

/** Whether bytes are told apart in one of the blocks that share a leaf with this one. */
function hasBytesNear(marks: Bits, block: number): boolean {
  const first = (block >> BYTES_SHIFT) << BYTES_SHIFT;
  for (let each = first; each < first + (1 << BYTES_SHIFT); each++)
    if (markIn(marks, each) === IN_BYTES) return true;
  return false;
}
