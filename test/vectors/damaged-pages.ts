import { ascii, filled, flipped, join, patched, sha256, skippable, u16, u32, u64 } from './bytes.js';
import {
  closingOfSize,
  cutRecord,
  headerFrame,
  PAGE,
  pieceRun,
  SEEK_TABLE,
  SEEKABLE,
  type FileDraft,
  type LastPageChange,
  type PageChange,
  type PageFields,
  type Range,
} from './container.js';
import { nestedMaps, pack, packPairs, type Value, type ValueMap } from './msgpack.js';
import {
  changes,
  disjoint,
  longRecord,
  lvs,
  map,
  MIB,
  record,
  sorted,
  time,
  withDigests,
  type Vector,
} from './vector.js';
import { dataFrame } from './zstd.js';
import type { Fault } from '#src/errors.js';

/** Files with a fault in their index, closing map or seek table, or behind it. Checksums fit. */
export const damagedPages = (): Vector[] => [
  ...layout(),
  ...sequence(),
  ...entries(),
  ...pieces(),
  ...mapRanges(),
  ...tables(),
  ...closings(),
  ...totals(),
  ...seekTables(),
  ...endings(),
];

/** Two frames, a page that `change` has spoilt, a frame and a good end. */
const inPage = (
  name: string,
  fault: Fault,
  description: string,
  change: PageChange,
  header: ValueMap = changes,
): Vector =>
  lvs(name, description, header, (file) => {
    file.data([record(0), record(4096)]);
    file.data([record(8192)]);
    file.fault(fault);
    file.page(change);
    file.data([record(16384)]);
    file.finish();
  });

/** A frame and a page, another frame, and a last page that `change` has spoilt. */
const inLastPage = (
  name: string,
  fault: Fault,
  description: string,
  change: LastPageChange,
  header: ValueMap = changes,
): Vector =>
  lvs(name, description, header, (file) => {
    file.data([record(0)]);
    file.page();
    file.data([record(8192)]);
    file.fault(fault);
    file.finish(change);
  });

const edited = (edit: (fields: PageFields) => void): PageChange => ({ edit });

const layout = (): Vector[] => [
  inPage('page-crc', 'page-crc', 'A bit of an entry is flipped.', { spoil: (page) => flipped(page, 60) }),
  inLastPage('page-crc-last', 'page-crc', "A bit of the last page's closing map is flipped.", {
    spoil: (page) => flipped(page, -9),
  }),
  inPage(
    'page-layout-flags',
    'page-layout',
    'Bit 3 of the flags is set.',
    edited((page) => (page.flags |= 8)),
  ),
  inPage(
    'page-layout-reserved',
    'page-layout',
    'The reserved field is 1.',
    edited((page) => (page.reserved = 1)),
  ),
  inPage(
    'page-layout-reserved-high',
    'page-layout',
    'The highest bit of the reserved field is set.',
    edited((page) => (page.reserved = 2 ** 31)),
  ),
  inPage(
    'page-layout-entries',
    'page-layout',
    'A page with 4097 entries.',
    edited((page) => {
      page.entryCount = 4097;
      page.entries = [new Uint8Array(64 * 4097)];
    }),
  ),
  inPage(
    'page-layout-count',
    'page-layout',
    'One entry more is counted than there is.',
    edited((page) => (page.entryCount += 1)),
  ),
  inPage(
    'page-layout-surplus',
    'page-layout',
    'Bytes behind the sections of a page that is not the last.',
    edited((page) => (page.closing = new Uint8Array(8))),
  ),
  inPage(
    'page-layout-pieces',
    'page-layout',
    'Piece digests and no flag for them.',
    edited((page) => {
      page.pieces = pieceRun(0, 3);
      page.piecesSize = page.pieces.length;
    }),
  ),
  inPage(
    'page-layout-ranges',
    'page-layout',
    'Map ranges and no flag for them.',
    edited((page) => {
      page.ranges = new Uint8Array(16);
      page.rangeCount = 1;
    }),
  ),
  inLastPage(
    'page-layout-wraps-last',
    'page-layout',
    'Counts of a last page that have room only when their sum wraps at 2^32.',
    edited((page) => (page.piecesSize = 2 ** 32 - 64 * page.entryCount)),
    withDigests,
  ),
  inPage(
    'page-layout-before-piece-digests',
    'page-layout',
    'Bytes behind the sections, and a flag that the header does not promise: the layout comes first.',
    edited((page) => {
      page.flags |= 2;
      page.closing = new Uint8Array(8);
    }),
  ),
  inLastPage(
    'page-layout-last',
    'page-layout',
    'A last page too short for a page table and a closing map.',
    edited((page) => {
      page.table = new Uint8Array(8);
      page.closing = new Uint8Array(0);
    }),
  ),
];

