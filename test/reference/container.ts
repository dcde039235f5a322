import { createHash } from 'node:crypto';
import { isSealed } from './crc32c.js';
import { require, type Released } from './fault.js';
import {
  cutZeroRecords,
  encodeRecordHeader,
  encodeZeroFrame,
  readZeroRanges,
  take,
  takeExpected,
  takeDataFrame,
  takeSkippable,
  zeroRecord,
} from './frames.js';
import { hasRequires, isClosing, isHeader } from './maps.js';
import { decodeMap, type MsgpackMap } from './msgpack.js';
import { countPieces, Records, type Segment } from './records.js';

/** The `.lvs` container (§4), checked in the order of §4.8. */

const zstdMagic = 0xfd2fb528;
const magics = { header: 0x184d2a50, page: 0x184d2a51, zeroRanges: 0x184d2a52, seekTable: 0x184d2a5e };
const firstLineFrame = Buffer.from('28b52ffd24118900006c766d73796e632050524f544f5b335d0af9dbf8ce', 'hex');
const identification = Buffer.from('894c56530d0a1a0a', 'hex');
const kinds = { header: 0, firstLine: 1, data: 2, zeroRanges: 3, zeros: 4, other: 5 };
const piecedKinds = [kinds.data, kinds.zeros];
const maxFrames = 2 ** 27;
const maxHeader = 2 ** 20;
const maxPage = 2 ** 25;
const maxZeroRangesSize = 1_048_588;
const maxClosing = 2 ** 20;
const offsetLimit = 2n ** 53n;
const zeroBuffer = Buffer.alloc(zeroRecord);

interface Listed {
  readonly position: number;
  readonly kind: number;
  /** The entry that an index page must have for it (§4.6.1). */
  readonly entry: Buffer;
  readonly pieces: number;
}

interface Page {
  readonly position: number;
  readonly frame: Buffer;
}

export function decodeContainer(
  input: Uint8Array,
  released: Released,
): { header: MsgpackMap; closing: MsgpackMap } {
  const file = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  return new Container(file, released).decode();
}

function decodeHeader(file: Buffer): { frame: Buffer; header: MsgpackMap } {
  require(take(file, 0, 16).subarray(8).equals(identification), 'header-identification', 0);
  const frame = takeSkippable(file, 0, 17, maxHeader);
  require(isSealed(frame), 'header-crc', 0);
  require(frame.readUInt16LE(16) === 1, 'header-version', 0);
  require(frame.readUInt16LE(18) === 0, 'header-reserved', 0);
  const header = decodeMap(frame.subarray(20, -4));
  require(hasRequires(header), 'header-map', 0);
  require((header.get('requires') as string[]).length === 0, 'unsupported-feature', 0);
  require(isHeader(header), 'header-map', 0);
  return { frame, header };
}

class Container {
  readonly #header: MsgpackMap;
  readonly #records: Records;
  readonly #isMap: boolean;
  readonly #hasPieces: boolean;
  readonly #listed: Listed[] = [];
  readonly #pages: Page[] = [];
  readonly #seekEntries: Buffer[] = [];
  #position = 0;
  /** How many frames the pages have listed so far. */
  #seen = 0;
  #mapEnd = -1n;
  #zeroRanges: Segment[] | undefined;
  #closing: MsgpackMap | undefined;

  constructor(
    readonly file: Buffer,
    readonly released: Released,
  ) {
    const { frame, header } = decodeHeader(file);
    this.#header = header;
    this.#records = new Records(header, released);
    this.#isMap = header.get('kind') === 'map';
    this.#hasPieces = header.get('base_digests') === true;
    this.#list(frame, kinds.header);
  }

