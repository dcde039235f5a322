import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decompress } from 'zstd-napi';
import { LvsWriter } from '#src/format/lvs/writer.js';
import { ByteReader } from '#src/format/byte-reader.js';
import { LvsReader } from '#src/format/lvs/reader.js';
import { noise } from '../../vectors/bytes.js';
import { lvs, record, sorted } from '../../vectors/vector.js';
import { createInlineCodec } from '../inline-codec.js';
import { sourceOf } from '../read-stream.js';
import { vectorFiles } from '../vector-files.js';

/**
 * An `.lvs` file is one of zstd's seekable format (contrib/seekable_format of zstd), by a reader written from that
 * format's own document: the last nine bytes give the table, the table gives each frame's place in file and content.
 */

interface Entry {
  readonly position: number;
  readonly size: number;
  readonly contentPosition: number;
  readonly contentSize: number;
}

function readSeekTable(file: Uint8Array): Entry[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const footer = file.length - 9;
  expect(view.getUint32(footer + 5, true)).toBe(0x8f92eab1);
  const descriptor = view.getUint8(footer + 4);
  expect(descriptor & 0x7c).toBe(0);
  const count = view.getUint32(footer, true);
  const width = descriptor & 0x80 ? 12 : 8;
  const start = footer - count * width;
  expect(view.getUint32(start - 8, true)).toBe(0x184d2a5e);
  expect(view.getUint32(start - 4, true)).toBe(count * width + 9);
  const entries: Entry[] = [];
  let [position, contentPosition] = [0, 0];
  for (let at = start; at < footer; at += width) {
    const [size, contentSize] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    entries.push({ position, size, contentPosition, contentSize });
    position += size;
    contentPosition += contentSize;
  }
  expect(position).toBe(start - 8);
  return entries;
}

/** Part of the content, decoding no frame but those that hold it. */
function readPart(file: Uint8Array, entries: readonly Entry[], from: number, to: number): Buffer {
  const parts = entries
    .filter(({ contentPosition: at, contentSize }) => contentSize > 0 && at < to && at + contentSize > from)
    .map(({ position, size, contentPosition: at }) => {
      const content = decompress(file.subarray(position, position + size));
      return content.subarray(Math.max(0, from - at), to - at);
    });
  return Buffer.concat(parts);
}

const limit = 32 * 2 ** 20;
const files = vectorFiles.filter(({ expected }) => expected.format === 'lvs' && expected.verdict === 'good');

describe.each(files)('$name', ({ path: file, input }) => {
  const entries = readSeekTable(input);
  const size = entries.reduce((sum, { contentSize }) => sum + contentSize, 0);

  it('has the frames that zstd counts', () => {
    // The seek table is a frame too, of those that zstd passes over.
    const listing = execFileSync('zstd', ['-l', '-v', file], { encoding: 'utf8' });
    const count = (label: string) => Number(new RegExp(`${label}: (\\d+)`).exec(listing)?.[1]);
    const skippable = entries.filter(({ contentSize }) => contentSize === 0).length + 1;
    expect(count('# Zstandard Frames')).toBe(entries.length + 1 - skippable);
    expect(count('# Skippable Frames')).toBe(skippable);
  });

  it('gives any part of its content by its seek table', () => {
    if (size > limit) return;
    const plain = execFileSync('zstd', ['-dcq', file], { maxBuffer: limit * 2 });
    expect(plain.length).toBe(size);
    for (let i = 0; i < 20; i++) {
      const places = new Uint32Array(Uint8Array.from(noise(i + 1, 8)).buffer).map(
        (place) => place % (size + 1),
      );
      const [from, to] = [Math.min(...places), Math.min(Math.max(...places), Math.min(...places) + 100_000)];
      expect(Buffer.compare(readPart(input, entries, from, to), plain.subarray(from, to))).toBe(0);
    }
  });
});

/** The folder of zstd's own sources, for those who have them (Debian: apt-get source libzstd). */
const sources = process.env['ZSTD_SOURCE'];

describe("zstd's own seekable reader", () => {
  if (sources === undefined) {
    it('is asked where ZSTD_SOURCE names the sources of zstd', () => undefined);
    return;
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'lvstream-zstd-'));
  const program = path.join(folder, 'reader');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeAll(() => {
    const at = (...names: string[]) => path.join(sources, ...names);
    const cFiles = (...names: string[]) =>
      readdirSync(at(...names)).flatMap((name) => (name.endsWith('.c') ? [at(...names, name)] : []));
    const includes = [at('lib'), at('lib', 'common'), at('contrib', 'seekable_format')].map(
      (name) => `-I${name}`,
    );
    const reader = fileURLToPath(new URL('seekable-reader.c', import.meta.url));
    const library = [...cFiles('lib', 'common'), ...cFiles('lib', 'decompress')];
    const seekable = at('contrib', 'seekable_format', 'zstdseek_decompress.c');
    const flags = ['-O1', '-DZSTD_DISABLE_ASM', '-DXXH_NAMESPACE=ZSTD_', ...includes];
    execFileSync('cc', [...flags, '-o', program, reader, seekable, ...library]);
  });

  it.each(files)('reads $name', ({ path: file }) => {
    const plain = path.join(folder, 'plain');
    execFileSync('zstd', ['-dqf', file, '-o', plain]);
    expect(execFileSync(program, [file, plain], { encoding: 'utf8' })).toBe('good\n');
  });
});

describe('what src writes', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'lvstream-seekable-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([0, 1, 19])('is seekable too at level %i', async (level) => {
    const { input } = lvs('', '', sorted, (file) => {
      for (let i = 0; i < 40; i++) file.data([record(i * 8192, 3000)]);
      file.zeros([{ offset: 2 ** 30, length: 5 * 2 ** 20 }]);
      file.finish();
    });
    const codec = createInlineCodec(level);
    const reader = await LvsReader.open(new ByteReader(sourceOf(input)), codec);
    const written: Uint8Array[] = [];
    const writer = new LvsWriter(
      { write: async (bytes) => void written.push(Uint8Array.from(bytes)) },
      codec,
      reader.header,
    );
    await writer.start();
    for await (const batch of reader.batches()) {
      await writer.add(batch.kind === 'data' ? { ...batch, bytes: Uint8Array.from(batch.bytes) } : batch);
    }
    const closing = await writer.finish();
    const file = path.join(folder, `level-${level}.lvs`);
    const bytes = Buffer.concat(written);
    writeFileSync(file, bytes);
    execFileSync('zstd', ['-tq', file]);
    const plain = execFileSync('zstd', ['-dcq', file], { maxBuffer: limit });
    expect(Buffer.compare(readPart(bytes, readSeekTable(bytes), 0, closing.size), plain)).toBe(0);
    expect(readPart(bytes, readSeekTable(bytes), 70_000, 70_100)).toEqual(plain.subarray(70_000, 70_100));
  });
});
