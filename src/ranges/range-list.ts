import type { Range } from './range.js';
import { SECTOR_SIZE } from './block-part.js';

const LIST_BLOCK_SIZE = 1 << 16;
/** Two numbers below 2^53, 7 bits a byte. */
const MOST_OF_A_RANGE = 16;

interface Block {
  readonly bytes: Uint8Array;
  /** Bytes of the device that its numbers count. */
  readonly unit: number;
  used: number;
}

/**
 * Ascending ranges in a few bytes of memory each, to be iterated as often as one likes: of a range the distance from
 * the end of the one before it and its length are kept, 7 bits a byte, in sectors where it lies on whole ones. Changes
 * that are scattered over a TiB in chunks of 64 KiB take 5 bytes a range.
 *
 * Law: the list of some ranges gives these ranges.
 */
export class RangeList implements Iterable<Range> {
  readonly #blocks: Block[] = [];
  #count = 0;
  #size = 0;
  #end = 0;

  /** The list of ascending ranges; throws as {@link append} does. */
  static from(ranges: Iterable<Range>): RangeList {
    const list = new RangeList();
    for (const range of ranges) list.append(range);
    return list;
  }

  /** Number of ranges. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the device that they cover. */
  get size(): number {
    return this.#size;
  }

  /** The end of the last range, exclusive; 0 of an empty list. */
  get end(): number {
    return this.#end;
  }

  /** Bytes of memory that the list takes. */
  get memory(): number {
    return this.#blocks.length * LIST_BLOCK_SIZE;
  }

  /** Adds a range of one byte or more that begins where the last one ends or later. */
  append({ offset, length }: Range): void {
    const gap = offset - this.#end;
    if (!(gap >= 0 && length > 0)) throw new Error(`the range at ${offset} is empty or out of order`);
    const block = this.#blockFor(gap, length);
    const { bytes, unit } = block;
    block.used = encodeNumber(bytes, encodeNumber(bytes, block.used, gap / unit), length / unit);
    this.#count++;
    this.#size += length;
    this.#end = offset + length;
  }

  /** Must not be used any more once the list has been appended to. */
  [Symbol.iterator](): Iterator<Range, undefined> {
    return new Cursor(this.#blocks);
  }

  #blockFor(gap: number, length: number): Block {
    const last = this.#blocks.at(-1);
    const fits = (unit: number) => gap % unit === 0 && length % unit === 0;
    if (last && last.used <= LIST_BLOCK_SIZE - MOST_OF_A_RANGE && fits(last.unit)) return last;
    const block = {
      bytes: new Uint8Array(LIST_BLOCK_SIZE),
      unit: fits(SECTOR_SIZE) ? SECTOR_SIZE : 1,
      used: 0,
    };
    this.#blocks.push(block);
    return block;
  }
}

/** A class and no generator: it gives four times as many ranges a second. */
class Cursor implements Iterator<Range, undefined> {
  readonly #blocks: readonly Block[];
  #block = -1;
  #bytes: Uint8Array = new Uint8Array(0);
  #used = 0;
  #unit = 1;
  #at = 0;
  #end = 0;

  constructor(blocks: readonly Block[]) {
    this.#blocks = blocks;
  }

  next(): IteratorResult<Range, undefined> {
    if (this.#at === this.#used && !this.#nextBlock()) return { done: true, value: undefined };
    const offset = this.#end + this.#take() * this.#unit;
    const length = this.#take() * this.#unit;
    this.#end = offset + length;
    return { done: false, value: { offset, length } };
  }

  #nextBlock(): boolean {
    const block = this.#blocks[++this.#block];
    if (!block) return false;
    this.#bytes = block.bytes;
    this.#used = block.used;
    this.#unit = block.unit;
    this.#at = 0;
    return true;
  }

  #take(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++]!;
    let value = byte & 127;
    for (let scale = 128; byte >= 128; scale *= 128) {
      byte = bytes[this.#at++]!;
      value += (byte & 127) * scale;
    }
    return value;
  }
}

/** Writes a number 7 bits a byte, lowest first (LEB128), and returns where it ends. */
function encodeNumber(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let end = at;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[end++] = (rest % 128) | 128;
  bytes[end++] = rest;
  return end;
}