const sequence = (): Vector[] => [
  inPage(
    'page-sequence-number',
    'page-sequence',
    'The first page is number 1.',
    edited((page) => (page.number = 1)),
  ),
  inPage(
    'page-sequence-first',
    'page-sequence',
    'The page skips a frame.',
    edited((page) => (page.first += 1)),
  ),
  inPage(
    'page-sequence-first-high',
    'page-sequence',
    'The first listed frame is 2^32 more.',
    edited((page) => (page.first += 2 ** 32)),
  ),
  inPage(
    'page-sequence-ahead',
    'page-sequence',
    'The page lists a frame that comes behind it.',
    edited((page) => {
      page.entryCount += 1;
      page.entries.push(page.entries[0]!);
    }),
  ),
  lvs('page-sequence-doubled', 'A page stands twice.', changes, (file) => {
    file.data([record(0)]);
    let page: Uint8Array | undefined;
    file.page({ spoil: (bytes) => (page = bytes) });
    file.fault('page-sequence');
    file.frame(page!);
    file.data([record(4096)]);
    file.finish();
  }),
  lvs('page-sequence-missing', 'The first of two pages is missing.', changes, (file) => {
    file.data([record(0)]);
    file.data([record(4096)]);
    file.fault('page-sequence');
    file.page({ frames: 2, spoil: () => new Uint8Array(0) });
    file.finish();
  }),
  inLastPage(
    'page-sequence-before-closing',
    'page-sequence',
    'A wrong number, and no closing map worth the name: the page comes first.',
    {
      edit: (page) => {
        page.number = 7;
        page.closing = filled(0xc1, 20);
      },
    },
  ),
];

/** Changes the entry of the second data frame, which is number 3 of the page. */
const entryChange = (change: (entry: Uint8Array) => Uint8Array): PageChange =>
  edited((page) => (page.entries[3] = change(page.entries[3]!)));

