import { ascii, filled, hex, join, noise, u16, u16be, u32, u32be, u64, u64be } from './bytes.js';
import {
  closingOfSize,
  cutPieces,
  cutRecord,
  encodeRuns,
  pieceRun,
  resultId,
  type Base,
  type Range,
} from './container.js';
import { frames as textFrames, text } from './compressed-text.js';
import {
  nestedAs,
  nestingEncodings,
  pack,
  wide,
  type Encoded,
  type Value,
  type ValueMap,
} from './msgpack.js';
import {
  changes,
  disjoint,
  GIB,
  KIB,
  longRecord,
  lvs,
  map,
  MIB,
  otherUuid,
  record,
  sorted,
  time,
  uuid,
  withDigests,
  withoutMaps,
  type Vector,
} from './vector.js';
import {
  compressedBlock,
  dataFrame,
  endingIn,
  endingInBlocks,
  huffmanZeros,
  paddedTo,
  predefinedSequence,
  rawBlock,
  rawLiterals,
  reachingBack,
  repeatedRleSequence,
  repeatedSequence,
  rleBlock,
  rleLiterals,
  rleSequences,
  treeless,
  withOneSequence,
  type FrameForm,
} from './zstd.js';

/** `.lvs` files that every reader accepts. */
export const goodFiles = (): Vector[] => [
  ...records(),
  ...frames(),
  ...longRecords(),
  ...zeros(),
  ...pages(),
  ...digests(),
  ...maps(),
  ...headers(),
];

const declared = (word: string, where: string, sizes: ValueMap): Vector =>
  lvs(`good-declared-size${word}`, `A record that ends at ${where}.`, { ...sorted, ...sizes }, (file) => {
    file.data([record(16384 - 48)]);
    file.finish();
  });

const records = (): Vector[] => [
  lvs('good-empty', 'No records: header, first line, last page, seek table.', changes, (file) =>
    file.finish(),
  ),
  lvs('good-one-record', 'One record in one frame.', changes, (file) => {
    file.data([record(8192)]);
    file.finish();
  }),
  lvs('good-one-byte', 'A record of one byte at offset 0.', changes, (file) => {
    file.data([record(0, 1)]);
    file.finish();
  }),
  lvs(
    'good-order-given',
    'Records that overlap and are not in order, as `given` allows.',
    changes,
    (file) => {
      file.data([record(9000, 100), record(4096, 64), record(9050, 100)]);
      file.data([record(4096, 64), record(0, 10)]);
      file.finish();
    },
  ),
  lvs('good-order-disjoint', 'Records that are not in order but never overlap.', disjoint, (file) => {
    file.data([record(9000, 100), record(4096, 64), record(9100, 100)]);
    file.data([record(4160, 64), record(0, 10)]);
    file.finish();
  }),
  lvs('good-order-sorted', 'Ascending records, two of which touch.', sorted, (file) => {
    file.data([record(512, 512), record(1024, 512)]);
    file.data([record(1536, 1), record(4096, 64)]);
    file.finish();
  }),
  lvs(
    'good-closing-order-sorted',
    'The closing map says more of the order than the header.',
    changes,
    (file) => {
      file.data([record(512, 512), record(1024, 512)]);
      file.finish({ closing: { order: 'sorted' } });
    },
  ),
  lvs('good-highest-offset', 'A record that ends at 2^53 - 1, the highest end there is.', sorted, (file) => {
    file.data([record(2 ** 53 - 49)]);
    file.finish();
  }),
  lvs(
    'good-order-disjoint-touching',
    'A disjoint stream whose records fill the gaps between others to the byte, on both sides.',
    disjoint,
    (file) => {
      file.data([record(4096, 64), record(4224, 64), record(0, 100), record(4160, 64)]);
      file.data([record(4000, 96), record(4288, 1), record(100, 3900)]);
      file.finish();
    },
  ),
  declared('', 'the larger one of the declared sizes', { base_size: 8192, result_size: 16384 }),
  declared('-base', 'the base size, on a device that is smaller afterwards', {
    base_size: 16384,
    result_size: 8192,
  }),
  lvs(
    'good-declared-size-zeros',
    'A zero range that ends at the declared size.',
    { ...sorted, base_size: 8192, result_size: 2 * MIB },
    (file) => {
      file.zeros([{ offset: 8192, length: 2 * MIB - 8192 }]);
      file.finish();
    },
  ),
  lvs(
    'good-digest-one-block',
    'A plain stream of exactly 65 536 bytes: one block to hash.',
    sorted,
    (file) => {
      file.data([longRecord(0, 65536 - 17 - 12)]);
      file.finish();
    },
  ),
  lvs('good-digest-blocks-across-frames', 'Blocks of the digest that lie across frames.', sorted, (file) => {
    for (let i = 0; i < 5; i++) file.data([longRecord(i * 2 ** 20, 50_000, 0x30 + i)]);
    file.finish();
  }),
];

