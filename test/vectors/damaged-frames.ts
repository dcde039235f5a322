import {
  ascii,
  filled,
  flipped,
  hex,
  join,
  noise,
  patched,
  resealed,
  sealed,
  skippable,
  u16,
  u24,
  u32,
  u64,
  u64be,
} from './bytes.js';
import {
  cutRecord,
  FIRST_LINE,
  FIRST_LINE_FRAME,
  headerFrame,
  SEEK_TABLE,
  ZERO_RANGES,
  type FileDraft,
  type PlainRecord,
  type Range,
} from './container.js';
import { pack, type ValueMap } from './msgpack.js';
import {
  changes,
  disjoint,
  GIB,
  KIB,
  longRecord,
  lvs,
  map,
  MIB,
  record,
  sorted,
  withDigests,
  type Vector,
} from './vector.js';
import {
  compressedBlock,
  contentChecksum,
  dataFrame,
  endingIn,
  huffmanZeros,
  paddedTo,
  predefinedSequence,
  rawBlock,
  rawLiterals,
  reachingBack,
  recordHeader,
  repeatedSequence,
  rleBlock,
  rleLiterals,
  rleSequences,
  treeless,
  withOneSequence,
  zeroFrame,
  zeroRangesBody,
  type FrameForm,
} from './zstd.js';
import type { Fault } from '#src/errors.js';

/** Files with a fault in their frames of data or zeros; index and seek table describe them as they are. */
export const damagedFrames = (): Vector[] => [
  ...firstLines(),
  ...magics(),
  ...zstdHeaders(),
  ...zstdBlocks(),
  ...contents(),
  ...openRecords(),
  ...promises(),
  ...zeroRanges(),
  ...zeroFrames(),
  ...sizes(),
  ...lastBytes(),
];

const before = record(4096);
const behind = record(MIB);

/** One good frame, the fault where the next one begins, and a good end. */
function faulty(
  name: string,
  fault: Fault,
  description: string,
  add: (file: FileDraft) => void,
  header: ValueMap = changes,
): Vector {
  return lvs(name, description, header, (file) => {
    file.data([before]);
    file.fault(fault);
    add(file);
    file.data([behind]);
    file.finish();
  });
}

/** Where the second frame begins. */
const second = headerFrame({ map: pack(changes) }).length;

/** Bytes in place of the first line. */
const firstLine = (
  word: string,
  description: string,
  bytes: Uint8Array,
  fault: Fault = 'first-line',
): Vector =>
  lvs(
    word === '' ? fault : `${fault}-${word}`,
    description,
    changes,
    (file) => {
      file.fault(fault, second);
      file.data([before]);
      file.finish();
    },
    { firstLine: bytes },
  );

const firstLines = (): Vector[] => [
  firstLine('', 'The first line of version 4.', flipped(FIRST_LINE_FRAME, 23, 7)),
  firstLine('checksum', "The first line's checksum is wrong.", flipped(FIRST_LINE_FRAME, -1)),
  firstLine('encoding', 'The first line in another encoding.', dataFrame(FIRST_LINE)),
  firstLine(
    'other',
    'A skippable frame in place of the first line.',
    skippable(0x184d2a53, ascii('lvmsync')),
  ),
  firstLine('data', 'No first line: data begins at once.', dataFrame(contentOf(record(0)))),
  firstLine('seek-table', 'A seek table in its place.', skippable(SEEK_TABLE, new Uint8Array(9))),
  lvs(
    'first-line-short',
    'Cut inside a first line that is another one already.',
    changes,
    (file) => file.fault('first-line', second),
    { firstLine: flipped(FIRST_LINE_FRAME, 12, 0x20).subarray(0, 20) },
  ),
  firstLine(
    'second',
    'Blanks behind the header, which are no frame at all.',
    filled(0x20, 64),
    'frame-magic',
  ),
];

function contentOf(...records: readonly PlainRecord[]): Uint8Array {
  return join(
    ...records.map(({ offset, data }) => join(recordHeader({ offset, length: data.length }), data)),
  );
}

