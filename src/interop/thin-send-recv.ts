import { FormatError } from '../errors.js';
import { decodeU64 } from '../format/record.js';
import { viewOf } from '../format/view.js';
import type { RecordFormat, RecordStart } from './read-records.js';

/**
 * The streams of LINBIT's thin-send-recv (thin_send_recv.c), all numbers big-endian: chunks behind a header of 28 bytes, magic,
 * u64 offset, u64 length, u32 command. Release 1.1 begins and ends them, and counts the chunks; 1.0 has data and unmaps alone.
 */
export const THIN_MAGIC = {
  '1.1': [0x24c4f02a, 0xae2e4fa9],
  '1.0': [0xca7f00d5, 0xde7ec7ed],
  older: [0xe85bc563, 0x6cc72a05],
} as const;

export type ThinRelease = '1.0' | '1.1';

export const THIN_HEADER_SIZE = 28;
export const THIN_COMMANDS = { data: 0, unmap: 1, begin: 2, end: 3 } as const;
/** Behind the header of the end: how many chunks there are, with beginning and end, how many of data, how many unmaps. */
export const THIN_COUNTS_SIZE = 24;

/** Chunks that a receiver may pass over. */
const OPTIONAL = 0x80000000;
const MAGIC_SIZE = 8;

/** The release whose streams begin so, or *older* of those whose magic is no longer read; undefined of anything else. */
export function thinRelease(start: Uint8Array): ThinRelease | 'older' | undefined {
  return (['1.1', '1.0', 'older'] as const).find((release) => hasMagic(start, 0, release));
}

function hasMagic(bytes: Uint8Array, at: number, release: keyof typeof THIN_MAGIC): boolean {
  if (bytes.length - at < MAGIC_SIZE) return false;
  const view = viewOf(bytes);
  const [high, low] = THIN_MAGIC[release];
  return view.getUint32(at, false) === high && view.getUint32(at + 4, false) === low;
}

/** How many chunks a stream of 1.1 has had. */
interface Counts {
  chunks: number;
  data: number;
  unmaps: number;
}

/** The chunks of a stream from its beginning on. */
export function thinRecords(release: ThinRelease): RecordFormat {
  const counts: Counts = { chunks: 0, data: 0, unmaps: 0 };
  return {
    endsAnywhere: release === '1.0',
    decode: (bytes, at, position) => decodeChunk(bytes, at, position, { release, counts }),
    admit: ({ kind }) => {
      counts.chunks += 1;
      if (kind === 'data') counts.data += 1;
      if (kind === 'zeros') counts.unmaps += 1;
    },
  };
}

interface Place {
  readonly release: ThinRelease;
  readonly counts: Counts;
}

function decodeChunk(
  bytes: Uint8Array,
  at: number,
  position: number,
  { release, counts }: Place,
): RecordStart | undefined {
  if (bytes.length - at < THIN_HEADER_SIZE) return undefined;
  if (!hasMagic(bytes, at, release)) throw malformedChunk(position, 'no chunk begins here');
  const view = viewOf(bytes);
  const offset = decodeU64(view, at + 8, false);
  const length = decodeU64(view, at + 16, false);
  const command = view.getUint32(at + 24, false);
  if (release === '1.1' && (command === THIN_COMMANDS.begin) !== (counts.chunks === 0))
    throw malformedChunk(position, counts.chunks === 0 ? 'no beginning' : 'a second beginning');
  const headerSize = THIN_HEADER_SIZE;
  if (command === THIN_COMMANDS.data) return { kind: 'data', headerSize, offset, length };
  if (command === THIN_COMMANDS.unmap) return { kind: 'zeros', headerSize, offset, length };
  if (release === '1.1') {
    if (command === THIN_COMMANDS.begin) return { kind: 'skipped', headerSize, offset: 0, length: 0 };
    if (command === THIN_COMMANDS.end) return decodeEnd(bytes, at, position, counts);
    if (command >= OPTIONAL)
      return { kind: 'skipped', headerSize, offset: 0, length: Number.isNaN(length) ? Infinity : length };
  }
  throw malformedChunk(position, `a chunk of an unknown kind (${command})`);
}

function decodeEnd(
  bytes: Uint8Array,
  at: number,
  position: number,
  { chunks, data, unmaps }: Counts,
): RecordStart | undefined {
  const view = viewOf(bytes);
  const isKnown =
    decodeU64(view, at + 8, false) === 0 && decodeU64(view, at + 16, false) === THIN_COUNTS_SIZE;
  if (!isKnown) throw malformedChunk(position, 'an end of an unknown kind');
  const headerSize = THIN_HEADER_SIZE + THIN_COUNTS_SIZE;
  if (bytes.length - at < headerSize) return undefined;
  const isEqual = [chunks + 1, data, unmaps].every(
    (count, i) => decodeU64(view, at + THIN_HEADER_SIZE + 8 * i, false) === count,
  );
  if (isEqual) return { kind: 'end', headerSize, offset: 0, length: 0 };
  throw new FormatError('totals', position, 'the end counts other chunks than there are');
}

function malformedChunk(position: number, what: string): FormatError {
  return new FormatError('foreign-stream', position, what);
}