/** A frame by `zstd -19`, with Huffman literals and sequences, of a record of 270 bytes at offset 12 288. */
const compressed = {
  data: ascii(
    'The quick brown fox jumps over the lazy dog; the lazy dog jumps over the quick brown fox. '.repeat(3),
  ),
  frame:
    '28b52ffd641a003d020054030030000000010e54686520717569636b2062726f776e20666f78206a756d7073206f766572' +
    '20746865206c617a7920646f673b2e200500b12e28448217491d40621e5c800d8f0e3b31',
};

const forms: readonly [descriptor: number, size: (length: number) => Uint8Array][] = [
  [0x24, (length) => Uint8Array.of(length)],
  [0x64, (length) => u16(length - 256)],
  [0xa4, u32],
  [0xe4, u64],
];

/** A frame of one byte, repeated, whose blocks are as `form` says. */
const endedBy = (
  name: string,
  description: string,
  form: (content: Uint8Array) => FrameForm,
  data = filled(0x61, 64),
): Vector =>
  lvs(name, description, sorted, (file) => {
    const encode = (content: Uint8Array) => dataFrame(content, form(content));
    file.data([{ offset: 8192, data }], { encode });
    file.finish();
  });

/** A frame of the text as a release of zstd has compressed it. */
const compressedText = (level: 3 | 19): Vector =>
  lvs(`good-compressed-${level}`, `A frame of two blocks by zstd -${level}.`, sorted, (file) => {
    const encode = () => Uint8Array.from(Buffer.from(textFrames[`zstd -${level}`], 'base64'));
    file.data([{ offset: 4096, data: text }], { encode });
    file.finish();
  });

const oneLiteral = rawLiterals(Uint8Array.of(0x61));
const rleSequence = rleSequences({ codes: [1, 2, 0], bits: '00' });
/** The most sequences that two bytes do not count. */
const MANY = 0x7f00;

const none = (section: Uint8Array) => () => join(section, Uint8Array.of(0));
const literals: readonly (readonly [size: number, body: (end: Uint8Array) => Uint8Array])[] = [
  ...([1, 2, 3] as const).flatMap((header) => [
    [4, none(rawLiterals(new Uint8Array(4), header))] as const,
    [5, none(rleLiterals(0, 5, header))] as const,
  ]),
  ...([0, 1, 2, 3] as const).map((format) => [80, none(huffmanZeros(80, format))] as const),
];