const magics = (): Vector[] => [
  faulty('frame-magic', 'frame-magic', 'Zeros where a frame should begin.', (file) => {
    file.frame(new Uint8Array(64), { kind: 5 });
  }),
  faulty(
    'frame-magic-lz4',
    'frame-magic',
    "A frame of LZ4's, which older decoders of zstd know too.",
    (file) => {
      file.frame(join(hex('04224d18'), noise(1, 20)), { kind: 5 });
    },
  ),
  faulty(
    'frame-magic-previous',
    'frame-magic',
    'The magic that comes before those of the skippable frames.',
    (file) => {
      file.frame(skippable(0x184d2a4f, ascii('?')), { kind: 5 });
    },
  ),
  faulty(
    'frame-magic-next',
    'frame-magic',
    'The magic that follows those of the skippable frames.',
    (file) => {
      file.frame(skippable(0x184d2a60, ascii('?')), { kind: 5 });
    },
  ),
];

/** A frame of one record whose header or blocks are as `form` says. */
const formed =
  (form: (content: Uint8Array) => FrameForm, item = record(8192)) =>
  (file: FileDraft): void =>
    file.data([item], { encode: (content) => dataFrame(content, form(content)) });

const zstdHeaders = (): Vector[] => [
  faulty(
    'frame-header-no-checksum',
    'frame-header',
    'A frame without a content checksum.',
    formed(() => ({ descriptor: 0xa0, checksum: new Uint8Array(0) })),
  ),
  faulty(
    'frame-header-no-content-size',
    'frame-header',
    'A frame that does not tell its content size, and has a window in its place.',
    formed(() => ({ descriptor: 0x04, window: 0x38, size: new Uint8Array(0) })),
  ),
  faulty(
    'frame-header-reserved-bit',
    'frame-header',
    'The reserved bit is set.',
    formed(() => ({ descriptor: 0xac })),
  ),
  faulty(
    'frame-header-unused-bit',
    'frame-header',
    'The unused bit is set, which zstd ignores.',
    formed(() => ({ descriptor: 0xb4 })),
  ),
  faulty(
    'frame-header-dictionary',
    'frame-header',
    'A dictionary id of 0, which zstd ignores.',
    formed((content) => ({ descriptor: 0xa5, size: join(Uint8Array.of(0), u32(content.length)) })),
  ),
  faulty(
    'frame-header-window',
    'frame-header',
    'A frame with a window, as large as its content: not a single segment.',
    formed(
      (content) => ({ descriptor: 0x84, window: 0x18, size: u32(content.length) }),
      record(8192, 8192 - 12),
    ),
  ),
  faulty(
    'frame-header-window-before-size',
    'frame-header',
    'A window and a content of 0: the window comes first.',
    formed(() => ({
      descriptor: 0x84,
      window: 0x70,
      size: u32(0),
      blocks: [rawBlock(new Uint8Array(0), true)],
    })),
  ),
  faulty(
    'frame-size-content-empty',
    'frame-size',
    'A frame without content.',
    formed(() => ({
      size: u32(0),
      blocks: [rawBlock(new Uint8Array(0), true)],
      checksum: contentChecksum(new Uint8Array(0)),
    })),
  ),
  faulty(
    'frame-size-9-mib',
    'frame-size',
    'Blocks that end one byte behind 9 MiB.',
    formed(paddedTo(9 * MIB + 1), longRecord(8192, 8 * MIB - 1 - 12)),
  ),
  faulty(
    'frame-size-content-8-mib',
    'frame-size',
    'A content of one byte more than 8 MiB.',
    formed(() => ({}), longRecord(8192, 8 * MIB - 11)),
  ),
];

const repeated: PlainRecord = { offset: 8192, data: filled(0x61, 64) };
const zeroData = (length: number): PlainRecord => ({ offset: 8192, data: new Uint8Array(length) });
const NO_SEQUENCES = Uint8Array.of(0x80, 0);

/** A block of `size` zeros that says in two bytes that it has no sequences, behind a literals section. */
const noSequences = (word: string, literals: string, size: number, section: Uint8Array, more = ''): Vector =>
  faulty(
    `frame-corrupt-no-sequences${word}`,
    'frame-corrupt',
    `No sequences, counted in two bytes, behind ${literals}.`,
    formed(
      endingIn(size, () => join(section, NO_SEQUENCES, hex(more))),
      zeroData(size),
    ),
  );