const entries = (): Vector[] => [
  lvs('frame-digest', "A data frame's SHA-256 in the index is another one.", changes, (file) => {
    file.data([record(0)]);
    const at = file.position;
    file.data([record(4096)]);
    file.data([record(8192)]);
    file.fault('frame-digest', at);
    file.finish(entryChange((entry) => flipped(entry, 40)));
  }),
  lvs('frame-digest-header', 'The SHA-256 of the header in the index is another one.', changes, (file) => {
    file.data([record(0)]);
    file.fault('frame-digest', 0);
    file.finish(edited((page) => (page.entries[0] = flipped(page.entries[0]!, -1))));
  }),
  lvs('frame-digest-other', 'The content of another skippable frame has changed.', changes, (file) => {
    file.data([record(0)]);
    const at = file.position;
    file.other(0x184d2a53, ascii('was something else'));
    file.data([record(4096)]);
    file.fault('frame-digest', at);
    const listed = sha256(skippable(0x184d2a53, ascii('was something quite')));
    file.finish(entryChange((entry) => patched(entry, 32, listed)));
  }),
  lvs(
    'frame-digest-swapped',
    'Two frames have changed places; the index has the old order.',
    disjoint,
    (file) => {
      file.data([record(4096)]);
      file.data([record(0)]);
      file.fault('frame-digest', headerFrame({ map: pack(disjoint) }).length + 30);
      file.finish(edited((page) => page.entries.push(...page.entries.splice(2, 1))));
    },
  ),
  inPage(
    'frame-entry-before-digest',
    'frame-entry',
    'A wrong number of records in an entry and a wrong SHA-256 in the next: entries are checked in turn.',
    edited((page) => {
      page.entries[2] = patched(page.entries[2]!, 4, u32(9));
      page.entries[3] = flipped(page.entries[3]!, 50);
    }),
  ),
  ...(
    [
      ['kind', 'The kind is that of zeros.', (entry) => patched(entry, 0, Uint8Array.of(4))],
      ['flags', 'The flag of an open record is set.', (entry) => patched(entry, 1, Uint8Array.of(2))],
      ['flags-unknown', 'Bit 2 of the flags is set.', (entry) => patched(entry, 1, Uint8Array.of(4))],
      ['reserved', 'The reserved field is not 0.', (entry) => patched(entry, 2, u16(0x100))],
      ['records', 'The number of records is 2.', (entry) => patched(entry, 4, u32(2))],
      ['size', 'The size in the file is one more.', (entry) => flipped(entry, 8)],
      ['content-size', 'The content size is one more.', (entry) => flipped(entry, 12)],
      ['low', 'The lowest offset is one less.', (entry) => patched(entry, 16, u64(8191))],
      ['high', 'The highest end is 2^56 more.', (entry) => flipped(entry, 31)],
    ] as readonly [string, string, (entry: Uint8Array) => Uint8Array][]
  ).map(([word, description, change]) =>
    inPage(`frame-entry-${word}`, 'frame-entry', description, entryChange(change)),
  ),
  inPage(
    'frame-entry-first-line',
    'frame-entry',
    'The content size of the first line is 0.',
    edited((page) => (page.entries[1] = patched(page.entries[1]!, 12, u32(0)))),
  ),
  lvs('unlisted-frame', 'A data frame that no page lists.', changes, (file) => {
    file.data([record(0)]);
    file.page();
    const at = file.position;
    file.data([record(4096)]);
    file.data([record(8192)]);
    file.fault('unlisted-frame', at);
    file.finish({ frames: 0 });
  }),
  lvs(
    'record-open-before-unlisted',
    'The last page where a record should go on does not list its frame: the record comes first.',
    changes,
    (file) => {
      file.data([record(0)]);
      file.data([cutRecord(longRecord(8192, 2 * MIB), MIB)[0]!]);
      file.fault('record-open');
      file.finish({ frames: 3 });
    },
  ),
  lvs('unlisted-frame-other', 'A skippable frame that no page lists.', changes, (file) => {
    file.data([record(0)]);
    const at = file.position;
    file.other(0x184d2a5f, ascii('hidden'));
    file.fault('unlisted-frame', at);
    file.finish({ frames: 3 });
  }),
];

const withPieces = (word: string, description: string, section: Uint8Array): Vector =>
  inPage(
    `piece-digests-${word}`,
    'piece-digests',
    description,
    edited((page) => {
      page.pieces = section;
      page.piecesSize = section.length;
    }),
    withDigests,
  );

const digest = filled(7, 16);

/** The page covers two frames, of two pieces and of one. */
const pieces = (): Vector[] => [
  withPieces('few', 'One piece of the last frame is not covered.', pieceRun(0, 2)),
  withPieces('many', 'One piece too many.', join(pieceRun(0, 2), pieceRun(1, 1), pieceRun(0, 1))),
  withPieces('across-frames', 'A run covers the pieces of two frames.', pieceRun(1, 3)),
  withPieces(
    'last-run-long',
    'The last run counts a piece more than there is.',
    join(pieceRun(0, 2), pieceRun(1, 2)),
  ),
  withPieces('type', 'A run of type 3.', join(pieceRun(3, 2), pieceRun(0, 1))),
  withPieces('empty-run', 'A run of no pieces.', join(pieceRun(0, 0), pieceRun(0, 2), pieceRun(0, 1))),
  withPieces(
    'digest-cut',
    'The last digest is cut.',
    join(pieceRun(0, 2), pieceRun(2, 1, digest.subarray(1))),
  ),
  withPieces('cut-run', 'The last run is cut.', join(pieceRun(0, 2), Uint8Array.of(1, 0, 0))),
  withPieces(
    'surplus',
    'Bytes behind the last run.',
    join(pieceRun(2, 2, digest, digest), pieceRun(0, 1), u32(0)),
  ),
  inPage('piece-digests-absent', 'piece-digests', 'Digests are promised, the page has none.', {
    edit: (page) => {
      page.flags = 0;
      page.pieces = new Uint8Array(0);
      page.piecesSize = 0;
    },
  }, withDigests), // prettier-ignore
  lvs('piece-digests-all-flags', 'The last page of a map has all three flags.', map, (file) => {
    file.fault('piece-digests');
    file.finish(edited((page) => (page.flags |= 2)));
  }),
  inPage(
    'piece-digests-before-map-ranges',
    'piece-digests',
    'Both flags that the header does not promise: that of digests comes first.',
    edited((page) => (page.flags |= 6)),
  ),
  inPage('piece-digests-unexpected', 'piece-digests', 'Digests that the header does not promise.', {
    edit: (page) => {
      page.flags |= 2;
      page.pieces = join(pieceRun(0, 2), pieceRun(0, 1));
      page.piecesSize = page.pieces.length;
    },
  }),
];