  decode(): { header: MsgpackMap; closing: MsgpackMap } {
    let closing: MsgpackMap | undefined;
    while (!closing) closing = this.#step();
    return { header: this.#header, closing };
  }

  /** One frame; behind the seek table the closing map. */
  #step(): MsgpackMap | undefined {
    const { file } = this;
    const position = this.#position;
    const magic = take(file, position, 4).readUInt32LE();
    const isZstd = magic === zstdMagic;
    require(isZstd || (magic >= 0x184d2a50 && magic <= 0x184d2a5f), 'frame-magic', position);
    require(magic !== magics.header, 'concatenated', position);
    const isFirst = this.#listed.length === 1;
    require(!isFirst || isZstd, 'first-line', position);
    require(!this.#zeroRanges || isZstd, 'zero-frame', position);
    require((magic === magics.seekTable) === (this.#closing !== undefined), 'seek-table', position);
    const isData = isZstd || magic === magics.zeroRanges;
    require(isFirst || !this.#isMap || !isData, 'map-ranges', position);
    require(!this.#records.open || magic !== magics.zeroRanges, 'record-open', position);
    const hasRoom = this.#seekEntries.length < maxFrames || magic === magics.seekTable;
    require(hasRoom, 'frame-size', position);
    if (magic === magics.seekTable) this.#takeSeekTable();
    else if (isFirst) this.#takeFirstLine();
    else if (this.#zeroRanges) this.#takeZeroFrame(this.#zeroRanges);
    else if (isZstd) this.#takeData();
    else if (magic === magics.zeroRanges) this.#takeZeroRanges();
    else if (magic === magics.page) this.#takePage();
    else this.#list(takeSkippable(file, position, 0, maxPage), kinds.other);
    return magic === magics.seekTable ? this.#closing : undefined;
  }

  #takeFirstLine(): void {
    const frame = takeExpected(this.file, this.#position, firstLineFrame, 'first-line');
    const line = frame.subarray(9, 26);
    this.#records.feed(line);
    this.#list(frame, kinds.firstLine, { contentSize: line.length });
  }

  #takeData(): void {
    const position = this.#position;
    const { frame, content } = takeDataFrame(this.file, position);
    const continues = this.#records.open !== undefined;
    const { segments, count } = this.#records.takeContent(content, position);
    const flags = (continues ? 1 : 0) | (this.#records.open ? 2 : 0);
    this.#list(frame, kinds.data, { contentSize: content.length, segments, count, flags });
  }

  #takeZeroRanges(): void {
    const frame = takeSkippable(this.file, this.#position, 28, maxZeroRangesSize);
    this.#zeroRanges = readZeroRanges(frame, this.#position, this.#records);
    this.#list(frame, kinds.zeroRanges);
  }

  #takeZeroFrame(ranges: readonly Segment[]): void {
    const segments = cutZeroRecords(ranges);
    const frame = takeExpected(this.file, this.#position, encodeZeroFrame(segments), 'zero-frame');
    const before = this.#records.size;
    for (const segment of segments) {
      const data = zeroBuffer.subarray(0, segment.length);
      this.#records.feed(encodeRecordHeader(segment));
      this.#records.feed(data);
      this.#records.zeros += segment.length;
      this.released.records.push({ offset: segment.offset, data });
    }
    this.#records.records += segments.length;
    const contentSize = this.#records.size - before;
    this.#list(frame, kinds.zeros, { contentSize, segments, count: segments.length });
    this.#zeroRanges = undefined;
  }

  #takePage(): void {
    const position = this.#position;
    const frame = takeSkippable(this.file, position, 36, maxPage);
    require(isSealed(frame), 'page-crc', position);
    const flags = frame.readUInt32LE(12);
    const count = frame.readUInt32LE(24);
    const pieceSize = frame.readUInt32LE(28);
    const rangeCount = frame.readUInt32LE(32);
    const [isLast, hasPieces, hasRanges] = [1, 2, 4].map((bit) => (flags & bit) !== 0) as [
      boolean,
      boolean,
      boolean,
    ];
    const piecesAt = 40 + 64 * count;
    const rangesAt = piecesAt + pieceSize;
    const end = rangesAt + 16 * rangeCount;
    const isFilled = isLast ? end + 13 <= frame.length : end + 4 === frame.length;
    const isPlain = flags < 8 && frame.readUInt32LE(36) === 0 && count <= 4096;
    const isFlagged = (hasPieces || pieceSize === 0) && (hasRanges || rangeCount === 0);
    require(isPlain && isFlagged && isFilled, 'page-layout', position);
    require(hasPieces === this.#hasPieces, 'piece-digests', position);
    require(hasRanges === this.#isMap, 'map-ranges', position);
    require(frame.readUInt32LE(8) === this.#pages.length, 'page-sequence', position);
    require(frame.readBigUInt64LE(16) === BigInt(this.#seen), 'page-sequence', position);
    require(this.#seen + count <= this.#listed.length, 'page-sequence', position);
    const listed = this.#listed.slice(this.#seen, this.#seen + count);
    listed.forEach((frameListed, i) =>
      checkEntry(frame.subarray(40 + 64 * i, 104 + 64 * i), frameListed, position),
    );
    this.#seen += count;
    if (hasPieces) checkPieces(frame.subarray(piecesAt, rangesAt), listed, position);
    const ranges = this.#readMapRanges(frame.subarray(rangesAt, end), position);
    if (isLast) this.#closing = this.#takeLast(frame.subarray(end, -4), position);
    this.released.ranges.push(...ranges);
    this.#pages.push({ position, frame });
    this.#pass(frame, 0);
  }

  #readMapRanges(section: Buffer, position: number): [number, number][] {
    const ranges: [number, number][] = [];
    for (let at = 0; at < section.length; at += 16) {
      const offset = section.readBigUInt64LE(at);
      const length = section.readBigUInt64LE(at + 8);
      const isGood = length > 0n && offset + length < offsetLimit && offset > this.#mapEnd;
      require(isGood, 'map-ranges', position);
      this.#mapEnd = offset + length;
      this.#records.checkSize(Number(this.#mapEnd), position);
      this.#records.countData({ offset: Number(offset), length: Number(length) });
      this.#records.runs++;
      ranges.push([Number(offset), Number(length)]);
    }
    return ranges;
  }

  /** What only the last page has: the page table and the closing map. */
  #takeLast(end: Buffer, position: number): MsgpackMap {
    const records = this.#records;
    require(!records.open, 'record-open', position);
    const unlisted = this.#listed[this.#seen];
    if (unlisted) require(false, 'unlisted-frame', unlisted.position);
    const table = encodePageTable(this.#pages);
    require(end.subarray(0, table.length).equals(table), 'page-table', position);
    const bytes = end.subarray(table.length);
    const closing = bytes.length <= maxClosing ? decodeMap(bytes) : undefined;
    require(closing !== undefined && isClosing(closing, this.#header), 'closing-map', position);
    for (const total of ['size', 'records', 'runs', 'data', 'zeros', 'low', 'high'] as const) {
      require(!closing.has(total) || closing.get(total) === records[total], 'totals', position);
    }
    const digest = closing.get('digest') as Uint8Array | undefined;
    require(!digest || records.digest().equals(digest), 'stream-digest', position);
    require(records.keeps(closing.get('order')), 'order', position);
    return closing;
  }

  #takeSeekTable(): void {
    const { file } = this;
    const position = this.#position;
    const count = this.#seekEntries.length;
    require(take(file, position, 8).readUInt32LE(4) === 8 * count + 9, 'seek-table', position);
    const expected = Buffer.concat([
      encode32(magics.seekTable, 8 * count + 9),
      ...this.#seekEntries,
      encode32(count),
      Buffer.of(0),
      encode32(0x8f92eab1),
    ]);
    require(take(file, position, expected.length).equals(expected), 'seek-table', position);
    const end = position + expected.length;
    const isDoubled = end + 4 <= file.length && file.readUInt32LE(end) === magics.header;
    require(!isDoubled, 'concatenated', end);
    require(end === file.length, 'trailing-data', end);
  }

  /** A frame that the index must list. */
  #list(
    frame: Buffer,
    kind: number,
    {
      contentSize = 0,
      segments = [],
      count = 0,
      flags = 0,
    }: { contentSize?: number; segments?: readonly Segment[]; count?: number; flags?: number } = {},
  ): void {
    const entry = Buffer.alloc(64);
    entry.writeUInt8(kind, 0);
    entry.writeUInt8(flags, 1);
    entry.writeUInt32LE(count, 4);
    entry.writeUInt32LE(frame.length, 8);
    entry.writeUInt32LE(contentSize, 12);
    const low = segments.reduce((least, { offset }) => Math.min(least, offset), Number.MAX_SAFE_INTEGER);
    const high = segments.reduce((most, { offset, length }) => Math.max(most, offset + length), 0);
    entry.writeBigUInt64LE(segments.length > 0 ? BigInt(low) : 0n, 16);
    entry.writeBigUInt64LE(BigInt(high), 24);
    entry.set(sha256(frame), 32);
    this.#listed.push({ position: this.#position, kind, entry, pieces: countPieces(segments) });
    this.#pass(frame, contentSize);
  }

  #pass(frame: Buffer, contentSize: number): void {
    this.#seekEntries.push(encode32(frame.length, contentSize));
    this.#position += frame.length;
  }
}

function checkEntry(found: Buffer, listed: Listed, page: number): void {
  const { entry, position } = listed;
  require(found.subarray(32).equals(entry.subarray(32)), 'frame-digest', position);
  require(found.equals(entry), 'frame-entry', page);
}

/** §4.6.2: runs that cover exactly the pieces of each frame. */
function checkPieces(section: Buffer, listed: readonly Listed[], page: number): void {
  let at = 0;
  for (const { pieces } of listed.filter(({ kind }) => piecedKinds.includes(kind))) {
    let left = pieces;
    while (left > 0) {
      require(at + 4 <= section.length, 'piece-digests', page);
      const run = section.readUInt32LE(at);
      const type = run >>> 30;
      const count = run & 0x3fffffff;
      require(type < 3 && count > 0 && count <= left, 'piece-digests', page);
      left -= count;
      at += 4 + (type === 2 ? 16 * count : 0);
    }
  }
  require(at === section.length, 'piece-digests', page);
}

/** §4.6.4. */
function encodePageTable(pages: readonly Page[]): Buffer {
  const entries = pages.map(({ position, frame }) => {
    const entry = Buffer.alloc(48);
    entry.writeBigUInt64LE(BigInt(position));
    entry.writeUInt32LE(frame.length, 8);
    entry.set(sha256(frame), 16);
    return entry;
  });
  return Buffer.concat([encode32(pages.length, 0), ...entries]);
}

function encode32(...values: number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