const frames = (): Vector[] => [
  lvs('good-frame-headers', 'Every form of zstd frame header that a data frame may have.', sorted, (file) => {
    forms.forEach(([descriptor, size], i) => {
      const encode = (content: Uint8Array) => dataFrame(content, { descriptor, size: size(content.length) });
      file.data([record(i * 4096, i === 0 ? 100 : 300)], { encode });
    });
    file.finish();
  }),
  lvs('good-blocks', 'A frame of raw, RLE and empty blocks.', sorted, (file) => {
    const data = join(noise(7, 100), filled(0x55, 5000), noise(8, 10));
    const encode = (content: Uint8Array) =>
      dataFrame(content, {
        blocks: [
          rawBlock(content.subarray(0, 60)),
          rawBlock(content.subarray(60, 112)),
          rleBlock(0x55, 5000),
          rawBlock(content.subarray(5112)),
          rawBlock(new Uint8Array(0), true),
        ],
      });
    file.data([{ offset: 4096, data }], { encode });
    file.finish();
  }),
  lvs('good-compressed', 'A frame that zstd has compressed.', sorted, (file) => {
    file.data([{ offset: 12288, data: compressed.data }], { encode: () => hex(compressed.frame) });
    file.finish();
  }),
  compressedText(3),
  compressedText(19),
  endedBy('good-sequence', 'A compressed block of one literal and one sequence.', withOneSequence()),
  endedBy(
    'good-sequence-farthest',
    'A match that begins with the first byte of the frame.',
    endingIn(4, () => reachingBack(73)),
    new Uint8Array(64),
  ),
  endedBy(
    'good-sequence-predefined',
    'A sequence by the predefined tables, and one that repeats them.',
    endingInBlocks(8, join(oneLiteral, predefinedSequence), join(oneLiteral, repeatedSequence)),
  ),
  endedBy(
    'good-sequence-repeated-rle',
    'A sequence that repeats tables of one code each.',
    endingInBlocks(8, join(oneLiteral, rleSequence), join(oneLiteral, repeatedRleSequence)),
  ),
  endedBy(
    'good-sequence-count-three-bytes',
    'As many sequences as need three bytes to be counted: matches alone, by offsets used before.',
    endingIn(3 * MANY, () =>
      join(
        rawLiterals(new Uint8Array(0)),
        rleSequences({ codes: [0, 0, 0], bits: '', count: Uint8Array.of(0xff, 0, 0) }),
      ),
    ),
    filled(0x61, 64 + 3 * MANY),
  ),
  endedBy(
    'good-sequence-count-long',
    'One sequence, counted in two bytes.',
    withOneSequence({ count: Uint8Array.of(0x80, 1) }),
  ),
  endedBy('good-block-shortest', 'A compressed block of two bytes, which decodes to nothing.', (content) => ({
    blocks: [rawBlock(content), compressedBlock(new Uint8Array(2), true)],
  })),
  endedBy(
    'good-literals-128-kib',
    'A compressed block of one literal repeated 131 072 times, the most that a block decodes to.',
    endingIn(128 * KIB, () => join(rleLiterals(0x61, 128 * KIB, 3), Uint8Array.of(0))),
    filled(0x61, 64 + 128 * KIB),
  ),
  endedBy(
    'good-block-long',
    'A compressed block of 8 bytes that decodes to 8 bytes.',
    withOneSequence({ size: 8 }),
  ),
  lvs(
    'good-literals',
    'Compressed blocks without sequences, with literals of every form.',
    sorted,
    (file) => {
      literals.forEach(([size, body], i) => {
        const encode = (content: Uint8Array) => dataFrame(content, endingIn(size, body)(content));
        file.data([{ offset: i * 4096, data: new Uint8Array(size) }], { encode });
      });
      file.finish();
    },
  ),
  lvs(
    'good-literals-treeless',
    'A block whose literals are coded by the tree of the one before.',
    sorted,
    (file) => {
      const encode = (content: Uint8Array) => dataFrame(content, treeless(Uint8Array.of(0))(content));
      file.data([{ offset: 4096, data: new Uint8Array(96) }], { encode });
      file.finish();
    },
  ),
  lvs('good-largest-content', 'A data frame of 8 MiB of content, the most there is.', sorted, (file) => {
    file.data([longRecord(4096, 8 * MIB - 12)]);
    file.finish();
  }),
  lvs(
    'good-longest-frame',
    'A data frame whose blocks end at 9 MiB, the longest there is.',
    sorted,
    (file) => {
      const encode = (content: Uint8Array) => dataFrame(content, paddedTo(9 * MIB)(content));
      file.data([longRecord(4096, 8 * MIB - 2 - 12)], { encode });
      file.finish();
    },
  ),
  lvs('good-other-frames', 'Skippable frames of every other kind, listed.', sorted, (file) => {
    file.other(0x184d2a53, ascii('not for this reader'));
    file.data([record(0)]);
    for (let magic = 0x184d2a54; magic <= 0x184d2a5d; magic++) file.other(magic, new Uint8Array(0));
    file.data([record(4096)]);
    file.other(0x184d2a5f, noise(3, 30));
    file.finish();
  }),
];

