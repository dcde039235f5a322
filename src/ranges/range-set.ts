import type { Range } from './range.js';
import { fillBits, findBit } from './bits.js';
import { ALL_SECTORS, BLOCK_SIZE, changePart, NO_SECTORS, partRuns, sizeOfPart } from './block-part.js';
import { joinTouching } from './join-touching.js';
import { type LeafLimits, Leaves } from './leaves.js';
import { NumberTable } from './number-table.js';
import { blockRuns, Page, PAGE_SIZE } from './page.js';
import type { OpenScratch } from './scratch.js';

const BLOCK_SHIFT = 12;

/** Stands for what is known of a page that is in the set wholly. */
const FULL = -1;

/**
 * An exact set of device bytes, for streams whose records come in any order and overlap. Costs one bit for each
 * 4096-byte block near a changed one, 4 KiB for each such 128 MiB, and some 100 bytes for each 128 MiB that are covered
 * wholly. Where blocks are covered in part it costs a byte for each block near, 4 KiB for each such 16 MiB; and where the
 * ends are no multiples of 512 a bit for each byte, 4 KiB for each such 32 KiB. Of that, 16 MiB are held in memory and
 * the rest in a scratch file ({@link Leaves}).
 *
 * Law: after any calls of `add` and `remove`, a byte is in the set if the last call that covered it was `add`.
 */
export class RangeSet {
  readonly #pages = new NumberTable();
  readonly #leaves: Leaves;
  #size = 0;

  constructor(openScratch: OpenScratch, limits?: LeafLimits) {
    this.#leaves = new Leaves(openScratch, limits);
  }

  /** Bytes in the set. */
  get size(): number {
    return this.#size;
  }

  /** Puts the bytes in. Throws `LvstreamError` at the limit, `DeviceError` of the scratch; the set is then incomplete. */
  add(range: Range): void {
    this.#change(range, true);
  }

  /** Takes the bytes out. It can need more room, and throws as {@link add} does. */
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
    return [...joinTouching(this.#runs(range))];
  }

  /** All of the set, ascending; no two touch. The set must not be changed while this is iterated. */
  ranges(): Generator<Range> {
    return joinTouching(this.#allRuns());
  }

  /** Gives back what it has taken beside memory; it must not be used any more. Otherwise that is kept until the codec is closed. */
  close(): void {
    this.#leaves.close();
  }

  *#allRuns(): Generator<Range> {
    for (const index of this.#pages.keys())
      yield* this.#runs({ offset: index * PAGE_SIZE, length: PAGE_SIZE });
  }

  *#runs(range: Range): Generator<Range> {
    for (const { index, start, end } of slicePages(range)) {
      const page = this.#page(index);
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
    const page = this.#page(index);
    if (page === undefined || page === FULL) return page === FULL;
    const first = start >> BLOCK_SHIFT;
    const last = (end - 1) >> BLOCK_SHIFT;
    const { touched } = page;
    if (findBit(touched, first, last + 1, true) > last) return false;
    return !page.hasPartialBlocks && findBit(touched, first, last + 1, false) > last ? true : undefined;
  }

  #page(index: number): Page | typeof FULL | undefined {
    const state = this.#pages.get(index);
    if (state === undefined || state === FULL) return state;
    return new Page(this.#pages, this.#leaves, index);
  }

  #change(range: Range, value: boolean): void {
    assertRange(range);
    for (const { index, start, end } of slicePages(range)) {
      if (end - start === PAGE_SIZE) this.#setPage(index, value);
      else this.#changePage(index, start, end, value);
    }
  }

  #setPage(index: number, value: boolean): void {
    const page = this.#page(index);
    this.#size += (value ? PAGE_SIZE : 0) - sizeOfPage(page);
    if (page !== FULL) page?.drop();
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
    if (page.size === PAGE_SIZE) this.#setPage(index, true);
    else if (page.size === 0) this.#setPage(index, false);
  }

  /** The page as one that can be changed in part; `undefined` if all of it has the value already. */
  #openPage(index: number, value: boolean): Page | undefined {
    const found = this.#page(index);
    if (found !== undefined && found !== FULL) return found;
    if ((found === FULL) === value) return undefined;
    const page = new Page(this.#pages, this.#leaves, index);
    page.begin(found === FULL);
    return page;
  }

  #changeBlocks(page: Page, first: number, end: number, value: boolean): void {
    if (page.hasPartialBlocks) this.#clearPartial(page, first, end);
    this.#resize(page, fillBits(page.touched, first, end, value) * (value ? BLOCK_SIZE : -BLOCK_SIZE));
  }

  #clearPartial(page: Page, first: number, end: number): void {
    for (const block of page.partialBlocks(first, end)) {
      this.#resize(page, -sizeOfPart(page.part(block)!));
      page.setPart(block, NO_SECTORS);
    }
  }

  /** `start` and `end` are bytes of the page, inside the one block. */
  #changeBytes(page: Page, block: number, start: number, end: number, value: boolean): void {
    if (start >= end) return;
    const isTouched = findBit(page.touched, block, block + 1, true) === block;
    const part = page.part(block) ?? (isTouched ? ALL_SECTORS : NO_SECTORS);
    const base = block * BLOCK_SIZE;
    const size = sizeOfPart(part);
    const changed = changePart(part, start - base, end - base, value);
    page.setPart(block, changed);
    this.#resize(page, sizeOfPart(changed) - size);
  }

  #resize(page: Page, bytes: number): void {
    page.resize(bytes);
    this.#size += bytes;
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
  return page === FULL ? PAGE_SIZE : (page?.size ?? 0);
}

/** What is in the set between two bytes of a page that begins at `base`, ascending. */
function* pageRuns(page: Page, base: number, start: number, end: number): Generator<Range> {
  for (const run of blockRuns(page, start >> BLOCK_SHIFT, Math.ceil(end / BLOCK_SIZE))) {
    const from = base + Math.max(start, run.first * BLOCK_SIZE);
    const to = base + Math.min(end, run.end * BLOCK_SIZE);
    if (run.part === undefined) yield { offset: from, length: to - from };
    else yield* partRuns(run.part, base + run.first * BLOCK_SIZE, from, to);
  }
}