const fourZeros = new Uint8Array(4);
const noSequencesAnywhere = (): Vector[] => [
  noSequences('', 'raw literals', 4, rawLiterals(fourZeros)),
  noSequences('-modes', 'raw literals and before modes and tables', 4, rawLiterals(fourZeros), '5401020004'),
  noSequences('-raw-2', 'raw literals with a header of two bytes', 4, rawLiterals(fourZeros, 2)),
  noSequences('-raw-3', 'raw literals with a header of three bytes', 4, rawLiterals(fourZeros, 3)),
  noSequences('-rle', 'one byte, repeated', 5, rleLiterals(0, 5)),
  noSequences('-huffman-one-stream', 'one stream of coded literals', 80, huffmanZeros(80, 0)),
  noSequences('-huffman-3', 'coded literals with a header of three bytes', 80, huffmanZeros(80, 1)),
  noSequences('-huffman-4', 'coded literals with a header of four bytes', 80, huffmanZeros(80, 2)),
  noSequences('-huffman-5', 'coded literals with a header of five bytes', 80, huffmanZeros(80, 3)),
  faulty(
    'frame-corrupt-no-sequences-treeless',
    'frame-corrupt',
    'No sequences, counted in two bytes, behind literals coded by the tree of the block before.',
    formed(treeless(NO_SEQUENCES), zeroData(96)),
  ),
  faulty(
    'frame-corrupt-no-sequences-inside',
    'frame-corrupt',
    'No sequences, counted in two bytes, in a block that is not the last.',
    formed(
      (content) => ({
        blocks: [
          rawBlock(content.subarray(0, 12)),
          compressedBlock(join(rawLiterals(fourZeros), NO_SEQUENCES)),
          rawBlock(content.subarray(16), true),
        ],
      }),
      zeroData(40),
    ),
  ),
];

/** A frame whose last block needs what the frame before has and its own has not. */
const needing = (
  word: string,
  description: string,
  first: (content: Uint8Array) => FrameForm,
  then: (content: Uint8Array) => FrameForm,
): Vector =>
  lvs(`frame-corrupt-${word}-of-frame-before`, description, changes, (file) => {
    formed(first, zeroData(64))(file);
    file.fault('frame-corrupt');
    formed(then, zeroData(64))(file);
    file.finish();
  });

const zero = rawLiterals(new Uint8Array(1));

/** Sequences that need bytes, tables or literals that are not there. */
const needy = (): Vector[] => [
  lvs('frame-corrupt-offset-out-of-frame', 'A match that begins before the file does.', changes, (file) => {
    file.fault('frame-corrupt');
    const form = endingIn(4, () => reachingBack(MIB));
    formed(form, zeroData(64))(file);
    file.finish();
  }),
  needing(
    'offset',
    'A match that begins one byte before the frame.',
    () => ({}),
    endingIn(4, () => reachingBack(74)),
  ),
  needing(
    'tree',
    'Literals coded by the tree of the block before, in the first block with literals that its frame has.',
    endingIn(48, () => join(huffmanZeros(48, 0), Uint8Array.of(0))),
    endingIn(48, () => join(huffmanZeros(48, 0, true), Uint8Array.of(0))),
  ),
  needing(
    'tables',
    'A sequence by the tables of the block before, in the first block with sequences that its frame has.',
    endingIn(4, () => join(zero, predefinedSequence)),
    endingIn(4, () => join(zero, repeatedSequence)),
  ),
  faulty(
    'frame-corrupt-literals-few',
    'frame-corrupt',
    'A sequence that takes two literals of one.',
    formed(
      endingIn(5, () => join(zero, rleSequences({ codes: [2, 2, 0], bits: '00' }))),
      zeroData(64),
    ),
  ),
];

