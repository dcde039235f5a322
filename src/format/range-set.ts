import { LvstreamError } from '../errors.js';
import type { Range } from './batch.js';
import { createBits, fillBits, findBit, type Bits } from './bits.js';

const BLOCK_SIZE = 4096;
const BLOCK_SHIFT = 12;
const PAGE_BLOCKS = 32768;
const PAGE_SIZE = PAGE_BLOCKS * BLOCK_SIZE;

const DEFAULT_MEMORY_LIMIT = 128 << 20;

/** Bytes of memory for each, with what the engine adds to them. */
const FULL_PAGE_COST = 40;
const PAGE_COST = PAGE_BLOCKS / 8 + 300;
const PARTIAL_COST = BLOCK_SIZE / 8 + 300;

/** A block of which some bytes are in the set, and some are not. */
interface PartialBlock {
  readonly bytes: Bits;
  /** Bytes in the set. */
  count: number;
}

/** 128 MiB of the device; blocks count from the page's start. */
interface Page {
  /** Blocks that are in the set, wholly or in part. */
  readonly touched: Bits;
  /** Those of them that are in it in part. */
  readonly partial: Map<number, PartialBlock>;
  /** Number of those that are in it wholly. */
  whole: number;
}

/** Stands for a page that is in the set wholly. */
const FULL = 'full';

/**
 * An exact set of device bytes, for streams whose records come in any order and overlap. Costs one bit for each
 * 4096-byte block near a changed one, 4 KiB for each such 128 MiB, and 40 bytes for each 128 MiB that are covered
 * wholly; a block that is covered in part costs 0.8 KiB.
 *
 * Law: after any calls of `add` and `remove`, a byte is in the set if the last call that covered it was `add`.
 */
export class RangeSet {
  readonly #pages = new Map<number, Page | typeof FULL>();
  readonly #memoryLimit: number;
  #memory = 0;
  #size = 0;

  /** `memoryLimit`: bytes of memory that the set may take. */
  constructor({ memoryLimit = DEFAULT_MEMORY_LIMIT }: { readonly memoryLimit?: number } = {}) {
    this.#memoryLimit = memoryLimit;
  }

  /** Bytes in the set. */
  get size(): number {
    return this.#size;
  }

  /** Puts the bytes in. Throws `LvstreamError` at the memory limit; the set is then incomplete. */
  add(range: Range): void {
    this.#change(range, true);
  }

  /** Takes the bytes out. It can need memory, and throws as {@link add} does. */
  remove(range: Range): void {
    this.#change(range, false);
  }

  /** The parts of the range that are not in the set, ascending; no two touch. */
  missing(range: Range): Range[] {
    const { offset, length } = range;
    if (length === 0) return [];
    const uniform = this.#uniformValue(range);
    if (uniform !== undefined) return uniform ? [] : [range];
    const gaps: Range[] = [];
    let at = offset;
    for (const run of this.#runs(range)) {
      if (run.offset > at) gaps.push({ offset: at, length: run.offset - at });
      at = run.offset + run.length;
    }
    if (at < offset + length) gaps.push({ offset: at, length: offset + length - at });
    return gaps;
  }

  /** The parts of the range that are in the set, ascending; no two touch. */
  covered(range: Range): Range[] {
    return [...joinRuns(this.#runs(range))];
  }

  /** All of the set, ascending; no two touch. The set must not be changed while this is iterated. */
  ranges(): Generator<Range> {
    return joinRuns(this.#allRuns());
  }

  *#allRuns(): Generator<Range> {
    const indexes = Float64Array.from(this.#pages.keys()).sort();
    for (const index of indexes) yield* this.#runs({ offset: index * PAGE_SIZE, length: PAGE_SIZE });
  }

  *#runs(range: Range): Generator<Range> {
    for (const { index, start, end } of slicePages(range)) {
      const page = this.#pages.get(index);
      const offset = index * PAGE_SIZE;
      if (page === FULL) yield { offset: offset + start, length: end - start };
      else if (page !== undefined) yield* pageRuns(page, offset, start, end);
    }
  }

  /** Whether the range is in the set wholly or not at all, where that is quickly told. */
  #uniformValue({ offset, length }: Range): boolean | undefined {
    const index = Math.floor(offset / PAGE_SIZE);
    const start = offset - index * PAGE_SIZE;
    const end = start + length;
    if (end > PAGE_SIZE) return undefined;
    const page = this.#pages.get(index);
    if (page === undefined || page === FULL) return page === FULL;
    const first = start >> BLOCK_SHIFT;
    const last = (end - 1) >> BLOCK_SHIFT;
    if (findBit(page.touched, first, last + 1, true) > last) return false;
    return page.partial.size === 0 && findBit(page.touched, first, last + 1, false) > last ? true : undefined;
  }

  #change(range: Range, value: boolean): void {
    assertRange(range);
    for (const { index, start, end } of slicePages(range)) {
      if (end - start === PAGE_SIZE) this.#setPage(index, value);
      else this.#changePage(index, start, end, value);
    }
  }