const inMap = (
  word: string,
  description: string,
  ranges: readonly Range[],
  header = map,
  fault: Fault = 'map-ranges',
) =>
  lvs(`${fault}-${word}`, description, header, (file) => {
    file.page({ ranges: [{ offset: 4096, length: 4096 }] });
    file.fault(fault);
    file.page({ ranges });
    file.finish();
  });

const mapRanges = (): Vector[] => [
  inMap('touching', 'A range begins where the one before, in another page, ends.', [
    { offset: 8192, length: 1 },
  ]),
  inMap('descending', 'A range lies before the one before.', [{ offset: 0, length: 1 }]),
  inMap('empty', 'A range of no bytes.', [{ offset: 16384, length: 0 }]),
  inMap('limit', 'A range that ends at 2^53.', [{ offset: 2 ** 52, length: 2 ** 52 }]),
  inMap(
    'map',
    'A range of a map that ends past the declared size.',
    [{ offset: 16384, length: 2 }],
    { ...map, base_size: 16385 },
    'declared-size',
  ),
  inMap(
    'before-declared-size',
    'A range before the one before that ends past the declared size: the order comes first.',
    [{ offset: 0, length: 16386 }],
    { ...map, base_size: 16385 },
  ),
  lvs('map-ranges-wrap', 'A range of a map whose end is beyond 2^64.', map, (file) => {
    file.fault('map-ranges');
    file.page(
      edited((page) => {
        page.ranges = join(u64(2n ** 64n - 1n), u64(2));
        page.rangeCount = 1;
      }),
    );
    file.finish();
  }),
  inPage(
    'map-ranges-before-page-sequence',
    'map-ranges',
    'The flag of a map in another stream, and a wrong number: the flag comes first.',
    edited((page) => {
      page.flags |= 4;
      page.number = 1;
    }),
  ),
  lvs('map-ranges-absent', 'A page of a map without the flag of one.', map, (file) => {
    file.fault('map-ranges');
    file.finish(edited((page) => (page.flags &= ~4)));
  }),
  inPage(
    'map-ranges-unexpected',
    'map-ranges',
    'The flag of a map in another stream.',
    edited((page) => (page.flags |= 4)),
  ),
];

const inTable = (word: string, description: string, change: (table: Uint8Array) => Uint8Array): Vector =>
  inLastPage(
    `page-table-${word}`,
    'page-table',
    description,
    edited((page) => (page.table = change(page.table))),
  );

const tables = (): Vector[] => [
  inTable('count', 'The table counts no page, and has the entry of one.', (table) =>
    patched(table, 0, u32(0)),
  ),
  inTable('count-huge', 'The table counts 2^32 - 1 pages.', (table) => patched(table, 0, u32(2 ** 32 - 1))),
  inTable('empty', 'The table is empty where it should list a page.', () => new Uint8Array(8)),
  inTable('reserved', "The table's reserved field is 1.", (table) => patched(table, 4, u32(1))),
  inTable('position', 'The position is one more.', (table) => flipped(table, 8)),
  inTable('size', 'The size is one more.', (table) => flipped(table, 16)),
  inTable('entry-reserved', "An entry's reserved field is 1.", (table) => patched(table, 20, u32(1))),
  inTable('digest', 'The SHA-256 of the page is another one.', (table) => flipped(table, -1)),
  inLastPage(
    'page-table-before-closing',
    'page-table',
    'A wrong page table and no digest: the table comes first.',
    {
      without: ['digest'],
      edit: (page) => (page.table = flipped(page.table, 9)),
    },
  ),
  lvs(
    'unlisted-frame-before-table',
    'A frame that no page lists, and a wrong page table: the frame comes first.',
    changes,
    (file) => {
      const at = file.position;
      file.data([record(0)]);
      file.fault('unlisted-frame', at);
      file.finish({ frames: 2, edit: (page) => (page.table = flipped(page.table, 0)) });
    },
  ),
];