const zstdBlocks = (): Vector[] => [
  ...noSequencesAnywhere(),
  ...needy(),
  faulty(
    'frame-corrupt-offset-zero',
    'frame-corrupt',
    'A sequence whose offset is the last one less one: 0.',
    formed(
      endingIn(4, () => join(rawLiterals(new Uint8Array(0)), Uint8Array.of(1, 0x54, 0, 1, 1, 0x03))),
      repeated,
    ),
  ),
  faulty(
    'frame-corrupt-checksum',
    'frame-corrupt',
    'The content checksum is wrong.',
    formed((content) => ({ checksum: flipped(contentChecksum(content), 0) })),
  ),
  faulty(
    'frame-corrupt-content',
    'frame-corrupt',
    'A bit of the content is flipped.',
    formed((content) => ({ blocks: [rawBlock(flipped(content, 20), true)] })),
  ),
  faulty(
    'frame-corrupt-content-short',
    'frame-corrupt',
    'The content is shorter than its size says.',
    formed((content) => ({ size: u32(content.length + 1) })),
  ),
  faulty(
    'frame-corrupt-content-long',
    'frame-corrupt',
    'The content is longer than its size says.',
    formed((content) => ({ size: u32(content.length - 1) })),
  ),
  faulty(
    'frame-corrupt-block-type',
    'frame-corrupt',
    'A block of the reserved type.',
    formed((content) => ({ blocks: [patched(rawBlock(content, true), 0, u16((content.length << 3) | 7))] })),
  ),
  faulty(
    'frame-corrupt-block-size',
    'frame-corrupt',
    'A block of one byte more than 128 KiB.',
    formed(
      (content) => {
        const end = 12 + 128 * KIB + 1;
        const blocks = [
          rawBlock(content.subarray(0, 12)),
          rleBlock(0xa5, 128 * KIB + 1),
          rleBlock(0xa5, content.length - end, true),
        ];
        return { blocks };
      },
      longRecord(8192, 200 * KIB),
    ),
  ),
  faulty(
    'frame-corrupt-block-content',
    'frame-corrupt',
    'A block that is larger than the content, which is less than 128 KiB.',
    formed((content) => ({ blocks: [rawBlock(content), rleBlock(0, content.length + 1, true)] })),
  ),
  faulty(
    'frame-corrupt-block-short',
    'frame-corrupt',
    'A compressed block of one byte, which has no sequences section.',
    formed((content) => ({ blocks: [rawBlock(content), compressedBlock(Uint8Array.of(0), true)] })),
  ),
  faulty(
    'frame-corrupt-reserved-modes',
    'frame-corrupt',
    'The reserved bits beside the compression modes of a sequences section are set.',
    formed(withOneSequence({ reserved: 3 }), repeated),
  ),
  faulty(
    'frame-corrupt-compressed',
    'frame-corrupt',
    'A compressed block of noise.',
    formed(() => ({ blocks: [join(u32((40 << 3) | 5).subarray(0, 3), noise(9, 40))] })),
  ),
];

/** Data frames whose content is `content`, whatever that is. */
const holding =
  (content: Uint8Array) =>
  (file: FileDraft): void =>
    file.data([record(8192)], { encode: () => dataFrame(content) });

const header = (offset: number | bigint, length: number): Uint8Array =>
  join(u64be(offset), recordHeader({ offset: 0, length }).subarray(8));

