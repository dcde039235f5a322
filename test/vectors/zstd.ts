import xxhash from 'xxhash-wasm';
import { join, u16, u24, u32, u64, u64be, u32be } from './bytes.js';

const hasher = await xxhash();

/** zstd frames made by hand (RFC 8878), so that no version of zstd has a say in their bytes. */

const MAGIC = u32(0xfd2fb528);
const MAX_BLOCK_SIZE = 1 << 17;
/** From here on a run of one byte becomes an RLE block. */
const MIN_RUN = 64;

export type Block = Uint8Array;

export function rawBlock(content: Uint8Array, last = false): Block {
  return join(u24((content.length << 3) | Number(last)), content);
}

export function rleBlock(value: number, length: number, last = false): Block {
  return join(u24((length << 3) | 2 | Number(last)), Uint8Array.of(value));
}

/** The low four bytes of XXH64, as a frame ends with them. */
export const contentChecksum = (content: Uint8Array): Uint8Array => u32(hasher.h64Raw(content) & 0xffffffffn);

export interface FrameForm {
  /** Default: content size of four bytes, single segment, checksum. */
  readonly descriptor?: number;
  /** Default: none, for frames of a single segment. */
  readonly window?: number;
  /** The content size's field. */
  readonly size?: Uint8Array;
  readonly blocks?: readonly Block[];
  readonly checksum?: Uint8Array;
}

/** A data frame (§4.4): raw blocks, and RLE blocks where a byte is repeated. */
export function dataFrame(content: Uint8Array, form: FrameForm = {}): Uint8Array {
  const window = form.window === undefined ? new Uint8Array(0) : Uint8Array.of(form.window);
  return join(
    MAGIC,
    Uint8Array.of(form.descriptor ?? 0xa4),
    window,
    form.size ?? u32(content.length),
    ...(form.blocks ?? blocksOf(content)),
    form.checksum ?? contentChecksum(content),
  );
}

export const compressedBlock = (body: Uint8Array, last = false): Uint8Array =>
  join(u24((body.length << 3) | 4 | Number(last)), body);

/** The content in a raw block, but for its last bytes, which are what `body` decodes to. */
export const endingIn =
  (size: number, body: (end: Uint8Array) => Uint8Array) =>
  (content: Uint8Array): FrameForm =>
    endingInBlocks(size, body(content.subarray(-size)))(content);

/** The content in a raw block, but for its last bytes, which are what compressed blocks of these bodies decode to. */
export const endingInBlocks =
  (size: number, ...bodies: readonly Uint8Array[]) =>
  (content: Uint8Array): FrameForm => ({
    blocks: [
      rawBlock(content.subarray(0, -size)),
      ...bodies.map((body, i) => compressedBlock(body, i === bodies.length - 1)),
    ],
  });

/** Up to 63 bits in the order in which they are read: from the end, behind the highest bit that is set. */
const bitsOf = (bits: string): Uint8Array =>
  u64(BigInt(`0b1${bits}`)).subarray(0, Math.ceil((bits.length + 1) / 8));

export interface SequenceCodes {
  /** Codes of literals' length, offset and match length; of small lengths the length itself, and the match's less 3. */
  readonly codes: readonly [literals: number, offset: number, match: number];
  /** The offset's bits. */
  readonly bits: string;
  readonly count?: Uint8Array;
  /** In the lowest bits of the modes. */
  readonly reserved?: number;
}

/** A sequences section with all codes in RLE mode: of one sequence, where `count` says nothing else. */
export const rleSequences = ({
  codes,
  bits,
  count = Uint8Array.of(1),
  reserved = 0,
}: SequenceCodes): Uint8Array => join(count, Uint8Array.of(0x54 | reserved, ...codes), bitsOf(bits));

