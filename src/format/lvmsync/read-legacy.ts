import { FormatError, remedy, sentence } from '../../errors.js';
import { createBufferPool, type BufferPool, type DataBatch } from '../batch.js';
import type { ByteReader } from '../byte-reader.js';
import { BATCH_SIZE, PIECE_SIZE, RECORD_HEADER_SIZE } from '../layout.js';
import { checkRecord, encodeRecordHeader, isMultipleU64 } from '../record.js';
import { SegmentList, type OpenRecord } from '../segments.js';
import { CHUNK_SIZE_1, headerSize, lengthOf, offsetOf, type Dialect } from './dialect.js';
import { viewOf } from '../view.js';

/** Room for the longest record that is never cut, its header, and a block to cut longer ones at. */
const BUFFER_SIZE = BATCH_SIZE + PIECE_SIZE;
/** Version 1 records that are a batch with the longer headers of version 3. */
const RECORDS_1 = 255;

/**
 * Reads the records of a plain stream whose first line has been consumed, as batches of PROTO[3] records (§3).
 * Records of more than 1 MiB go on from one batch to the next, cut at multiples of 4096 device bytes.
 *
 * Throws `empty-record`, `offset-limit`, `truncated-header`, `truncated-record` at the stream byte concerned, and
 * `ambiguous-units` where version 2 speaks against what was concluded; all whole records before it are yielded first.
 */
export function readLegacy(reader: ByteReader, dialect: Dialect): AsyncGenerator<DataBatch> {
  return dialect.version === 1 ? readVersion1(reader, dialect) : readInPlace(reader, dialect);
}

/** Versions 2 and 3: the stream's own bytes become the batch; version 2's headers are rewritten where they stand. */
async function* readInPlace(reader: ByteReader, dialect: Dialect): AsyncGenerator<DataBatch> {
  const pool = createBufferPool(BUFFER_SIZE);
  const units = new UnitsCheck(dialect);
  let carry = new Uint8Array(0);
  let open: OpenRecord | undefined;
  const readBehind = async (start: Uint8Array) => {
    const buffer = pool.take();
    buffer.set(start);
    const filled = start.length + (await reader.readInto(buffer.subarray(start.length)));
    return { buffer, filled, end: reader.position };
  };
  const fill = (start: Uint8Array) => {
    const filling = readBehind(start);
    filling.catch(() => undefined);
    return filling;
  };
  let next = fill(carry);
  try {
    for (;;) {
      const { buffer, filled, end } = await next;
      const parsed = parsePlain(buffer.subarray(0, filled), end - filled, open, dialect, units, pool);
      carry = buffer.slice(parsed.used, filled);
      const isLast = parsed.error !== undefined || filled < BUFFER_SIZE;
      if (!isLast) next = fill(carry);
      const continues = open !== undefined;
      open = parsed.open;
      if (parsed.segments.count > 0) {
        yield parsed.segments.toBatch(buffer.subarray(0, parsed.used), continues, open !== undefined);
      }
      if (parsed.error) throw parsed.error;
      if (isLast) {
        checkEnd(carry.length, open, dialect, end);
        return;
      }
    }
  } finally {
    await next.catch(() => undefined);
  }
}

interface ParsedPlain {
  readonly segments: SegmentList;
  /** Bytes that became part of the batch. */
  readonly used: number;
  readonly open: OpenRecord | undefined;
  readonly error?: FormatError | undefined;
}

/** Parses what is whole in `bytes`, which begin at `position` of the stream. */
function parsePlain(
  bytes: Uint8Array,
  position: number,
  open: OpenRecord | undefined,
  dialect: Dialect,
  units: UnitsCheck,
  pool: BufferPool,
): ParsedPlain {
  const segments = new SegmentList(pool);
  const view = viewOf(bytes);
  let rest = open;
  let at = 0;
  if (rest) ({ at, rest } = continueRecord(rest, bytes.length, segments));
  while (!rest && bytes.length - at >= RECORD_HEADER_SIZE) {
    let offset: number;
    const length = lengthOf(view, at, dialect);
    try {
      offset = offsetOf(view, at, dialect);
      checkRecord(offset, length, position + at);
      units.check(view, at, position + at);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return { segments, used: at, open: undefined, error };
    }
    const dataAt = at + RECORD_HEADER_SIZE;
    const part = partThatFits(offset, length, bytes.length - dataAt);
    if (part === 0) break;
    encodeRecordHeader(view, at, offset, length);
    segments.push(offset, part, dataAt);
    at = dataAt + part;
    if (part < length) rest = { offset: offset + part, length: length - part };
  }
  return { segments, used: at, open: rest };
}