const longRecords = (): Vector[] => [
  lvs('good-long-record-whole', 'A record of 2 MiB whole in its frame.', sorted, (file) => {
    file.data([record(0), longRecord(4096, 2 * MIB)]);
    file.finish();
  }),
  lvs('good-long-record-two-frames', 'A record that goes on in the next frame.', sorted, (file) => {
    const [head, rest] = cutRecord(longRecord(4096, MIB + 5), MIB);
    file.data([record(0), head!]);
    file.data([rest!, record(2 * MIB)]);
    file.finish();
  }),
  lvs(
    'good-long-record-many-frames',
    'A record in five frames, one byte of it in the first.',
    sorted,
    (file) => {
      const parts = cutRecord(longRecord(4096, 3 * MIB), 1, 77, MIB, 2 * MIB);
      for (const each of parts) file.data([each]);
      file.data([record(8 * MIB)]);
      file.finish();
    },
  ),
  lvs('good-long-record-last-byte', 'A record whose last byte is a frame of its own.', sorted, (file) => {
    for (const each of cutRecord(longRecord(4096, MIB + 1), MIB)) file.data([each]);
    file.finish();
  }),
  lvs(
    'good-long-records-in-a-row',
    'A frame that ends one long record and begins another.',
    changes,
    (file) => {
      const [firstHead, firstRest] = cutRecord(longRecord(4096, MIB + 1), 500);
      const [secondHead, secondRest] = cutRecord(longRecord(100, MIB + 1, 0x11), 600);
      file.data([firstHead!]);
      file.data([firstRest!, secondHead!]);
      file.data([secondRest!]);
      file.finish();
    },
  ),
  lvs('good-page-inside-record', 'A page and another frame while a record is open.', sorted, (file) => {
    const [head, rest] = cutRecord(longRecord(0, 2 * MIB), MIB);
    file.data([head!]);
    file.page();
    file.other(0x184d2a53, ascii('between'));
    file.data([rest!]);
    file.finish();
  }),
];

const zeroVector = (name: string, description: string, ...ranges: (readonly [number, number])[]): Vector =>
  lvs(name, description, changes, (file) => {
    file.zeros(ranges.map(([offset, length]) => ({ offset, length })));
    file.finish();
  });

const zeros = (): Vector[] => [
  zeroVector('good-zeros-one-byte', 'A zero range of one byte.', [4095, 1]),
  zeroVector('good-zeros-128-kib', 'A zero range of 128 KiB: one full block and no rest.', [0, 128 * KIB]),
  zeroVector('good-zeros-128-kib-and-1', 'A zero range one byte longer than a block.', [0, 128 * KIB + 1]),
  zeroVector('good-zeros-16-mib', 'A zero range of 16 MiB: one record.', [4096, 16 * MIB]),
  zeroVector('good-zeros-16-mib-and-1', 'A zero range of one byte more than 16 MiB: two records.', [
    4096,
    16 * MIB + 1,
  ]),
  zeroVector(
    'good-zeros-ranges',
    'Several ranges in one zero frame, in any order.',
    [MIB, 5],
    [0, 131_073],
    [17, 262_144],
  ),
  zeroVector('good-zeros-1-gib', 'A zero frame of exactly 1 GiB of content.', [0, GIB - 64 * 12]),
  lvs('good-zeros-run', 'A run of zeros that goes on from one zero frame to the next.', sorted, (file) => {
    file.data([record(0)]);
    file.zeros([{ offset: 4096, length: 48 * MIB }]);
    file.zeros([{ offset: 4096 + 48 * MIB, length: 40 * MIB + 77 }]);
    file.data([record(GIB)]);
    file.finish();
  }),
];

const pages = (): Vector[] => [
  lvs('good-many-frames', 'Twenty frames and a page after every sixth.', sorted, (file) => {
    for (let i = 0; i < 20; i++) {
      file.data([record(i * 8192), record(i * 8192 + 4096, 20)]);
      if (i % 6 === 5) file.page();
    }
    file.finish();
  }),
  lvs('good-pages-at-the-end', 'All pages stand at the end, listing two frames each.', sorted, (file) => {
    for (let i = 0; i < 6; i++) file.data([record(i * 4096)]);
    for (let i = 0; i < 3; i++) file.page({ frames: 2 });
    file.finish();
  }),
  lvs('good-page-most-entries', 'A page of 4096 entries, the most there are.', changes, (file) => {
    file.data([record(0)]);
    for (let i = 0; i < 4093; i++) file.other(0x184d2a53, new Uint8Array(0));
    file.finish();
  }),
  lvs('good-page-empty', 'Pages that list no frame, the last one among them.', sorted, (file) => {
    file.page({ frames: 0 });
    file.data([record(0)]);
    file.page();
    file.page();
    file.finish();
  }),
  lvs('good-page-behind', 'Pages that list frames long before them.', sorted, (file) => {
    file.data([record(0)]);
    file.page({ frames: 1 });
    file.data([record(4096)]);
    file.page({ frames: 1 });
    file.data([record(8192)]);
    file.finish();
  }),
];