const contents = (): Vector[] => [
  faulty(
    'truncated-header-in-frame',
    'truncated-header',
    'A frame ends inside a record header.',
    holding(join(contentOf(record(8192)), header(16384, 20).subarray(0, 7))),
  ),
  faulty(
    'truncated-header-at-frame-end',
    'truncated-header',
    'A long record begins with its header alone at the end of a frame.',
    holding(join(contentOf(record(8192)), header(16384, 2 * MIB))),
  ),
  faulty(
    'truncated-header-before-empty-record',
    'truncated-header',
    'An empty record at the end of a frame: 13 bytes are not left.',
    holding(join(contentOf(record(8192)), header(16384, 0))),
  ),
  faulty(
    'truncated-record-in-frame',
    'truncated-record',
    'A frame ends inside a short record.',
    holding(join(header(8192, 100), noise(2, 99))),
  ),
  faulty(
    'truncated-record-1-mib',
    'truncated-record',
    'A record of exactly 1 MiB is not whole in its frame.',
    holding(join(header(8192, MIB), filled(1, MIB - 1))),
  ),
  faulty(
    'truncated-record-continued',
    'truncated-record',
    'A short record goes on in the next frame.',
    (file) => {
      const [head, rest] = cutRecord(record(8192, 100), 50);
      file.data([head!]);
      file.data([rest!]);
    },
  ),
  faulty(
    'empty-record-in-frame',
    'empty-record',
    'A record without data.',
    holding(join(contentOf(record(8192)), header(16384, 0), contentOf(record(20000)))),
  ),
  faulty(
    'empty-record-before-offset',
    'empty-record',
    'A record without data past every limit: its length comes first.',
    holding(join(header(2n ** 64n - 1n, 0), noise(2, 20))),
  ),
  faulty(
    'offset-limit-in-frame',
    'offset-limit',
    'A record that ends at 2^53.',
    holding(contentOf(record(2 ** 53 - 48))),
  ),
  faulty(
    'offset-limit-highest',
    'offset-limit',
    'A record at 2^64 - 1.',
    holding(join(header(2n ** 64n - 1n, 1), noise(2, 1))),
  ),
  faulty(
    'offset-limit-before-declared-size',
    'offset-limit',
    'Past the limit and the declared size: the limit comes first.',
    holding(contentOf(record(2 ** 53 - 48))),
    { ...changes, result_size: 2 * MIB },
  ),
  faulty(
    'offset-limit-before-cut',
    'offset-limit',
    'A record past the limit that its frame cuts: the limit comes first.',
    holding(join(header(2 ** 53 - 2, 100), noise(2, 50))),
  ),
];

const openRecords = (): Vector[] => [
  lvs('record-open-zeros', 'Zero ranges where a record should go on.', changes, (file) => {
    const [head, rest] = cutRecord(longRecord(8192, 2 * MIB), MIB);
    file.data([before]);
    file.data([head!]);
    file.fault('record-open');
    file.zeros([{ offset: 0, length: 4096 }]);
    file.data([rest!]);
    file.finish();
  }),
  lvs(
    'record-open-before-crc',
    'Zero ranges with a wrong checksum where a record should go on.',
    changes,
    (file) => {
      const [head, rest] = cutRecord(longRecord(8192, 2 * MIB), MIB);
      file.data([head!]);
      file.fault('record-open');
      file.frame(flipped(sealed(ZERO_RANGES, zeroRangesBody([{ offset: 0, length: 1 }])), -1), { kind: 3 });
      file.data([rest!]);
      file.finish();
    },
  ),
  lvs('record-open-end', 'The last page where a record should go on.', changes, (file) => {
    file.data([before]);
    file.data([cutRecord(longRecord(8192, 2 * MIB), MIB)[0]!]);
    file.fault('record-open');
    file.finish();
  }),
  lvs(
    'record-open-before-size',
    'Zero ranges of an impossible size where a record should go on.',
    changes,
    (file) => {
      const [head, rest] = cutRecord(longRecord(8192, 2 * MIB), MIB);
      file.data([head!]);
      file.fault('record-open');
      file.frame(join(u32(ZERO_RANGES), u32(7), noise(1, 7)), { kind: 3 });
      file.data([rest!]);
      file.finish();
    },
  ),
];