function continueRecord(open: OpenRecord, room: number, segments: SegmentList) {
  const part = Math.min(open.length, room) === open.length ? open.length : cutAtPiece(open.offset, room);
  if (part > 0) segments.push(open.offset, part, 0);
  const rest = { offset: open.offset + part, length: open.length - part };
  return { at: part, rest: rest.length > 0 ? rest : undefined };
}

/** How much of a record's data goes into a batch with `room` for it: all, a part of a long one, or nothing. */
function partThatFits(offset: number, length: number, room: number): number {
  if (length <= room) return length;
  return length > BATCH_SIZE && room > 0 ? cutAtPiece(offset, room) : 0;
}

function cutAtPiece(offset: number, room: number): number {
  return Math.max(0, room - ((offset + room) % PIECE_SIZE));
}

/** What a stream of records may not end with: `left` bytes of a header, or an open record. `end`: where it ends. */
export function checkEnd(left: number, open: OpenRecord | undefined, dialect: Dialect, end: number): void {
  if (left === 0 && !open) return;
  const hint = sentence`the stream was cut short: get it again, or keep what is whole with ${remedy('compress-salvage')}`;
  if (!open && left < headerSize(dialect)) {
    throw new FormatError('truncated-header', end, 'the stream ends inside a record header', { hint });
  }
  throw new FormatError('truncated-record', end, 'the stream ends inside a record', { hint });
}

/** Version 1: every record is copied behind a longer header. */
async function* readVersion1(reader: ByteReader, dialect: Dialect): AsyncGenerator<DataBatch> {
  const size = headerSize(dialect) + CHUNK_SIZE_1;
  for (;;) {
    const position = reader.position;
    const raw = await reader.take(RECORDS_1 * size);
    const whole = Math.floor(raw.length / size);
    const { batch, error } = convertVersion1(raw, whole, position, dialect);
    if (batch.count > 0) yield batch;
    if (error) throw error;
    if (whole < RECORDS_1) {
      const rest = raw.subarray(whole * size);
      if (rest.length >= headerSize(dialect)) {
        checkRecord(offsetOf(viewOf(rest), 0, dialect), CHUNK_SIZE_1, position + whole * size);
      }
      checkEnd(rest.length, undefined, dialect, reader.position);
      return;
    }
  }
}

function convertVersion1(raw: Uint8Array, count: number, position: number, dialect: Dialect) {
  const from = headerSize(dialect) + CHUNK_SIZE_1;
  const to = RECORD_HEADER_SIZE + CHUNK_SIZE_1;
  const bytes = new Uint8Array(count * to);
  const segments = new SegmentList();
  const finish = (error?: FormatError) => ({
    batch: segments.toBatch(bytes.subarray(0, segments.count * to), false, false),
    error,
  });
  for (let i = 0; i < count; i++) {
    const offset = offsetOf(viewOf(raw), i * from, dialect);
    try {
      checkRecord(offset, CHUNK_SIZE_1, position + i * from);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return finish(error);
    }
    encodeRecordHeader(viewOf(bytes), i * to, offset, CHUNK_SIZE_1);
    bytes.set(raw.subarray((i + 1) * from - CHUNK_SIZE_1, (i + 1) * from), i * to + RECORD_HEADER_SIZE);
    segments.push(offset, CHUNK_SIZE_1, i * to + RECORD_HEADER_SIZE);
  }
  return finish();
}

/** Holds version 2 records against the units that were concluded from others (§3.3). */
export class UnitsCheck {
  readonly #dialect: Dialect;
  #chunkSize: number | undefined;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  check(view: DataView, at: number, position: number): void {
    const { version, units, told, byteOrder } = this.#dialect;
    if (version !== 2 || told === true) return;
    const length = view.getUint32(at + 8, false);
    this.#chunkSize ??= length;
    const fits =
      units === 'chunks'
        ? length === this.#chunkSize
        : isMultipleU64(view, at, byteOrder === 'little', length);
    if (fits) return;
    const hint = sentence`say what its offsets count with ${remedy('units')}`;
    throw new FormatError('ambiguous-units', position, `this record does not fit offsets in ${units}`, {
      hint,
    });
  }
}