/** A device of bytes that differ, but for zeros in its third block and nothing known of its fifth. */
const device: Base = (offset, length) => {
  const block = Math.floor(offset / 4096);
  if (block % 8 === 4) return undefined;
  return block % 8 === 2 ? new Uint8Array(length) : noise(offset % 65_521, length);
};

const digests = (): Vector[] => [
  lvs(
    'good-digests',
    'Piece digests: known, zero and unknown runs, and records inside and across blocks.',
    withDigests,
    (file) => {
      file.data([record(100, 20), record(4090, 20)]);
      file.data([record(8192, 50), record(16384, 60), record(20000, 700)]);
      file.finish();
    },
    { base: device },
  ),
  lvs(
    'good-digests-borders',
    'Records that begin and end at, before and behind borders of pieces.',
    withDigests,
    (file) => {
      const pieces = (first: number, ...more: number[]) =>
        join(...[first, ...more].map((count) => pieceRun(0, count)));
      file.data([record(0, 4095)], { pieces: pieces(1) });
      file.data([record(8192, 4096)], { pieces: pieces(1) });
      file.data([record(16_384, 4097)], { pieces: pieces(2) });
      file.data([record(24_575, 1), record(24_576, 1)], { pieces: pieces(1, 1) });
      file.data([record(28_671, 2)], { pieces: pieces(2) });
      file.data([record(32_767, 4097)], { pieces: pieces(2) });
      file.finish();
    },
  ),
  lvs(
    'good-digests-runs-apart',
    'Neighbouring runs of one type, which readers accept.',
    withDigests,
    (file) => {
      const item = { offset: 0, data: noise(5, 16384) };
      const bases = cutPieces({ offset: 0, length: 16384 }).map(({ offset, length }) =>
        noise(offset + 9, length),
      );
      const pieces = join(
        encodeRuns(bases.slice(0, 1)),
        encodeRuns(bases.slice(1, 2)),
        pieceRun(0, 1),
        pieceRun(0, 1),
      );
      file.data([item], { pieces });
      file.finish();
    },
    { base: device },
  ),
  lvs(
    'good-digests-zeros',
    'Piece digests of zero frames, whose records are segments.',
    withDigests,
    (file) => {
      file.zeros([
        { offset: 100, length: 20_000 },
        { offset: 20_100, length: 4 },
      ]);
      file.zeros([{ offset: 40_000, length: 16 * MIB + 5 }], { pieces: pieceRun(1, 4098) });
      file.finish();
    },
    { base: device },
  ),
  lvs(
    'good-digests-long-record',
    'A record with piece digests that goes on in the next frame, cut at a multiple of 4096.',
    withDigests,
    (file) => {
      const [head, rest] = cutRecord(longRecord(4000, MIB + 5000), 96 + 4096);
      file.data([head!], { pieces: pieceRun(0, 2) });
      file.page();
      file.data([rest!], { pieces: pieceRun(1, 257) });
      file.finish();
    },
    { base: device },
  ),
  lvs(
    'good-digests-pages',
    'Piece digests in several pages; a page that lists no data has none.',
    { ...withDigests, order: 'disjoint' },
    (file) => {
      file.page();
      file.data([record(40_960)]);
      file.data([record(12_288)]);
      file.page({ frames: 1 });
      file.data([record(0)]);
      file.finish();
    },
    { base: device },
  ),
];

const manyRanges = (start: number, count: number): Range[] =>
  Array.from({ length: count }, (_, i) => ({ offset: start + i * 65536, length: 4096 * (1 + (i % 15)) }));