const closing = (
  word: string,
  description: string,
  change: LastPageChange,
  header: ValueMap = changes,
): Vector => inLastPage(`closing-map-${word}`, 'closing-map', description, change, header);

const replaced = (bytes: (map: Uint8Array) => Uint8Array): LastPageChange =>
  edited((page) => (page.closing = bytes(page.closing)));

const base: Value = { id: 'lv:abc', time };

const closings = (): Vector[] => [
  closing('digest-absent', 'No digest of a stream without id.', { without: ['digest'] }),
  closing('runs-absent', 'No runs of a stream without id.', { without: ['runs'] }),
  ...['digest', 'runs'].map((key) =>
    lvs(`closing-map-map-${key}-absent`, `No ${key} of a map, which has an id.`, map, (file) => {
      file.fault('closing-map');
      file.finish({ without: [key] });
    }),
  ),
  closing('digest-size', 'A digest of 16 bytes.', { closing: { digest } }),
  ...['size', 'records', 'data', 'zeros', 'low', 'high'].map((key) =>
    closing(`${key}-absent`, `No \`${key}\`.`, { without: [key] }),
  ),
  lvs(
    'closing-map-longest',
    'A closing map of one byte more than 1 MiB.',
    { ...changes, id: digest },
    (file) => {
      file.fault('closing-map');
      file.finish({ without: ['digest', 'runs'], ...closingOfSize(MIB + 1) });
    },
  ),
  closing('nesting', 'Nested 17 deep, all of it maps.', { closing: { deep: nestedMaps(16) } }),
  closing('size-text', 'The size is a text.', { closing: { size: '42' } }),
  closing(
    'runs-text',
    'The runs are a text, of a stream that need not tell them.',
    { closing: { runs: '2' } },
    { ...changes, id: digest },
  ),
  closing('end-time', 'An end time of nil.', { closing: { end_time: null } }),
  closing('consistent', '`consistent` is a number.', { closing: { consistent: 1 } }),
  closing('result', 'A result state without an id.', { closing: { result: { time } } }),
  closing('base-malformed', 'A base without an id, of which the header says nothing.', {
    closing: { base: { time } },
  }),
  closing('order-disjoint', 'An order other than `sorted`.', { closing: { order: 'disjoint' } }),
  closing('undoes', 'Something in `undoes` that is no id.', { closing: { undoes: [digest.subarray(1)] } }),
  closing(
    'result-differs',
    'Another result than the header has.',
    { closing: { result: { id: 'lv:abd' } } },
    { ...changes, result: base },
  ),
  closing('order-unknown', 'An order that there is not.', { closing: { order: 'mixed' } }),
  closing(
    'order-less',
    'The closing map promises less than the header.',
    { closing: { order: 'disjoint' } },
    sorted,
  ),
  closing(
    'base',
    'Another base than the header has.',
    { closing: { base: { id: 'lv:abd' } } },
    { ...changes, base },
  ),
  closing(
    'base-longer',
    'The base of the header with a letter behind it.',
    { closing: { base: { id: 'lv:abcd' } } },
    { ...changes, base },
  ),
  closing('duplicate-key', 'A key twice.', replaced((map) => {
    const more = packPairs([['end_time', 1], ['end_time', 1]]);
    return join(Uint8Array.of(map[0]! + 2), map.subarray(1), more.subarray(1));
  })), // prettier-ignore
  closing(
    'surplus',
    'A byte behind the map.',
    replaced((map) => join(map, Uint8Array.of(0))),
  ),
  closing(
    'cut',
    'The map is cut.',
    replaced((map) => map.subarray(0, -1)),
  ),
  lvs(
    'closing-map-shortest',
    'A closing map without keys, in the shortest last page there is.',
    changes,
    (file) => {
      file.fault('closing-map');
      file.finish(replaced(() => pack({})));
    },
  ),
  closing(
    'absent',
    'A number in place of the map.',
    replaced(() => pack(7)),
  ),
  closing('before-totals', 'A wrong total and a wrong type: the type comes first.', {
    closing: { records: 9, order: 1 },
  }),
  closing(
    'base-before-totals',
    'Another base and a wrong total: the base comes first.',
    { closing: { base: { id: 'lv:abd' }, data: 7 } },
    { ...changes, base },
  ),
  closing(
    'result-before-totals',
    'Another result and a wrong total: the result comes first.',
    { closing: { result: { id: 'lv:abd' }, data: 7 } },
    { ...changes, result: base },
  ),
];