/** One literal and three bytes from the byte before, by the predefined tables: a state of each, then two bits of the offset. */
const predefinedBits = bitsOf(['000010', '01110', '000000', '00'].join(''));
/** A sequences section of that sequence. */
export const predefinedSequence: Uint8Array = join(Uint8Array.of(1, 0x00), predefinedBits);
/** The same by the tables of the block before. */
export const repeatedSequence: Uint8Array = join(Uint8Array.of(1, 0xfc), predefinedBits);
/** The same by the tables of the block before, if these had one code each. */
export const repeatedRleSequence: Uint8Array = join(Uint8Array.of(1, 0xfc), bitsOf('00'));

/** A block of a zero and three bytes from so many bytes before. */
export function reachingBack(distance: number): Uint8Array {
  const value = (distance + 3).toString(2);
  const sequence = rleSequences({ codes: [1, value.length - 1, 0], bits: value.slice(1) });
  return join(rawLiterals(Uint8Array.of(0)), sequence);
}

/**
 * The content in a raw block, but for its last `size` bytes, 4 to 35, which are one byte repeated: a compressed block of that
 * literal and one sequence, all of its codes in RLE mode, with `reserved` in the lowest bits of the modes.
 */
export const withOneSequence = ({ reserved = 0, size = 4, count = Uint8Array.of(1) } = {}) =>
  endingIn(size, (end) =>
    join(
      rawLiterals(end.subarray(0, 1)),
      rleSequences({ codes: [1, 2, size - 4], bits: '00', count, reserved }),
    ),
  );

/** A literals section as it is, behind a header of so many bytes (RFC 8878, 3.1.1.3.1). */
export const rawLiterals = (bytes: Uint8Array, header: 1 | 2 | 3 = 1): Uint8Array =>
  join(plainHeader(0, bytes.length, header), bytes);

/** One byte, repeated. */
export const rleLiterals = (value: number, count: number, header: 1 | 2 | 3 = 1): Uint8Array =>
  join(plainHeader(1, count, header), Uint8Array.of(value));

const plainHeader = (type: number, size: number, header: 1 | 2 | 3): Uint8Array =>
  header === 1
    ? Uint8Array.of(type | (size << 3))
    : u32(type | (header === 2 ? 4 : 12) | (size << 4)).subarray(0, header);

/** Of the four size formats: bytes of the header, bits of each size, streams. */
const HUFFMAN_FORMATS = [
  { header: 3, bits: 10n, streams: 1 },
  { header: 3, bits: 10n, streams: 4 },
  { header: 4, bits: 14n, streams: 4 },
  { header: 5, bits: 18n, streams: 4 },
] as const;
/** Two symbols, 0 and 1, of one bit each. */
const HUFFMAN_TREE = Uint8Array.of(0x80, 0x10);

/** So many zeros, one bit each, in a format of 0 to 3; `treeless`: with the tree of the block before. */
export function huffmanZeros(count: number, format: 0 | 1 | 2 | 3, treeless = false): Uint8Array {
  const { header, bits, streams } = HUFFMAN_FORMATS[format];
  const share = Math.ceil(count / streams);
  const parts = Array.from({ length: streams }, (_, i) => zeroBits(Math.min(share, count - i * share)));
  const sizes = parts.slice(0, -1).map(({ length }) => u16(length));
  const body = join(treeless ? new Uint8Array(0) : HUFFMAN_TREE, ...sizes, ...parts);
  const type = treeless ? 3n : 2n;
  const counts = (BigInt(count) << 4n) | (BigInt(body.length) << (4n + bits));
  return join(u64(type | (BigInt(format) << 2n) | counts).subarray(0, header), body);
}

/** A stream of zero bits, which is read from its end: behind the highest bit that is set. */
const zeroBits = (count: number): Uint8Array =>
  join(new Uint8Array(count >> 3), Uint8Array.of(1 << (count & 7)));

/** The last 96 bytes of the content, zeros, in two blocks that use one tree; the second says `sequences` behind its literals. */
export const treeless = (sequences: Uint8Array) =>
  endingInBlocks(96, join(huffmanZeros(48, 0), Uint8Array.of(0)), join(huffmanZeros(48, 0, true), sequences));