const maps = (): Vector[] => [
  lvs('good-map', 'A map: ranges and no data.', map, (file) => {
    file.finish({
      ranges: [
        { offset: 0, length: 4096 },
        { offset: 8192, length: 1 },
        { offset: 1_000_000, length: GIB },
      ],
    });
  }),
  lvs('good-map-empty', 'A map without ranges.', map, (file) => file.finish()),
  lvs(
    'good-map-base-digests-false',
    '`base_digests` of a map may be there, and false.',
    { ...map, base_digests: false },
    (file) => file.finish(),
  ),
  lvs('good-map-pages', 'A map with ranges in several pages, and another skippable frame.', map, (file) => {
    file.page({ ranges: [{ offset: 4096, length: 4096 }] });
    file.other(0x184d2a53, ascii('listed'));
    file.page({
      ranges: [
        { offset: 8193, length: 10 },
        { offset: 2 ** 52, length: 2 ** 40 },
      ],
    });
    file.finish();
  }),
  lvs(
    'good-map-pages-many',
    'A map whose first page lists its two frames; the later ones, the last one too, hold ranges alone.',
    { ...map, base_size: 64 * MIB, result_size: 64 * MIB, chunk_size: 4096 },
    (file) => {
      for (const page of [0, 1, 2]) file.page({ ranges: manyRanges(page * 12 * MIB, 100) });
      file.finish({ ranges: [...manyRanges(36 * MIB, 50), { offset: 64 * MIB - 4096, length: 4096 }] });
    },
  ),
];

const nested = (depth: number): Value => (depth === 0 ? [] : { deeper: nested(depth - 1) });
const encoded = (bytes: readonly number[], json: unknown): Encoded => ({
  encoded: Uint8Array.from(bytes),
  json,
});
const headed = (head: number | Uint8Array, body: Uint8Array, json: unknown): Encoded => ({
  encoded: join(typeof head === 'number' ? Uint8Array.of(head) : head, body),
  json,
});
/** As JSON has it: a number where a double holds it exactly. */
const exact = (value: bigint): number | string =>
  Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();

/** All that has a smallest and a largest value, or both sides of what a double holds exactly. */
const integers: readonly Encoded[] = [
  ...[0, 0x7f].map((value) => encoded([value], value)),
  ...[-32, -1].map((value) => encoded([value & 0xff], value)),
  ...[0, 0xff].map((value) => encoded([0xcc, value], value)),
  ...[0, 0xffff].map((value) => headed(0xcd, u16be(value), value)),
  ...[0, 2 ** 32 - 1].map((value) => headed(0xce, u32be(value), value)),
  ...[-128, -1, 127].map((value) => encoded([0xd0, value & 0xff], value)),
  ...[-(2 ** 15), -1, 2 ** 15 - 1].map((value) => headed(0xd1, u16be(value), value)),
  ...[-(2 ** 31), -1, 2 ** 31 - 1].map((value) => headed(0xd2, u32be(value), value)),
  ...[0n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n].map((value) => headed(0xcf, u64be(value), exact(value))),
  ...[-(2n ** 63n), -(2n ** 53n), 1n - 2n ** 53n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n].map(
    (value) => headed(0xd3, u64be(value), exact(value)),
  ),
];

const letters = (count: number): string => 'x'.repeat(count);
const numbers = (count: number): Value[] => Array.from({ length: count }, () => 1);
const mapOf = (count: number): ValueMap => Object.fromEntries(numbers(count).map((one, i) => [`k${i}`, one]));
const shortestLengths: readonly Value[] = [
  ...[0, 31, 32, 255, 256].map(letters),
  ...[0, 255, 256].map((count) => filled(7, count)),
  ...[0, 15, 16].map(numbers),
  ...[0, 15, 16].map(mapOf),
];
const widerLengths: readonly Value[] = [
  ...['d901', 'da0001', 'db00000001'].map((head) => headed(hex(head), ascii('x'), 'x')),
  ...['c401', 'c50001', 'c600000001'].map((head) => headed(hex(head), Uint8Array.of(7), 'hex:07')),
  ...['91', 'dc0001', 'dd00000001'].map((head) => headed(hex(head), Uint8Array.of(1), [1])),
  ...['81', 'de0001', 'df00000001'].map((head) => headed(hex(head), hex('a16b01'), { k: 1 })),
];