const promises = (): Vector[] => [
  faulty('order-descending', 'order', 'A sorted stream goes back.', (file) => file.data([record(0)]), sorted),
  faulty(
    'order-overlap',
    'order',
    'In a sorted stream a record begins inside the one before.',
    (file) => file.data([record(8192, 100), record(8291, 10)]),
    sorted,
  ),
  faulty(
    'order-zeros',
    'order',
    'Zero ranges that are not in order in a sorted stream.',
    (file) => file.zeros([{ offset: MIB - 4096, length: 4096 }, { offset: 65_536, length: 1 }]), // prettier-ignore
    sorted,
  ),
  faulty(
    'order-disjoint',
    'order',
    'In a disjoint stream a byte is written twice, with records in between.',
    (file) => file.data([record(65_536), record(0), record(4000, 97)]),
    disjoint,
  ),
  faulty(
    'order-disjoint-zeros',
    'order',
    'In a disjoint stream a zero range reaches into an earlier record.',
    (file) => file.zeros([{ offset: 65_536, length: 3 }, { offset: 4143, length: 1 }]), // prettier-ignore
    disjoint,
  ),
  faulty(
    'order-before-cut',
    'order',
    'A record out of order that its frame cuts: the order comes first.',
    holding(join(header(0, 100), noise(2, 50))),
    sorted,
  ),
  faulty(
    'declared-size',
    'declared-size',
    'A record ends one byte past the only size that is declared.',
    (file) => file.data([record(2 * MIB - 47)]),
    { ...sorted, base_size: 2 * MIB },
  ),
  ...(['base', 'result'] as const).map((side) =>
    lvs(
      `declared-size-${side}-0`,
      `A record, and a ${side} size of 0, which is no lack of one.`,
      { ...changes, [`${side}_size`]: 0 },
      (file) => {
        file.fault('declared-size');
        file.data([before]);
        file.finish();
      },
    ),
  ),
  faulty(
    'declared-size-before-order-zeros',
    'declared-size',
    'A zero range past the declared size and out of order: the size comes first.',
    (file) => file.zeros([{ offset: 4100, length: 2 * MIB }]),
    { ...sorted, result_size: 2 * MIB },
  ),
  faulty(
    'declared-size-both',
    'declared-size',
    'A record ends past both declared sizes.',
    (file) => file.data([record(2 * MIB)]),
    { ...sorted, base_size: 2 * MIB, result_size: MIB + 48 },
  ),
  faulty(
    'declared-size-before-order',
    'declared-size',
    'Past the declared size and out of order: the size comes first.',
    (file) => file.data([longRecord(4100, 2 * MIB)]),
    { ...sorted, result_size: 2 * MIB },
  ),
  faulty(
    'declared-size-zeros',
    'declared-size',
    'A zero range ends past the declared size.',
    (file) => file.zeros([{ offset: 4144, length: 2 * MIB }]),
    { ...sorted, result_size: 2 * MIB },
  ),
  faulty(
    'piece-digests-cut',
    'piece-digests',
    'With piece digests a record goes on at an offset that is no multiple of 4096.',
    (file) => {
      const [head, rest] = cutRecord(longRecord(8192, 2 * MIB), MIB + 512);
      file.data([head!]);
      file.data([rest!]);
    },
    withDigests,
  ),
  lvs('map-ranges-data', 'A map with a data frame.', map, (file) => {
    file.fault('map-ranges');
    file.data([before]);
    file.finish();
  }),
  lvs('map-ranges-zeros', 'A map with zero ranges.', map, (file) => {
    file.fault('map-ranges');
    file.zeros([{ offset: 0, length: 4096 }]);
    file.finish();
  }),
  lvs(
    'map-ranges-data-damaged',
    'A map with a data frame without a checksum: it may not stand there at all.',
    map,
    (file) => {
      file.fault('map-ranges');
      formed(() => ({ descriptor: 0xa0 }))(file);
      file.finish();
    },
  ),
];

/** A zero-ranges frame with this payload, followed by the zero frame of `ranges`. */
const listing =
  (frame: Uint8Array, ranges: readonly Range[] = [{ offset: 8192, length: 4096 }]) =>
  (file: FileDraft): void => {
    file.frame(frame, { kind: 3 });
    file.frame(zeroFrame(ranges), { kind: 5 });
  };

const one: readonly Range[] = [{ offset: 8192, length: 4096 }];
const body = (...args: Parameters<typeof zeroRangesBody>) => sealed(ZERO_RANGES, zeroRangesBody(...args));
const twoRanges: readonly Range[] = [...one, { offset: 0, length: 0 }];

/** Ranges of whole records of 16 MiB, whose content is 2^64 bytes and less than one of those records more. */
function rangesThatWrap(): Range[] {
  const records = 2n ** 64n / (2n ** 24n + 12n) + 1n;
  const most = 2n ** 29n - 1n;
  const recordsOf = (i: number): number => Math.min(Number(most), Number(records - BigInt(i) * most));
  return Array.from({ length: Number((records + most - 1n) / most) }, (_, i) => ({
    offset: 0,
    length: recordsOf(i) * 2 ** 24,
  }));
}

