import { FormatError } from '../../errors.js';
import { findContradiction, type Closing } from './maps/closing.js';
import { ByteReader, type ByteSource } from '../byte-reader.js';
import type { FrameCodec } from '../frame-codec.js';
import type { StreamHeader } from './maps/header.js';
import { equalBytes } from './maps/identifier.js';
import { decodePage, decodePageTable, type IndexPage } from './index/index-page.js';
import {
  MAX_FRAMES,
  MAX_PAGE_SIZE,
  roomForPage,
  SEEK_TABLE_MAGIC,
  SKIPPABLE_HEADER_SIZE,
} from '../layout.js';
import { decodeSeekEnd, SEEK_END_SIZE, seekTableSize } from './index/seek-table.js';
import { viewOf } from '../view.js';
import { truncated } from './frames/zstd-frame.js';
import { FrameScanner } from './frames/frame-scanner.js';
import { takeHeader } from './take-header.js';

/** A file that can be read anywhere. */
export interface FileBytes {
  readonly size: number;
  /** Fills `target` from `position` on. */
  readAt(target: Uint8Array, position: number): Promise<void>;
}

/** What a file tells without its data being read: header, closing map, and its index page by page. */
export interface FileIndex {
  readonly header: StreamHeader;
  readonly closing: Closing;
  /** All pages in order, each read and checked when it is asked for, and good until the next is. */
  pages(): AsyncIterable<PlacedPage>;
}

/** An index page, where it begins in the file, and how many bytes it takes there. */
export interface PlacedPage {
  readonly page: IndexPage;
  readonly position: number;
  readonly size: number;
}

/**
 * Reads the index of an `.lvs` file from its end (§4.6, §4.7): one read each for header, seek table, last page.
 * What it reads is held against its checksums; the frames of data are not. Throws `FormatError`.
 */
export async function readFileIndex(file: FileBytes, codec: FrameCodec): Promise<FileIndex> {
  const { header } = await takeHeader(new FrameScanner(new ByteReader(startOf(file))));
  const lastPage = await findLastPage(file);
  const page = decodePage(await readPage(file, lastPage.position, lastPage.size), lastPage.position);
  if (!page.last)
    throw new FormatError('page-layout', lastPage.position, 'the last index page does not say that it is');
  const { table, closing } = page.last;
  const contradiction = findContradiction(header, closing);
  if (contradiction)
    throw new FormatError('closing-map', lastPage.position, `the closing map ${contradiction}`);
  return { header, closing, pages: () => readPages(file, codec, table, { page, ...lastPage }) };
}

/** The file's bytes from its beginning on. */
function startOf(file: FileBytes): ByteSource {
  let position = 0;
  return {
    readInto: async (target) => {
      const part = target.subarray(0, file.size - position);
      await file.readAt(part, position);
      position += part.length;
      return part.length;
    },
  };
}

/** Of a seek table no more is read than its magic and its end. */
async function findLastPage(file: FileBytes): Promise<{ position: number; size: number }> {
  const end = decodeSeekEnd(await readBytes(file, file.size - SEEK_END_SIZE, SEEK_END_SIZE));
  const start = end === undefined ? -1 : file.size - seekTableSize(end.count);
  if (end === undefined || start < 0) throw truncated(file.size);
  const magic = viewOf(await readBytes(file, start, SKIPPABLE_HEADER_SIZE)).getUint32(0, true);
  const { count, frameSize } = end;
  if (magic !== SEEK_TABLE_MAGIC || count > MAX_FRAMES || frameSize > start) {
    throw new FormatError('seek-table', start, 'a seek table that does not fit the file');
  }
  return { position: start - frameSize, size: frameSize };
}

async function* readPages(
  file: FileBytes,
  codec: FrameCodec,
  table: Uint8Array,
  last: PlacedPage,
): AsyncGenerator<PlacedPage> {
  let buffer: Uint8Array<ArrayBuffer> | undefined;
  for (const { position, size, sha256 } of decodePageTable(table)) {
    if (size > (buffer?.length ?? 0)) buffer = undefined;
    const bytes = await readPage(file, position, size, buffer);
    buffer ??= new Uint8Array(bytes.buffer);
    if (!equalBytes(codec.sha256(bytes), sha256)) {
      throw new FormatError('page-table', position, 'an index page does not match its digest');
    }
    yield { page: decodePage(bytes, position), position, size };
  }
  yield last;
}

/**
 * The size is a claim: it is held against the limit (§9) and the file before memory is taken for it. It is read into
 * `buffer`, or one that is made with room for pages that are a little larger.
 */
function readPage(
  file: FileBytes,
  position: number,
  size: number,
  buffer?: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  if (size > SKIPPABLE_HEADER_SIZE + MAX_PAGE_SIZE) {
    throw new FormatError('frame-size', position, `an index page of ${size} bytes`);
  }
  return readBytes(file, position, size, buffer, roomForPage(size));
}

async function readBytes(
  file: FileBytes,
  position: number,
  size: number,
  buffer?: Uint8Array<ArrayBuffer>,
  room = size,
): Promise<Uint8Array<ArrayBuffer>> {
  const isInside = position >= 0 && position + size <= file.size;
  if (!isInside) throw truncated(file.size);
  const bytes = (buffer ?? new Uint8Array(room)).subarray(0, size);
  await file.readAt(bytes, position);
  return bytes;
}