const borders = [
  ...[0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xffff, 0x1_0000, 0x10_ffff].map((point) =>
    String.fromCodePoint(point),
  ),
  'a\u00e9\u20ac\u{1f4be}z',
];

const base = {
  id: 'lv:Yt3kqM-8cVx-5dJr-W2hN-b7Ls-Z4pe-QmUo9a',
  time: time - 5000,
  consistent: true,
  lv: 'home',
  later: [1, { of: 'any type' }],
};
const allFields: ValueMap = {
  ...sorted,
  id: uuid,
  base,
  result: {
    id: 'uuid:1b9e7c3d-5028-4f6e-aa47-c2d8136f905b',
    time,
    until: time + 9,
    covers: ['lv:abc', ''],
    tracks: 'thin:abc/1',
  },
  base_digests: true,
  exhaustive: true,
  base_size: MIB,
  result_size: 2 * MIB,
  chunk_size: 4096,
  origin: { vg: 'data', lv: 'home', snapshot: 'nightly', path: '/dev/data/home' },
  derived_from: [{ id: otherUuid, by: 'merge' }, { id: noise(1, 32), by: 'slice' }, { by: 'salvage' }],
  undoes: [otherUuid, noise(2, 32)],
  target: { path: '/dev/backup/home', device_id: 'LVM-Xy', size: 4 * MIB },
  sequence: 3,
  follows: noise(4, 32),
  toward: { id: 'lv:def', covers: [] },
  generator: 'vectors 1',
  time,
};

