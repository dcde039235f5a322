import { createHash, type Hash } from 'node:crypto';
import { require, type Released } from './fault.js';
import type { MsgpackMap } from './msgpack.js';

/** What the records of a container add up to and promise (§4.4, §4.6.5, §5.1). */

export interface Segment {
  readonly offset: number;
  readonly length: number;
}

interface Open {
  readonly offset: number;
  readonly length: number;
  readonly parts: Uint8Array[];
  have: number;
}

const recordHeaderSize = 12;
const wholeRecord = 2 ** 20;
const offsetLimit = 2n ** 53n;
const pieceSize = 4096;
const digestBlock = 65536;

export class Records {
  open: Open | undefined;
  size = 0;
  records = 0;
  runs = 0;
  data = 0;
  zeros = 0;
  low = 0;
  high = 0;
  /** No number before the first record: what is compared with it is neither less nor the same. */
  #previousEnd = NaN;
  #isSorted = true;
  #isDisjoint = true;
  readonly #written: [start: number, end: number][] = [];
  readonly #digest = new StreamDigest();

  constructor(
    readonly header: MsgpackMap,
    readonly released: Released,
  ) {}

  /** Checks the header's promises of one record or range (§4.8), and counts where it stands. */
  place({ offset, length }: Segment, position: number): void {
    const end = offset + length;
    this.checkSize(end, position);
    if (offset < this.#previousEnd) this.#isSorted = false;
    if (this.header.get('order') === 'disjoint') this.#write(offset, end);
    require(this.keeps(this.header.get('order')), 'order', position);
    if (offset !== this.#previousEnd) this.runs++;
    this.#previousEnd = end;
    this.countData({ offset, length });
  }

  /** Whether what came so far keeps the promise of an order. */
  keeps(order: unknown): boolean {
    if (order === 'sorted') return this.#isSorted;
    return order === 'disjoint' ? this.#isDisjoint : true;
  }

  checkSize(end: number, position: number): void {
    const sizes = ['base_size', 'result_size'].flatMap((key) => {
      const size = this.header.get(key);
      return typeof size === 'number' ? [size] : [];
    });
    require(sizes.length === 0 || end <= Math.max(...sizes), 'declared-size', position);
  }

  countData({ offset, length }: Segment): void {
    this.low = this.data === 0 ? offset : Math.min(this.low, offset);
    this.high = Math.max(this.high, offset + length);
    this.data += length;
  }

  #write(offset: number, end: number): void {
    if (this.#written.some(([start, stop]) => start < end && offset < stop)) this.#isDisjoint = false;
    this.#written.push([offset, end]);
  }

  /** Bytes of the plain stream, in order. */
  feed(bytes: Uint8Array): void {
    this.size += bytes.length;
    this.#digest.update(bytes);
  }

  digest(): Buffer {
    return this.#digest.final();
  }

  /** Takes a data frame's content apart (§4.4), releases what is whole, and answers its segments. */
  takeContent(content: Buffer, position: number): { segments: Segment[]; count: number } {
    const segments: Segment[] = [];
    const whole: Open[] = [];
    let count = 0;
    for (let at = 0; at < content.length;) {
      if (!this.open) {
        this.open = this.#begin(content, at, position);
        at += recordHeaderSize;
        count++;
      }
      const { open } = this;
      const length = Math.min(open.length - open.have, content.length - at);
      segments.push({ offset: open.offset + open.have, length });
      open.parts.push(content.subarray(at, at + length));
      open.have += length;
      at += length;
      if (open.have < open.length) continue;
      whole.push(open);
      this.open = undefined;
    }
    if (this.open && this.header.get('base_digests') === true) {
      require((this.open.offset + this.open.have) % pieceSize === 0, 'piece-digests', position);
    }
    this.records += count;
    this.feed(content);
    for (const { offset, parts } of whole) this.released.records.push({ offset, data: Buffer.concat(parts) });
    return { segments, count };
  }

  #begin(content: Buffer, at: number, position: number): Open {
    require(content.length - at > recordHeaderSize, 'truncated-header', position);
    const offset = content.readBigUInt64BE(at);
    const length = content.readUInt32BE(at + 8);
    require(length > 0, 'empty-record', position);
    require(offset + BigInt(length) < offsetLimit, 'offset-limit', position);
    this.place({ offset: Number(offset), length }, position);
    const isWhole = at + recordHeaderSize + length <= content.length;
    require(isWhole || length > wholeRecord, 'truncated-record', position);
    return { offset: Number(offset), length, parts: [], have: 0 };
  }
}

/** §5.1. */
class StreamDigest {
  readonly #outer = createHash('sha256');
  #block: Hash = createHash('sha256');
  #room = digestBlock;

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + this.#room);
      this.#block.update(part);
      at += part.length;
      this.#room -= part.length;
      if (this.#room === 0) this.#close();
    }
  }

  final(): Buffer {
    if (this.#room < digestBlock) this.#close();
    return this.#outer.digest();
  }

  #close(): void {
    this.#outer.update(this.#block.digest());
    this.#block = createHash('sha256');
    this.#room = digestBlock;
  }
}

/** §4.6.2: how many pieces the segments have. */
export function countPieces(segments: readonly Segment[]): number {
  return segments.reduce(
    (sum, { offset, length }) =>
      sum + Math.floor((offset + length - 1) / pieceSize) - Math.floor(offset / pieceSize) + 1,
    0,
  );
}