const zeroRanges = (): Vector[] => [
  faulty('zero-ranges-crc', 'zero-ranges', 'The checksum is wrong.', listing(flipped(body(one), -3))),
  faulty('zero-ranges-reserved', 'zero-ranges', 'The reserved field is 1.', listing(body(one, 1, 1))),
  faulty(
    'zero-ranges-reserved-high',
    'zero-ranges',
    'The highest bit of the reserved field is set.',
    listing(body(one, 1, 2 ** 31)),
  ),
  faulty('zero-ranges-none', 'zero-ranges', 'A count of 0 and a range behind it.', listing(body(one, 0))),
  faulty('zero-ranges-count', 'zero-ranges', 'The count is one more than there are.', listing(body(one, 2))),
  faulty(
    'zero-ranges-surplus',
    'zero-ranges',
    'The count is one less than there are.',
    listing(body(twoRanges, 1)),
  ),
  faulty('zero-ranges-empty', 'zero-ranges', 'A range of no bytes.', listing(body(twoRanges))),
  faulty(
    'zero-ranges-limit',
    'zero-ranges',
    'A range that ends at 2^53.',
    listing(body([{ offset: 2 ** 53 - 4096, length: 4096 }])),
  ),
  faulty(
    'zero-ranges-wrap',
    'zero-ranges',
    'A range whose end is beyond 2^64.',
    listing(resealed(patched(body(one), 16, u64(2n ** 64n - 16n)))),
  ),
  faulty(
    'zero-ranges-content',
    'zero-ranges',
    'A range whose records and their headers are one byte more than 1 GiB.',
    listing(body([{ offset: 8192, length: GIB - 64 * 12 + 1 }])),
  ),
  faulty(
    'zero-ranges-content-4-gib',
    'zero-ranges',
    'A range of 4 GiB, whose content is small where it wraps at 2^32.',
    listing(body([{ offset: 8192, length: 4 * GIB }])),
  ),
  faulty(
    'zero-ranges-content-2-64',
    'zero-ranges',
    'Ranges whose content is small where it wraps at 2^64.',
    listing(body(rangesThatWrap())),
  ),
  faulty(
    'zero-ranges-before-declared-size',
    'zero-ranges',
    'A range past the limit and the declared size: the limit comes first.',
    listing(body([{ offset: 2 ** 53 - 4096, length: 4097 }])),
    { ...changes, result_size: 2 * MIB },
  ),
  faulty(
    'order-before-zero-ranges-content',
    'order',
    'Zero ranges out of order and too long together: the order comes first.',
    listing(body([{ offset: 4200, length: GIB }, { offset: 4100, length: 1 }])), // prettier-ignore
    sorted,
  ),
  faulty(
    'zero-ranges-before-order',
    'zero-ranges',
    'An empty range, and one out of order behind it: ranges are checked in turn.',
    listing(body([{ offset: 8192, length: 0 }, { offset: 0, length: 1 }])), // prettier-ignore
    sorted,
  ),
  faulty(
    'order-before-zero-ranges-empty',
    'order',
    'A range out of order, and an empty one behind it: ranges are checked in turn.',
    listing(body([{ offset: 0, length: 1 }, { offset: 8192, length: 0 }])), // prettier-ignore
    sorted,
  ),
];

/** Zero ranges and the fault where the zero frame should begin. */
function zeroFault(word: string, description: string, frame: Uint8Array, ranges = one): Vector {
  return lvs(word === '' ? 'zero-frame' : `zero-frame-${word}`, description, changes, (file) => {
    file.data([before]);
    file.fault('zero-frame', file.position + 20 + 16 * ranges.length);
    file.zeros(ranges, { frame });
    file.data([behind]);
    file.finish();
  });
}

const zeroRecord = recordHeader({ offset: 8192, length: 4096 });
const zeroForm = (content: Uint8Array, form: FrameForm) =>
  dataFrame(content, { descriptor: 0x80, window: 0x38, checksum: new Uint8Array(0), ...form });
const zeroContent = join(zeroRecord, new Uint8Array(4096));

