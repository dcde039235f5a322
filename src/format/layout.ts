/**
 * The constants of every on-disk structure, in the order of the specification.
 * All numbers are little-endian but those of a lvmsync record header, which are big-endian.
 */

/** §3: the lvmsync streams. */
export const FIRST_LINE = 'lvmsync PROTO[3]\n';
export const FIRST_LINE_SIZE = 17;
export const RECORD_HEADER_SIZE = 12;
/** §9: offset + length stays below this, so that every byte offset is an exact double. */
export const OFFSET_LIMIT = 2 ** 53;

/** §4: the container's frames. */
export const ZSTD_MAGIC = 0xfd2fb528;
export const SKIPPABLE_FIRST = 0x184d2a50;
export const SKIPPABLE_LAST = 0x184d2a5f;
export const HEADER_MAGIC = 0x184d2a50;
export const PAGE_MAGIC = 0x184d2a51;
export const ZERO_RANGES_MAGIC = 0x184d2a52;
export const SEEK_TABLE_MAGIC = 0x184d2a5e;
export const SKIPPABLE_HEADER_SIZE = 8;
export const CRC_SIZE = 4;

/** §4.2: the header. */
export const IDENTIFICATION = Uint8Array.of(0x89, 0x4c, 0x56, 0x53, 0x0d, 0x0a, 0x1a, 0x0a);
export const FORMAT_VERSION = 1;
export const HEADER_MAP_POSITION = 20;
/** Of the payload. */
export const MIN_HEADER_SIZE = 17;
export const MAX_HEADER_SIZE = 1 << 20;

/** §4.4: data frames. */
export const MAX_DATA_CONTENT = 8 << 20;
/** Of a data frame in the file, from its magic to its last block. */
export const MAX_FRAME_SIZE = 9 << 20;
export const MAX_FRAMES = 2 ** 27;

/** What a writer aims at; a record longer than this goes on in the frames that follow. */
export const BATCH_SIZE = 1 << 20;

/** A buffer of this size holds the frame of a usual batch, whatever its data. */
export const FRAME_ROOM = BATCH_SIZE + (1 << 16);

/** §4.5: zero frames. */
export const ZERO_RANGES_HEADER_SIZE = 16;
export const ZERO_RANGE_SIZE = 16;
export const MAX_ZERO_RANGES = 65536;
/** Of the payload: one range, and all that may be. */
export const MIN_ZERO_RANGES_SIZE = 28;
export const MAX_ZERO_RANGES_SIZE = 12 + MAX_ZERO_RANGES * ZERO_RANGE_SIZE;
export const ZERO_RECORD_SIZE = 1 << 24;
export const MAX_ZERO_CONTENT = 1 << 30;
export const RLE_BLOCK_SIZE = 1 << 17;
/** Zero runs from here on are worth a zero frame of their own. */
export const MIN_ZERO_RUN = 1 << 17;

/** §4.6: index pages. */
export const PAGE_HEADER_SIZE = 40;
export const ENTRY_SIZE = 64;
export const MAX_PAGE_ENTRIES = 4096;
/** Of the payload; the larger one also holds for skippable frames of other kinds. */
export const MIN_PAGE_SIZE = 36;
export const MAX_PAGE_SIZE = 32 << 20;
/** Of a buffer that takes pages one after the other: they differ a little, and it should not be made anew for each. */
export function roomForPage(size: number): number {
  return 2 ** Math.ceil(Math.log2(size));
}
export const MAP_RANGE_SIZE = 16;
export const PAGE_TABLE_ENTRY_SIZE = 48;
export const MAX_CLOSING_SIZE = 1 << 20;
export const DIGEST_SIZE = 32;
export const PIECE_SIZE = 4096;
export const PIECE_DIGEST_SIZE = 16;

/** §6.4: the marks of a partial file, frames of another kind to readers. */
export const MARK_MAGIC = 0x184d2a53;
export const MARK_SIZE = 36;

/** §4.7: the seek table (zstd's contrib/seekable_format). */
export const SEEK_ENTRY_SIZE = 8;
export const SEEK_FOOTER_SIZE = 9;
export const SEEKABLE_MAGIC = 0x8f92eab1;

/** §5: blocks of the stream digest. */
export const DIGEST_BLOCK_SIZE = 1 << 16;

/** §3.3: an offset from here on (64 TiB) is absurd in one byte order if it is sane in the other. */
export const LIMIT_OF_SANITY = 2 ** 46;
