import { isDeepStrictEqual } from 'node:util';
import { ReferenceFault } from '../reference/fault.js';
import { cutZeroRecords, encodeRecordHeader } from '../reference/frames.js';
import { decodeMap, type MsgpackMap } from '../reference/msgpack.js';
import { countPieces, Records, type Segment } from '../reference/records.js';
import { join, resealed, sha256, skippable, u32, u64 } from '../vectors/bytes.js';
import { FIRST_LINE, pieceRun, SEEK_TABLE, SEEKABLE } from '../vectors/container.js';
import { zeroFrame } from '../vectors/zstd.js';
import { contentOf, nameOf, resized, sealZstd, type Frame, type FrameName } from './lvs-frames.js';
import { encodeMap } from './msgpack-values.js';

/** What is computed from other bytes of a container, each of which a mutation may leave as it is. */
export const SEALS = [
  'crc',
  'checksum',
  'zeros',
  'entries',
  'pieces',
  'table',
  'closing',
  'seekTable',
] as const;
export type Seal = (typeof SEALS)[number];

/** More zeros than that are left to the vectors: the reference decoder hashes each of them. */
const MAX_ZEROS = 2 ** 22;

interface Listed {
  readonly entry: Uint8Array;
  readonly pieces: number;
}

/**
 * Puts right all that covers the frames, but for what is left out: a change to a frame then is a change to a file that
 * is whole (§11). The number of entries in each page stays what the page says.
 */
export function seal(frames: readonly Frame[], leaveOut: ReadonlySet<Seal>): Uint8Array {
  const sealer = new Sealer(leaveOut);
  for (const frame of frames) sealer.add(frame);
  return join(...sealer.done);
}

class Sealer {
  readonly done: Uint8Array[] = [];
  readonly #sizes: Uint8Array[] = [];
  readonly #pages: Uint8Array[] = [];
  #header: MsgpackMap = new Map<string, unknown>();
  #records = new Records(this.#header, { records: [], ranges: [] });
  #zeroRanges: Segment[] | undefined;
  #unlisted: Listed[] = [];
  #listed = 0;
  #position = 0;
  #digest: Uint8Array | undefined;
  #mapTotals = { runs: 0, data: 0, low: 0, high: 0 };

  constructor(readonly leaveOut: ReadonlySet<Seal>) {}

  add(frame: Frame): void {
    const name = nameOf(frame);
    if (this.#digest && name !== 'seekTable') this.#put(frame, 0);
    else this.#seal(frame, name);
  }

  #seal(frame: Frame, name: FrameName): void {
    switch (name) {
      case 'header':
        this.#addHeader(this.#crc(frame));
        return;
      case 'page':
        this.#addPage(frame);
        return;
      case 'zeroRanges':
        this.#addZeroRanges(this.#crc(frame));
        return;
      case 'zstd':
        this.#addZstd(frame);
        return;
      case 'seekTable':
        this.#put(this.leaveOut.has('seekTable') ? frame : this.#seekTable(), 0);
        return;
      default:
        this.#list(resized(frame), 5);
    }
  }