const zeroFrames = (): Vector[] => [
  zeroFault('', 'One byte of the RLE block is 1 and not 0.', flipped(zeroFrame(one), -1)),
  zeroFault('offset', "The record's offset is not that of the range.", flipped(zeroFrame(one), 20)),
  zeroFault('checksum', 'A frame with a content checksum, otherwise the same.', zeroForm(zeroContent, { descriptor: 0x84, checksum: contentChecksum(zeroContent) })), // prettier-ignore
  zeroFault(
    'blocks',
    'Two RLE blocks where there should be one.',
    zeroForm(zeroContent, { blocks: [rawBlock(zeroRecord), rleBlock(0, 2048), rleBlock(0, 2048, true)] }),
  ),
  zeroFault('data', 'The same zeros as a data frame.', dataFrame(zeroContent)),
  zeroFault(
    'records',
    'A range of two records written as one.',
    zeroForm(join(recordHeader({ offset: 0, length: 16 * MIB + 1 }), new Uint8Array(16 * MIB + 1)), {}),
    [{ offset: 0, length: 16 * MIB + 1 }],
  ),
  lvs('zero-frame-short', 'Cut inside a zero frame that is another one already.', changes, (file) => {
    file.data([before]);
    file.frame(body(one), { kind: 3 });
    file.fault('zero-frame');
    file.stray(flipped(zeroFrame(one), 15).subarray(0, -3));
  }),
  lvs('zero-frame-seek-table', 'Zero ranges are followed by a seek table.', changes, (file) => {
    file.data([before]);
    file.frame(body(one), { kind: 3 });
    file.fault('zero-frame');
    file.stray(file.seekTable());
  }),
  lvs('zero-frame-absent', 'Zero ranges are followed by a page.', changes, (file) => {
    file.data([before]);
    file.frame(body(one), { kind: 3 });
    file.fault('zero-frame');
    file.finish();
  }),
  lvs(
    'zero-frame-other-between',
    'Another skippable frame stands before the zero frame.',
    changes,
    (file) => {
      file.frame(body(one), { kind: 3 });
      file.fault('zero-frame');
      file.other(0x184d2a53, ascii('between'));
      file.frame(zeroFrame(one), { kind: 4, records: 1, contentSize: 4108, low: 8192, high: 12_288 });
      file.finish();
    },
  ),
];

const sized = (name: string, description: string, start: Uint8Array): Vector =>
  faulty(name, 'frame-size', description, (file) => {
    file.frame(join(start, noise(1, 40)), { kind: 5 });
  });

const sizes = (): Vector[] => [
  sized('frame-size-page-short', 'A page of 35 bytes.', join(u32(0x184d2a51), u32(35))),
  sized(
    'frame-size-page-long',
    'A page of one byte more than 32 MiB.',
    join(u32(0x184d2a51), u32(32 * MIB + 1)),
  ),
  sized('frame-size-zero-ranges-short', 'Zero ranges of 27 bytes.', join(u32(ZERO_RANGES), u32(27))),
  sized(
    'frame-size-zero-ranges-long',
    'Zero ranges of one byte more than 65 536 ranges take.',
    join(u32(ZERO_RANGES), u32(12 + 65_536 * 16 + 1)),
  ),
  sized(
    'frame-size-other-long',
    'Another skippable frame of one byte more than 32 MiB.',
    join(u32(0x184d2a5f), u32(32 * MIB + 1)),
  ),
  sized('frame-size-other', 'Another skippable frame of 4 GiB.', join(u32(0x184d2a5f), u32(0xffffffff))),
];

/** A file that ends with the byte that makes it faulty: nothing behind that is asked for. */
const ends = (fault: Fault, description: string, bytes: Uint8Array): Vector =>
  lvs(`${fault}-last-byte`, description, changes, (file) => {
    file.data([before]);
    file.fault(fault);
    file.stray(bytes);
  });

const lastBytes = (): Vector[] => [
  ends('frame-magic', 'The file ends behind a magic of no frame.', u32(0x184d2a60)),
  ends(
    'frame-size',
    'The file ends behind the size of a page that is too short.',
    join(u32(0x184d2a51), u32(35)),
  ),
  ends(
    'frame-header',
    'The file ends behind the descriptor of a frame without a checksum.',
    hex('28b52ffd a0'),
  ),
  ends(
    'frame-corrupt',
    'The file ends behind the header of a block of the reserved type.',
    join(hex('28b52ffd a4'), u32(100), u24((40 << 3) | 6)),
  ),
];