  #setPage(index: number, value: boolean): void {
    const page = this.#pages.get(index);
    this.#size += (value ? PAGE_SIZE : 0) - sizeOfPage(page);
    this.#charge((value ? FULL_PAGE_COST : 0) - costOfPage(page));
    if (value) this.#pages.set(index, FULL);
    else this.#pages.delete(index);
  }

  #changePage(index: number, start: number, end: number, value: boolean): void {
    const page = this.#openPage(index, value);
    if (page === undefined) return;
    const firstWhole = (start + BLOCK_SIZE - 1) >> BLOCK_SHIFT;
    const lastWhole = end >> BLOCK_SHIFT;
    if (firstWhole > lastWhole) {
      this.#changeBytes(page, lastWhole, start, end, value);
    } else {
      this.#changeBytes(page, firstWhole - 1, start, firstWhole * BLOCK_SIZE, value);
      this.#changeBlocks(page, firstWhole, lastWhole, value);
      this.#changeBytes(page, lastWhole, lastWhole * BLOCK_SIZE, end, value);
    }
    if (page.partial.size > 0) return;
    if (page.whole === PAGE_BLOCKS) this.#setPage(index, true);
    else if (page.whole === 0) this.#setPage(index, false);
  }

  /** The page as one that can be changed in part; `undefined` if all of it has the value already. */
  #openPage(index: number, value: boolean): Page | undefined {
    const found = this.#pages.get(index);
    if (found !== undefined && found !== FULL) return found;
    if ((found === FULL) === value) return undefined;
    this.#charge(PAGE_COST - costOfPage(found));
    const page: Page = { touched: createBits(PAGE_BLOCKS), partial: new Map(), whole: 0 };
    if (found === FULL) page.whole = fillBits(page.touched, 0, PAGE_BLOCKS, true);
    this.#pages.set(index, page);
    return page;
  }

  #changeBlocks(page: Page, first: number, end: number, value: boolean): void {
    if (page.partial.size > 0) {
      for (const block of partialBlocks(page, first, end)) this.#dropPartial(page, block);
    }
    const changed = fillBits(page.touched, first, end, value) * (value ? 1 : -1);
    page.whole += changed;
    this.#size += changed * BLOCK_SIZE;
  }

  /** Takes a partial block out of the set. */
  #dropPartial(page: Page, block: number): void {
    this.#size -= page.partial.get(block)?.count ?? 0;
    page.partial.delete(block);
    fillBits(page.touched, block, block + 1, false);
    this.#charge(-PARTIAL_COST);
  }

  /** `start` and `end` are bytes of the page, inside the one block. */
  #changeBytes(page: Page, block: number, start: number, end: number, value: boolean): void {
    if (start >= end) return;
    const partial = this.#openPartial(page, block, value);
    if (partial === undefined) return;
    const base = block * BLOCK_SIZE;
    const changed = fillBits(partial.bytes, start - base, end - base, value) * (value ? 1 : -1);
    partial.count += changed;
    this.#size += changed;
    if (partial.count === 0 || partial.count === BLOCK_SIZE)
      this.#changeBlocks(page, block, block + 1, value);
  }

  /** The block as one that can be changed in part; `undefined` if all of it has the value already. */
  #openPartial(page: Page, block: number, value: boolean): PartialBlock | undefined {
    const found = page.partial.get(block);
    if (found !== undefined) return found;
    const whole = findBit(page.touched, block, block + 1, true) === block;
    if (whole === value) return undefined;
    this.#charge(PARTIAL_COST);
    const bytes = createBits(BLOCK_SIZE);
    const partial = { bytes, count: whole ? fillBits(bytes, 0, BLOCK_SIZE, true) : 0 };
    page.whole -= whole ? 1 : 0;
    fillBits(page.touched, block, block + 1, true);
    page.partial.set(block, partial);
    return partial;
  }

  #charge(bytes: number): void {
    this.#memory += bytes;
    if (bytes <= 0 || this.#memory <= this.#memoryLimit) return;
    throw new LvstreamError(
      `the ranges are too many and too scattered to be kept in ${this.#memoryLimit / 2 ** 20} MiB of memory`,
      { hint: 'a sorted stream needs none of it, such as lvstream dump writes' },
    );
  }
}