  #addHeader(frame: Frame): void {
    const header = decodeMap(frame.subarray(20, -4));
    if (header && this.done.length === 0) {
      this.#header = header;
      this.#records = new Records(header, { records: [], ranges: [] });
    }
    this.#list(frame, 0);
  }

  #addZeroRanges(frame: Frame): void {
    const ranges: Segment[] = [];
    for (let at = 16; at + 16 <= frame.length - 4; at += 16) {
      const [offset, length] = [Number(frame.readBigUInt64LE(at)), Number(frame.readBigUInt64LE(at + 8))];
      if (Number.isSafeInteger(offset + length)) ranges.push({ offset, length });
    }
    const sum = ranges.reduce((total, { length }) => total + length, 0);
    this.#zeroRanges = sum <= MAX_ZEROS && sum > 0 && !this.leaveOut.has('zeros') ? ranges : undefined;
    this.#list(frame, 3);
  }

  #addZstd(frame: Frame): void {
    const ranges = this.#zeroRanges;
    this.#zeroRanges = undefined;
    if (this.done.length === 1) this.#addFirstLine(frame);
    else if (ranges) this.#addZeros(ranges);
    else this.#addData(this.leaveOut.has('checksum') ? frame : sealZstd(frame));
  }

  #addFirstLine(frame: Frame): void {
    this.#records.feed(FIRST_LINE);
    this.#list(frame, 1, FIRST_LINE.length);
  }

  #addZeros(ranges: readonly Segment[]): void {
    const segments = cutZeroRecords(ranges);
    const before = this.#records.size;
    for (const segment of segments) {
      this.#tolerate(() => this.#records.place(segment, 0));
      this.#records.feed(encodeRecordHeader(segment));
      this.#records.feed(new Uint8Array(segment.length));
      this.#records.zeros += segment.length;
      this.#records.records += 1;
    }
    const size = this.#records.size - before;
    this.#list(Buffer.from(zeroFrame(ranges)), 4, size, { segments, count: segments.length });
  }

  #addData(frame: Frame): void {
    const content = contentOf(frame);
    const continues = this.#records.open ? 1 : 0;
    const taken = content && this.#tolerate(() => this.#records.takeContent(content, 0));
    const flags = continues | (this.#records.open ? 2 : 0);
    this.#list(frame, 2, content?.length ?? 0, { ...taken, flags });
  }

  /** What breaks a rule is for the decoders to find. */
  #tolerate<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      if (error instanceof ReferenceFault) return undefined;
      throw error;
    }
  }

  #addPage(frame: Frame): void {
    if (frame.length < 44) {
      this.#put(this.#crc(frame), 0);
      return;
    }
    const page = this.#sealPage(frame);
    this.#pages.push(join(u64(this.#position), u32(page.length), u32(0), sha256(page)));
    this.#put(page, 0);
  }

  #sealPage(frame: Frame): Frame {
    const { entries, pieces, ranges, end } = sectionsOf(frame);
    const isLast = (frame.readUInt32LE(12) & 1) === 1;
    const head = Buffer.from(frame.subarray(8, 40));
    const count = isLast ? this.#unlisted.length : Math.min(head.readUInt32LE(16), this.#unlisted.length);
    const listed = this.#unlisted.splice(0, count);
    if (!this.leaveOut.has('entries')) {
      head.writeUInt32LE(this.#pages.length, 0);
      head.writeBigUInt64LE(BigInt(this.#listed), 8);
      head.writeUInt32LE(listed.length, 16);
    }
    this.#listed += count;
    const sections = [this.leaveOut.has('entries') ? entries : join(...listed.map(({ entry }) => entry))];
    sections.push(this.#sealPieces(pieces, listed, head), this.#sealRanges(ranges, head));
    if (isLast) sections.push(...this.#sealEnd(end));
    return this.#crc(Buffer.concat([frame.subarray(0, 8), head, ...sections, frame.subarray(-4)]));
  }

  #sealPieces(section: Buffer, listed: readonly Listed[], head: Buffer): Uint8Array {
    if (this.leaveOut.has('pieces')) return section;
    const has = this.#header.get('base_digests') === true;
    const counts = listed.map(({ pieces }) => pieces).filter((count) => count > 0);
    const made =
      has && !fitRuns(section, counts) ? join(...counts.map((count, i) => makeRun(count, i))) : section;
    const pieces = has ? made : new Uint8Array(0);
    head[4] = (head[4]! & ~2) | (has ? 2 : 0);
    head.writeUInt32LE(pieces.length, 20);
    return pieces;
  }

  #sealRanges(section: Buffer, head: Buffer): Uint8Array {
    const isMap = this.#header.get('kind') === 'map';
    const ranges = section.subarray(0, isMap ? section.length - (section.length % 16) : 0);
    for (let at = 0; at < ranges.length; at += 16) {
      const [offset, length] = [Number(ranges.readBigUInt64LE(at)), Number(ranges.readBigUInt64LE(at + 8))];
      const { runs, data, low, high } = this.#mapTotals;
      this.#mapTotals = {
        runs: runs + 1,
        data: data + length,
        low: runs === 0 ? offset : Math.min(low, offset),
        high: Math.max(high, offset + length),
      };
    }
    if (this.leaveOut.has('pieces')) return section;
    head[4] = (head[4]! & ~4) | (isMap ? 4 : 0);
    head.writeUInt32LE(ranges.length / 16, 24);
    return ranges;
  }

  #sealEnd(end: Buffer): Uint8Array[] {
    const rows = end.length < 8 ? 0 : end.readUInt32LE(0);
    const closing = end.subarray(Math.min(end.length, 8 + 48 * rows));
    const table = this.leaveOut.has('table')
      ? end.subarray(0, end.length - closing.length)
      : join(u32(this.#pages.length), u32(0), ...this.#pages);
    return [table, this.#sealClosing(closing)];
  }

  #sealClosing(bytes: Buffer): Uint8Array {
    this.#digest = this.#records.digest();
    const closing = decodeMap(bytes);
    if (!closing || this.leaveOut.has('closing')) return bytes;
    const { size, records, zeros } = this.#records;
    const isMap = this.#header.get('kind') === 'map';
    const { runs, data, low, high } = isMap ? this.#mapTotals : this.#records;
    const right = { digest: this.#digest, size, records, runs, data, zeros, low, high };
    const wrong = Object.entries(right).filter(([key, value]) => !isDeepStrictEqual(closing.get(key), value));
    for (const [key, value] of wrong) closing.set(key, value);
    return wrong.length > 0 ? encodeMap(closing) : bytes;
  }

  #seekTable(): Frame {
    const footer = join(u32(this.#sizes.length), Uint8Array.of(0), u32(SEEKABLE));
    return Buffer.from(skippable(SEEK_TABLE, join(...this.#sizes, footer)));
  }

  #list(
    frame: Frame,
    kind: number,
    contentSize = 0,
    { segments = [], count = 0, flags = 0 }: { segments?: Segment[]; count?: number; flags?: number } = {},
  ): void {
    const low = segments.length > 0 ? Math.min(...segments.map(({ offset }) => offset)) : 0;
    const high = Math.max(0, ...segments.map(({ offset, length }) => offset + length));
    const numbers = [u32(count), u32(frame.length), u32(contentSize), u64(low), u64(high)];
    const entry = join(Uint8Array.of(kind, flags, 0, 0), ...numbers, sha256(frame));
    this.#unlisted.push({ entry, pieces: countPieces(segments) });
    this.#put(frame, contentSize);
  }

  #put(frame: Uint8Array, contentSize: number): void {
    this.done.push(frame);
    this.#sizes.push(join(u32(frame.length), u32(contentSize)));
    this.#position += frame.length;
  }

  #crc(frame: Frame): Frame {
    return this.leaveOut.has('crc') ? frame : Buffer.from(resealed(resized(frame)));
  }
}

/** The parts of a page of 44 bytes or more, as far as they are there (§4.6). */
function sectionsOf(page: Frame) {
  const body = page.subarray(40, -4);
  const entriesEnd = 64 * page.readUInt32LE(24);
  const piecesEnd = entriesEnd + page.readUInt32LE(28);
  const rangesEnd = piecesEnd + 16 * page.readUInt32LE(32);
  return {
    entries: body.subarray(0, entriesEnd),
    pieces: body.subarray(entriesEnd, piecesEnd),
    ranges: body.subarray(piecesEnd, rangesEnd),
    end: body.subarray(rangesEnd),
  };
}

/** Whether runs cover the pieces of each frame (§4.6.2). */
function fitRuns(section: Buffer, counts: readonly number[]): boolean {
  let at = 0;
  for (const count of counts) {
    for (let left = count; left > 0;) {
      if (at + 4 > section.length) return false;
      const run = section.readUInt32LE(at);
      at += 4 + (run >>> 30 === 2 ? 16 * (run & 0x3fffffff) : 0);
      left -= run & 0x3fffffff;
      if ((run & 0x3fffffff) === 0 || left < 0) return false;
    }
  }
  return at === section.length;
}

function makeRun(count: number, index: number): Uint8Array {
  const type = index % 3;
  const digests = Array.from({ length: type === 2 ? count : 0 }, (_, i) => sha256(u32(i)));
  return pieceRun(type, count, ...digests);
}
