import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { FIRST_LINE_FRAME } from '#src/format/first-line.js';
import { encodeHeader } from '#src/format/lvs/maps/header.js';
import { encodePage, encodePageReference } from '#src/format/lvs/index/index-page.js';
import { runMeasured } from '../long/run-measured.js';
import { codec } from '../streams.js';
import { Folder } from './run-lvstream.js';

/** Sparse files whose sizes are claims: they are refused before memory is taken for what is claimed (§9, §11). */

const GIB = 2 ** 30;
const MAX_PEAK_MIB = 150;
const SEEK_TABLE_MAGIC = 0x184d2a5e;
const SEEKABLE_MAGIC = 0x8f92eab1;

const folder = new Folder();
const at = (name: string): string => path.join(folder.path, name);

/** The start of a file, then a hole, then bytes at its end. */
function writeSparse(file: string, holeEnd: number, end: Uint8Array): void {
  const start = Buffer.concat([
    encodeHeader({ kind: 'changes', requires: [], order: 'given' }),
    FIRST_LINE_FRAME,
  ]);
  writeFileSync(file, start);
  truncateSync(file, holeEnd);
  const fd = openSync(file, 'r+');
  writeSync(fd, end, 0, end.length, holeEnd);
  closeSync(fd);
}

/** The magic of a seek table of so many frames, and its end, `8 * count` bytes further on. */
function seekTable(count: number, lastFrameSize: number): { start: Uint8Array; end: Uint8Array } {
  const start = Buffer.alloc(8);
  start.writeUInt32LE(SEEK_TABLE_MAGIC);
  start.writeUInt32LE(8 * count + 9, 4);
  const end = Buffer.alloc(17);
  end.writeUInt32LE(lastFrameSize);
  end.writeUInt32LE(count, 8);
  end.writeUInt32LE(SEEKABLE_MAGIC, 13);
  return { start, end };
}

/** A file that ends with a seek table whose entries are a hole but for the last one, and what comes before it. */
function writeWithTable(
  file: string,
  { count, lastFrameSize, before }: { count: number; lastFrameSize: number; before?: Uint8Array },
): void {
  const { start, end } = seekTable(count, lastFrameSize);
  const tableAt = 4 * GIB;
  writeSparse(file, tableAt, start);
  const fd = openSync(file, 'r+');
  if (before) writeSync(fd, before, 0, before.length, tableAt - before.length);
  writeSync(fd, end, 0, end.length, tableAt + 8 + 8 * (count - 1));
  closeSync(fd);
}

/** A last page, sound but for where it says that an earlier one is. */
function lastPage(position: number, size: number): Uint8Array {
  const table = encodePageReference({ position, size, sha256: new Uint8Array(32) });
  const totals = { size: 17, records: 0, runs: 0, data: 0, zeros: 0, low: 0, high: 0 };
  const closing = { ...totals, digest: codec.sha256(new Uint8Array(0)) };
  const none = { entries: new Uint8Array(0), pieces: undefined, ranges: undefined };
  return encodePage({ number: 1, first: 0, ...none, last: { table, closing } });
}

const CASES: readonly (readonly [string, (file: string) => void])[] = [
  [
    'a last page of 1.5 GiB',
    (file) => {
      writeWithTable(file, { count: 3, lastFrameSize: 1.5 * GIB });
    },
  ],
  [
    '150 million frames',
    (file) => {
      writeWithTable(file, { count: 150_000_000, lastFrameSize: 100 });
    },
  ],
  [
    'as many frames as there may be',
    (file) => {
      writeWithTable(file, { count: 2 ** 27, lastFrameSize: 100 });
    },
  ],
  [
    'an earlier page of 1.5 GiB',
    (file) => {
      const before = lastPage(300, 1.5 * GIB);
      writeWithTable(file, { count: 3, lastFrameSize: before.length, before });
    },
  ],
  ...[2 ** 53, 2 ** 63].map(
    (position) =>
      [
        `an earlier page at byte ${position}`,
        (file: string) => {
          const before = lastPage(position, 200);
          writeWithTable(file, { count: 3, lastFrameSize: before.length, before });
        },
      ] as const,
  ),
];

describe.each(CASES)('a sparse file that claims %s', (_, write) => {
  beforeAll(() => {
    write(at('claims.lvs'));
    writeFileSync(at('device'), '');
  });

  it.each([
    ['info', []],
    ['verify', []],
    ['apply', [() => at('device'), () => '--dry-run']],
    ['compare', [() => at('claims.lvs')]],
    ['invert', [() => '--quiet', () => '--base', () => at('device'), () => '-o', () => at('undo.lvs')]],
    ['slice', [() => '--range', () => '0..1M', () => '-o', () => at('part.lvs')]],
  ])('is refused by %s in little memory', async (command, more) => {
    const run = await runMeasured(command, at('claims.lvs'), ...more.map((word) => word()));
    expect(run.err).toMatch(/^lvstream: \S+claims\.lvs: byte \d+: [^\n]+(\nlvstream: hint: [^\n]+)?$/);
    expect(run).toMatchObject({ status: 3, out: '' });
    expect(run.peakMib).toBeLessThan(MAX_PEAK_MIB);
  });
});