const total = (word: string, description: string, change: ValueMap): Vector =>
  inLastPage(`totals-${word}`, 'totals', description, { closing: change });

const totals = (): Vector[] => [
  total('size', 'The size does not count the first line.', { size: 2 * (12 + 48) }),
  total('records', 'One record more.', { records: 3 }),
  total('runs', 'One run less.', { runs: 1 }),
  total('data', 'The bytes of one record.', { data: 48 }),
  total('zeros', 'Zeros where there are none.', { zeros: 48 }),
  total('low', 'The lowest offset is 1.', { low: 1 }),
  total('high', 'The highest end is one less.', { high: 8192 + 47 }),
  lvs('totals-runs-continued', 'The parts of a long record are counted as runs.', changes, (file) => {
    for (const part of cutRecord(longRecord(0, 2 * MIB), MIB)) file.data([part]);
    file.fault('totals');
    file.finish({ closing: { runs: 2 } });
  }),
  lvs('totals-map', "A map's ranges are counted as records.", map, (file) => {
    file.page({ ranges: [{ offset: 0, length: 4096 }] });
    file.fault('totals');
    file.finish({ ranges: [{ offset: 8192, length: 4096 }], closing: { records: 2 } });
  }),
  inLastPage('totals-before-digest', 'totals', 'A wrong total and a wrong digest: the total comes first.', {
    closing: { data: 1, digest: filled(1, 32) },
  }),
  inLastPage('stream-digest', 'stream-digest', 'The digest is the SHA-256 of something else.', {
    closing: { digest: sha256(ascii('something else')) },
  }),
  lvs('stream-digest-plain', 'The digest is the plain SHA-256 of the stream.', changes, (file) => {
    file.fault('stream-digest');
    file.finish({ closing: { digest: sha256(ascii('lvmsync PROTO[3]\n')) } });
  }),
  lvs(
    'stream-digest-before-order',
    'A wrong digest of a stream that is not sorted, as it says: the digest comes first.',
    changes,
    (file) => {
      file.data([record(4096), record(0)]);
      file.fault('stream-digest');
      file.finish({ closing: { order: 'sorted', digest: filled(1, 32) } });
    },
  ),
  lvs('order-closing', 'The closing map calls a stream sorted that is not.', changes, (file) => {
    file.data([record(4096), record(0)]);
    file.fault('order');
    file.finish({ closing: { order: 'sorted' } });
  }),
  lvs(
    'order-closing-better',
    'The closing map calls a disjoint stream sorted that is not.',
    disjoint,
    (file) => {
      file.data([record(4096), record(0)]);
      file.fault('order');
      file.finish({ closing: { order: 'sorted' } });
    },
  ),
];

const inSeekTable = (word: string, description: string, change: (table: Uint8Array) => Uint8Array): Vector =>
  lvs(`seek-table-${word}`, description, changes, (file) => {
    file.data([record(0)]);
    file.lastPage();
    file.fault('seek-table');
    file.stray(change(file.seekTable()));
  });

const resized = (payload: Uint8Array) => skippable(SEEK_TABLE, payload);
const footer = (count: number, descriptor = 0) => join(u32(count), Uint8Array.of(descriptor), u32(SEEKABLE));

