import { FormatError } from '../errors.js';
import {
  createSegments,
  eachRange,
  type BufferPool,
  type DataBatch,
  type RecordBatch,
  type SegmentArrays,
  type Segments,
} from './batch.js';
import { BATCH_SIZE, RECORD_HEADER_SIZE } from './layout.js';
import { checkRecord, decodeU64 } from './record.js';
import { viewOf } from './view.js';

const FIRST_CAPACITY = 512;

/** Growing arrays of segments, on the way to becoming a {@link DataBatch}. */
export class SegmentList {
  count = 0;
  readonly #pool: BufferPool | undefined;
  #arrays: SegmentArrays;

  /** `pool`: the pool of the batch's buffer, where the arrays come from too; none: they are made. */
  constructor(pool?: BufferPool) {
    this.#pool = pool;
    this.#arrays = pool?.takeSegments() ?? createSegments(FIRST_CAPACITY);
  }

  push(offset: number, length: number, position: number): void {
    if (this.count === this.#arrays.offsets.length) this.#grow();
    this.#arrays.offsets[this.count] = offset;
    this.#arrays.lengths[this.count] = length;
    this.#arrays.positions[this.count] = position;
    this.count++;
  }

  /** Makes the last segment longer, and returns how long it is then. */
  extendLast(more: number): number {
    return (this.#arrays.lengths[this.count - 1]! += more);
  }

  /** These segments; the list must not be used afterwards. */
  toSegments(): Segments {
    return { count: this.count, ...this.#arrays };
  }

  /** The batch of these segments over `bytes`; the list must not be used afterwards. */
  toBatch(bytes: Uint8Array, continues: boolean, open: boolean): DataBatch {
    return { kind: 'data', bytes, count: this.count, ...this.#arrays, continues, open, pool: this.#pool };
  }

  #grow(): void {
    const { offsets, lengths, positions } = this.#arrays;
    this.#arrays = createSegments(Math.max(FIRST_CAPACITY, 2 * offsets.length));
    this.#arrays.offsets.set(offsets);
    this.#arrays.lengths.set(lengths);
    this.#arrays.positions.set(positions);
  }
}

/** The segments of a batch, which must be kept as long; of zeros, the records that they are cut into, at no position. */
export function segmentsOf(batch: RecordBatch): Segments {
  if (batch.kind === 'data') return batch;
  const records = new SegmentList();
  for (const { offset, length } of eachRange(batch)) records.push(offset, length, 0);
  return records.toSegments();
}

/** What is left of a record that a batch has begun. */
export interface OpenRecord {
  readonly offset: number;
  readonly length: number;
}

export interface ParsedContent {
  readonly batch: DataBatch;
  /** What follows of the last record in the next frame. */
  readonly rest: OpenRecord | undefined;
}

/** Where a data frame stands in its stream. */
export interface ContentPlace {
  /** What is left of a record that an earlier frame began. */
  readonly open: OpenRecord | undefined;
  /** Where the content's buffer and the batch's arrays go when it is released. */
  readonly pool?: BufferPool | undefined;
  /** The frame's position in the file, which faults name. */
  readonly position: number;
  /** Called with each record that begins; throws if it may not stand here. */
  admit(offset: number, length: number, position: number): void;
}

/**
 * Parses the content of a data frame (§4.4): whole records, but for one that may continue from the frame before
 * and one of more than 1 MiB that may go on in the next. Takes over `content`.
 */
export function parseContent(content: Uint8Array, place: ContentPlace): ParsedContent {
  const { open, position } = place;
  const segments = new SegmentList(place.pool);
  const view = viewOf(content);
  let at = 0;
  let rest = open;
  while (at < content.length) {
    if (rest === undefined) {
      rest = readHeader(view, at, position);
      place.admit(rest.offset, rest.length, position);
      at += RECORD_HEADER_SIZE;
      checkCut(rest.length, content.length - at, position);
    }
    const length = Math.min(rest.length, content.length - at);
    segments.push(rest.offset, length, at);
    at += length;
    rest =
      length === rest.length ? undefined : { offset: rest.offset + length, length: rest.length - length };
  }
  return { batch: segments.toBatch(content, open !== undefined, rest !== undefined), rest };
}

/** A record may go on in the next frame if it is long. */
function checkCut(length: number, room: number, position: number): void {
  if (length > room && length <= BATCH_SIZE) {
    throw new FormatError('truncated-record', position, 'a data frame ends inside a record');
  }
}

function readHeader(view: DataView, at: number, position: number): OpenRecord {
  if (view.byteLength - at <= RECORD_HEADER_SIZE) {
    throw new FormatError('truncated-header', position, 'a data frame ends inside or behind a record header');
  }
  const offset = decodeU64(view, at, false);
  const length = view.getUint32(at + 8, false);
  checkRecord(offset, length, position);
  return { offset, length };
}