function assertRange({ offset, length }: Range): void {
  if (offset >= 0 && length >= 0 && Number.isSafeInteger(offset) && Number.isSafeInteger(offset + length))
    return;
  throw new RangeError(`not a range of a device: ${length} bytes at ${offset}`);
}

/** The range by pages; `start` and `end` are bytes of the page. */
function* slicePages({ offset, length }: Range): Generator<{ index: number; start: number; end: number }> {
  const rangeEnd = offset + length;
  for (let at = offset; at < rangeEnd;) {
    const index = Math.floor(at / PAGE_SIZE);
    const base = index * PAGE_SIZE;
    const end = Math.min(rangeEnd - base, PAGE_SIZE);
    yield { index, start: at - base, end };
    at = base + end;
  }
}

function sizeOfPage(page: Page | typeof FULL | undefined): number {
  if (page === undefined) return 0;
  if (page === FULL) return PAGE_SIZE;
  return [...page.partial.values()].reduce((sum, { count }) => sum + count, page.whole * BLOCK_SIZE);
}

function costOfPage(page: Page | typeof FULL | undefined): number {
  if (page === undefined) return 0;
  return page === FULL ? FULL_PAGE_COST : PAGE_COST + page.partial.size * PARTIAL_COST;
}

/** The partial blocks between two blocks, by whichever of the two ways is shorter. */
function partialBlocks({ partial }: Page, first: number, end: number): number[] {
  if (partial.size < end - first) return [...partial.keys()].filter((block) => block >= first && block < end);
  return Array.from({ length: end - first }, (_, i) => first + i).filter((block) => partial.has(block));
}

/** What is in the set between two bytes of a page that begins at `base`, ascending. */
function* pageRuns(page: Page, base: number, start: number, end: number): Generator<Range> {
  const endBlock = Math.ceil(end / BLOCK_SIZE);
  for (let block = start >> BLOCK_SHIFT; ;) {
    block = findBit(page.touched, block, endBlock, true);
    if (block === endBlock) return;
    const partial = page.partial.get(block);
    const next = partial === undefined ? endOfWhole(page, block, endBlock) : block + 1;
    const from = Math.max(start, block * BLOCK_SIZE);
    const to = Math.min(end, next * BLOCK_SIZE);
    if (partial === undefined) yield { offset: base + from, length: to - from };
    else yield* bitRuns(partial.bytes, base, block * BLOCK_SIZE, from, to);
    block = next;
  }
}

function endOfWhole({ touched, partial }: Page, block: number, endBlock: number): number {
  const end = findBit(touched, block, endBlock, false);
  if (partial.size === 0) return end;
  for (let each = block; each < end; each++) if (partial.has(each)) return each;
  return end;
}

function* bitRuns(
  bits: Bits,
  pageBase: number,
  blockBase: number,
  from: number,
  to: number,
): Generator<Range> {
  const end = to - blockBase;
  for (let at = from - blockBase; ;) {
    const start = findBit(bits, at, end, true);
    if (start === end) return;
    at = findBit(bits, start, end, false);
    yield { offset: pageBase + blockBase + start, length: at - start };
  }
}

/** Joins ranges that touch. */
function* joinRuns(runs: Iterable<Range>): Generator<Range> {
  let open: Range | undefined;
  for (const run of runs) {
    if (open !== undefined && open.offset + open.length === run.offset) {
      open = { offset: open.offset, length: open.length + run.length };
    } else {
      if (open !== undefined) yield open;
      open = run;
    }
  }
  if (open !== undefined) yield open;
}