/**
 * The content in raw blocks and so many empty ones, of three zeros each, that the last block ends at byte `size` of the
 * frame, which has to be the content's size and 9 bytes more than a multiple of 3.
 */
export const paddedTo =
  (size: number) =>
  (content: Uint8Array): FrameForm => {
    const parts = Math.ceil(content.length / MAX_BLOCK_SIZE);
    const empty = (size - 9 - content.length) / 3 - parts - 1;
    const blocks = Array.from({ length: parts }, (_, i) =>
      rawBlock(content.subarray(i * MAX_BLOCK_SIZE, (i + 1) * MAX_BLOCK_SIZE)),
    );
    const padding = new Uint8Array(3 * empty);
    return { blocks: [...blocks, padding, rawBlock(new Uint8Array(0), true)] };
  };

function blocksOf(content: Uint8Array): Block[] {
  const cuts = cutRuns(content);
  return cuts.map(({ from, to, isRun }, i) => {
    const last = i === cuts.length - 1;
    return isRun ? rleBlock(content[from]!, to - from, last) : rawBlock(content.subarray(from, to), last);
  });
}

interface Cut {
  readonly from: number;
  readonly to: number;
  readonly isRun: boolean;
}

function cutRuns(content: Uint8Array): Cut[] {
  const cuts: Cut[] = [];
  let raw = 0;
  const flush = (to: number) => {
    for (; raw < to; raw = Math.min(raw + MAX_BLOCK_SIZE, to)) {
      cuts.push({ from: raw, to: Math.min(raw + MAX_BLOCK_SIZE, to), isRun: false });
    }
  };
  for (let at = 0; at < content.length;) {
    let end = at + 1;
    while (end < content.length && content[end] === content[at] && end - at < MAX_BLOCK_SIZE) end++;
    if (end - at >= MIN_RUN) {
      flush(at);
      cuts.push({ from: at, to: end, isRun: true });
      raw = end;
    }
    at = end;
  }
  flush(content.length);
  return cuts;
}

export interface ZeroRecord {
  readonly offset: number;
  readonly length: number;
}

/** The ranges cut into records of 16 MiB (§4.5). */
export function zeroRecords(ranges: readonly ZeroRecord[]): ZeroRecord[] {
  const records: ZeroRecord[] = [];
  for (const { offset, length } of ranges) {
    for (let done = 0; done < length; done += 2 ** 24) {
      records.push({ offset: offset + done, length: Math.min(2 ** 24, length - done) });
    }
  }
  return records;
}

export const recordHeader = ({ offset, length }: ZeroRecord): Uint8Array =>
  join(u64be(offset), u32be(length));

/** The canonical zero frame of the ranges (§4.5). */
export function zeroFrame(ranges: readonly ZeroRecord[]): Uint8Array {
  const records = zeroRecords(ranges);
  const content = records.reduce((sum, { length }) => sum + 12 + length, 0);
  const blocks = records.flatMap((record, i) => {
    const full = Math.ceil(record.length / MAX_BLOCK_SIZE) - 1;
    const rest = record.length - full * MAX_BLOCK_SIZE;
    return [
      rawBlock(recordHeader(record)),
      ...Array.from({ length: full }, () => rleBlock(0, MAX_BLOCK_SIZE)),
      rleBlock(0, rest, i === records.length - 1),
    ];
  });
  return join(MAGIC, Uint8Array.of(0x80, 0x38), u32(content), ...blocks);
}

/** The zero-ranges frame's payload before its checksum. */
export const zeroRangesBody = (
  ranges: readonly ZeroRecord[],
  count = ranges.length,
  reserved = 0,
): Uint8Array =>
  join(u32(count), u32(reserved), ...ranges.map(({ offset, length }) => join(u64(offset), u64(length))));