const seekTables = (): Vector[] => [
  inSeekTable('size', 'A frame is one byte longer than it is.', (table) => flipped(table, 8)),
  inSeekTable('content-size', 'The header has content.', (table) => flipped(table, 12)),
  inSeekTable('count', 'Five frames where there are four.', (table) =>
    patched(table, table.length - 9, u32(5)),
  ),
  inSeekTable('descriptor', 'Checksums are announced.', (table) =>
    patched(table, table.length - 5, Uint8Array.of(0x80)),
  ),
  inSeekTable('magic', 'The magic at its end is another one.', (table) => flipped(table, -1)),
  inSeekTable('short', 'The last page is not in it.', (table) =>
    resized(join(table.subarray(8, -17), footer(3))),
  ),
  inSeekTable('long', 'A frame that there is not is in it.', (table) =>
    resized(join(table.subarray(8, -9), new Uint8Array(8), footer(5))),
  ),
  inSeekTable('checksums', 'With checksums, as zstd itself writes it.', (table) => {
    const rows = Array.from({ length: 4 }, (_, i) => join(table.subarray(8 + i * 8, 16 + i * 8), u32(0)));
    return resized(join(...rows, footer(4, 0x80)));
  }),
  inSeekTable('payload', 'A payload that is one byte longer.', (table) =>
    resized(join(table.subarray(8), Uint8Array.of(0))),
  ),
  inSeekTable('absent', 'A data frame behind the last page.', () => dataFrame(record(0).data)),
  inSeekTable('page', 'A page behind the last page.', () => skippable(PAGE, new Uint8Array(40))),
  inSeekTable('other', 'Another skippable frame behind the last page.', () =>
    skippable(0x184d2a53, ascii('late')),
  ),
  lvs('seek-table-early', 'A seek table before the last page.', changes, (file) => {
    file.data([record(0)]);
    file.fault('seek-table');
    file.frame(file.seekTable(), { kind: 5 });
    file.data([record(4096)]);
    file.finish();
  }),
  lvs(
    'seek-table-before-map-ranges',
    'A data frame behind the last page of a map: no frame may stand there at all.',
    map,
    (file) => {
      file.lastPage();
      file.fault('seek-table');
      file.stray(dataFrame(record(0).data));
    },
  ),
  lvs('seek-table-without-page', 'A seek table where the last page should be.', changes, (file) => {
    file.data([record(0)]);
    file.fault('seek-table');
    file.stray(file.seekTable());
  }),
  inSeekTable('damaged', 'A frame of an impossible size behind the last page.', () =>
    join(u32(PAGE), u32(0)),
  ),
  inSeekTable('size-cut', 'The size is wrong and the end is missing: the size comes first.', (table) =>
    patched(table, 4, u32(8 * 5 + 9)).subarray(0, 30),
  ),
  inSeekTable('size-last-byte', 'The file ends behind a size that is wrong.', (table) =>
    patched(table, 4, u32(8 * 5 + 9)).subarray(0, 8),
  ),
  lvs('seek-table-early-cut', 'Cut inside a seek table that may not stand there.', changes, (file) => {
    file.data([record(0)]);
    file.fault('seek-table');
    file.stray(file.seekTable().subarray(0, 6));
  }),
];

/** A good file with one record, and then more. */
const ended = (fault: Fault, word: string, description: string, more: Uint8Array): Vector =>
  lvs(word === '' ? fault : `${fault}-${word}`, description, changes, (file) => {
    file.data([record(0)]);
    file.finish();
    file.fault(fault);
    file.stray(more);
  });

function wholeFile(add: (file: FileDraft) => void = () => undefined): Uint8Array {
  return lvs('', '', changes, (file) => {
    add(file);
    file.finish();
  }).input;
}

const endings = (): Vector[] => [
  ended('trailing-data', 'one-byte', 'One zero behind the seek table.', new Uint8Array(1)),
  ended(
    'trailing-data',
    'three-bytes',
    'Three bytes of a header behind the seek table.',
    Uint8Array.of(0x50, 0x2a, 0x4d),
  ),
  ended('trailing-data', 'data', 'A data frame behind the seek table.', dataFrame(record(4096).data)),
  ended('trailing-data', 'padding', 'Zeros up to a block, as tapes have them.', new Uint8Array(512)),
  ended('trailing-data', 'seek-table', 'A second seek table.', skippable(SEEK_TABLE, footer(0))),
  ended(
    'concatenated',
    '',
    'Two files put together with cat.',
    wholeFile((file) => file.data([record(4096)])),
  ),
  ended('concatenated', 'magic', 'Only the magic of a second header.', wholeFile().subarray(0, 4)),
  lvs('concatenated-header', 'A second header right behind the first.', changes, (file) => {
    file.fault('concatenated', headerFrame({ map: pack(changes) }).length);
    file.data([record(0)]);
    file.finish();
  }, { firstLine: headerFrame({ map: pack(changes) }) }), // prettier-ignore
  lvs('concatenated-inside', 'A whole file stands where a frame should.', changes, (file) => {
    file.data([record(0)]);
    file.fault('concatenated');
    file.stray(wholeFile());
    file.data([record(4096)]);
    file.finish();
  }),
  lvs('concatenated-partial', 'A file without its end, with another one behind it.', changes, (file) => {
    file.data([record(0)]);
    file.fault('concatenated');
    file.stray(wholeFile());
  }),
];