const headers = (): Vector[] => [
  lvs(
    'good-closing-without-digest',
    'Neither digest nor runs: the stream has an id.',
    { ...sorted, id: uuid },
    (file) => {
      file.data([record(0), record(4096)]);
      file.zeros([{ offset: 8192, length: 4096 }]);
      file.finish({ without: ['digest', 'runs'] });
    },
  ),
  lvs('good-closing-without-runs', 'No runs: the stream has an id.', { ...sorted, id: uuid }, (file) => {
    file.data([record(0)]);
    file.finish({ without: ['runs'] });
  }),
  lvs(
    'good-header-all-fields',
    'Every key that a header can have, whatever the kind.',
    allFields,
    (file) => {
      file.data([record(4096)]);
      file.finish();
    },
    { base: device },
  ),
  lvs(
    'good-snapback',
    'A snapback with its target, sequence, what it undoes and follows, and its states.',
    {
      kind: 'snapback',
      requires: [],
      order: 'disjoint',
      id: otherUuid,
      base: { id: 'uuid:6f1d2a5e-93c7-4b0a-8d51-e0c4b7a29f36' },
      base_digests: true,
      base_size: MIB,
      result_size: MIB,
      undoes: [uuid],
      target: { path: '/dev/backup/home', size: MIB },
      sequence: 2,
      follows: uuid,
      generator: 'vectors 1',
      time,
    },
    (file) => {
      file.data([record(8192, 4096), record(0, 100)]);
      file.finish({
        closing: { result: { id: 'lv:abc', time }, undoes: [noise(6, 32), otherUuid], end_time: time + 1 },
      });
    },
    { base: device },
  ),
  lvs(
    'good-snapback-bare',
    'A snapback without any of the keys of one.',
    { ...changes, kind: 'snapback' },
    (file) => {
      file.data([record(0)]);
      file.finish();
    },
  ),
  lvs(
    'good-closing-extras',
    'Result state, consistency and end time; keys of later versions.',
    { ...sorted, base },
    (file) => {
      const item = record(4096);
      file.data([item]);
      const id = resultId(base.id, file.digest);
      file.finish({
        closing: { result: { id, vg: 'data' }, consistent: false, end_time: time + 9, later: ['x', 1] },
      });
    },
  ),
  withoutMaps(
    lvs(
      'good-closing-longest',
      'A closing map of 1 MiB, the most there is.',
      { ...sorted, id: uuid },
      (file) => {
        file.finish({ without: ['digest', 'runs'], ...closingOfSize(MIB) });
      },
    ),
  ),
  lvs('good-closing-base', 'A base that was known at the end only.', sorted, (file) => {
    file.data([record(4096)]);
    file.finish({ closing: { base } });
  }),
  lvs('good-closing-base-twice', 'The same base in header and closing map.', { ...sorted, base }, (file) => {
    file.data([record(4096)]);
    file.finish({ closing: { base: { id: base.id } } });
  }),
  lvs(
    'good-unknown-keys',
    'Keys that no reader knows, with values of every type that a map may hold.',
    {
      ...sorted,
      nothing: null,
      negative: -5,
      'lowest number': -(2n ** 63n),
      'highest number': 2n ** 64n - 1n,
      half: encoded([0xca, 0x3f, 0x00, 0x00, 0x00], 0.5),
      quarter: encoded([0xcb, 0x3f, 0xd0, 0, 0, 0, 0, 0, 0], 0.25),
      'no number': encoded([0xca, 0x7f, 0xc0, 0, 0], 'NaN'),
      'more than any': encoded([0xcb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0], 'Infinity'),
      'less than any': encoded([0xca, 0xff, 0x80, 0, 0], '-Infinity'),
      bytes: hex('00ff10'),
      'näme ✓': { list: [true, false, [], {}], text: 'ünïcode' },
      ['__proto__']: 'a key like any other',
      constructor: 1,
      '7': 'digits',
    },
    (file) => {
      file.data([record(0)]);
      file.finish({ closing: { unheard: { of: [1, 2, -1] } } });
    },
  ),
  lvs(
    'good-nesting',
    'Maps and arrays nested 16 deep, the deepest there is.',
    { ...sorted, deep: nested(14) },
    (file) => file.finish(),
  ),
  lvs(
    'good-nesting-encodings',
    'Lists and maps of each encoding nested 16 deep.',
    { ...sorted, ...Object.fromEntries(nestingEncodings.map((each) => [each, nestedAs(each, 15)])) },
    (file) => file.finish(),
  ),
  lvs(
    'good-integers',
    'The lowest and the highest number of each encoding.',
    { ...sorted, integers },
    (file) => file.finish(),
  ),
  lvs(
    'good-lengths',
    'Texts, bytes, lists and maps of lengths at which the shortest encoding changes, and short ones in each wider one.',
    { ...sorted, lengths: [...shortestLengths, ...widerLengths] },
    (file) => file.finish(),
  ),
  lvs(
    'good-utf-8',
    'The first and the last code points of each length of UTF-8, and beside the surrogates, as keys and values.',
    { ...sorted, ...Object.fromEntries(borders.map((text, i) => [text, [i, text]])) },
    (file) => file.finish({ closing: { '\ufeffmark': '\ufeff' } }),
  ),
  lvs(
    'good-base-digests-false',
    '`base_digests` may be there, and false, whatever the order.',
    { ...changes, base_digests: false },
    (file) => {
      file.data([record(4096)]);
      file.finish();
    },
  ),
  lvs(
    'good-uint-zero-signed',
    'A time of 0 in an encoding of signed numbers.',
    { ...changes, time: encoded([0xd0, 0], 0) },
    (file) => file.finish(),
  ),
  lvs(
    'good-encodings',
    'Texts, numbers, lists and maps in wider encodings than they need.',
    {
      kind: wide([0xd9, 7], 'changes'),
      requires: encoded([0xdd, 0, 0, 0, 0], []),
      order: wide([0xda, 0, 6], 'sorted'),
      generator: wide([0xdb, 0, 0, 0, 1], 'g'),
      base_size: { encoded: join(Uint8Array.of(0xcf), u64be(8192)), json: 8192 },
      result_size: { encoded: join(Uint8Array.of(0xd3), u64be(8192)), json: 8192 },
      chunk_size: { encoded: join(Uint8Array.of(0xd1), u16be(512)), json: 512 },
      time: { encoded: join(Uint8Array.of(0xd2), u32be(77)), json: 77 },
      sequence: encoded([0xd0, 1], 1),
      origin: { encoded: join(hex('df00000001'), pack('vg'), pack('v')), json: { vg: 'v' } },
      id: { encoded: join(hex('c60000 0010'), uuid), json: '6f1d2a5e-93c7-4b0a-8d51-e0c4b7a29f36' },
    },
    (file) => {
      file.data([record(0)]);
      file.finish();
    },
  ),
];
