import { createBufferPool, type RecordBatch } from '../format/batch.js';
import {
  BATCH_SIZE,
  MIN_ZERO_RUN,
  PIECE_SIZE,
  RECORD_HEADER_SIZE,
  ZERO_RECORD_SIZE,
} from '../format/layout.js';
import { cutZeroRanges } from '../format/lvs/frames/zero-frame.js';
import { encodeRecordHeader } from '../format/record.js';
import { SegmentList, type OpenRecord } from '../format/segments.js';
import { viewOf } from '../format/view.js';
import type { Range } from '../ranges/range.js';

/** Room for the longest record that is never cut, its header, and a block to cut longer ones at. */
const BUFFER_SIZE = BATCH_SIZE + PIECE_SIZE;
/** A long record is begun in a batch that has this much room left. */
const WORTH_BEGINNING = 1 << 17;
/** Ranges of zeros in one batch. */
const MAX_ZEROS = 4096;
const ZEROS = new Uint8Array(MIN_ZERO_RUN);

/** A batch of data in the making. */
interface Draft {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  readonly segments: SegmentList;
  used: number;
  readonly continues: boolean;
}

/**
 * Makes batches of another project's records, each of which stays one record, so that the digest of what is read depends on
 * the stream alone. Records of more than 1 MiB go on from one batch to the next, cut at multiples of 4096 device bytes. Zeros
 * of 128 KiB and more are zero ranges; fewer are data, which makes the same stream.
 */
export class RecordDraft {
  readonly #pool = createBufferPool(BUFFER_SIZE);
  #draft: Draft | undefined;
  /** What is missing of the record that was begun. */
  #rest: OpenRecord | undefined;
  /** Nothing of the record that was begun is there yet. */
  #isNew = false;
  #zeros: Range[] = [];
  #done: RecordBatch[] = [];

  /** Begins a record of less than 2^32 bytes, to be {@link append}ed in parts. */
  begin(offset: number, length: number): void {
    this.#closeZeros();
    const room = this.#draft ? BUFFER_SIZE - this.#draft.used : 0;
    const isLong = length > BATCH_SIZE;
    if (isLong ? room < WORTH_BEGINNING : room < RECORD_HEADER_SIZE + length) this.#closeData();
    this.#rest = { offset, length };
    this.#isNew = true;
  }

  /** Adds data to the record that was begun, which is copied. */
  append(data: Uint8Array): void {
    for (let at = 0; at < data.length;) {
      const draft = (this.#draft ??= this.#startDraft());
      const { offset, length } = this.#rest!;
      const room = BUFFER_SIZE - draft.used - (this.#isNew ? RECORD_HEADER_SIZE : 0);
      const most = length <= room ? length : room - ((offset + room) % PIECE_SIZE);
      const part = data.subarray(at, at + most);
      if (part.length > 0) this.#put(draft, part);
      else this.#closeData();
      at += part.length;
    }
  }

  /** Adds zeros: as a range what is long enough, otherwise as a record. */
  addZeros(offset: number, length: number): void {
    if (length < MIN_ZERO_RUN) {
      this.begin(offset, length);
      this.append(ZEROS.subarray(0, length));
      return;
    }
    this.#closeData();
    this.#zeros.push({ offset, length });
    if (this.#zeros.length === MAX_ZEROS) this.#closeZeros();
  }

  /** There is a batch to be taken. */
  get isReady(): boolean {
    return this.#done.length > 0;
  }

  /** What is ready, in order; each batch is the caller's. */
  take(): readonly RecordBatch[] {
    const done = this.#done;
    this.#done = [];
    return done;
  }

  /** The last of it; of a record that is not complete, what is there. */
  finish(): readonly RecordBatch[] {
    this.#closeData();
    this.#closeZeros();
    return this.take();
  }

  #startDraft(): Draft {
    const bytes = this.#pool.take();
    const continues = this.#rest !== undefined && !this.#isNew;
    return { bytes, view: viewOf(bytes), segments: new SegmentList(this.#pool), used: 0, continues };
  }

  #put(draft: Draft, part: Uint8Array): void {
    const { offset, length } = this.#rest!;
    const isFirst = this.#isNew || draft.segments.count === 0;
    if (this.#isNew) {
      encodeRecordHeader(draft.view, draft.used, offset, length);
      draft.used += RECORD_HEADER_SIZE;
      this.#isNew = false;
    }
    if (isFirst) draft.segments.push(offset, part.length, draft.used);
    else draft.segments.extendLast(part.length);
    draft.bytes.set(part, draft.used);
    draft.used += part.length;
    const left = length - part.length;
    this.#rest = left === 0 ? undefined : { offset: offset + part.length, length: left };
  }

  #closeData(): void {
    const draft = this.#draft;
    this.#draft = undefined;
    if (!draft || draft.segments.count === 0) return;
    const isOpen = this.#rest !== undefined && !this.#isNew;
    this.#done.push(draft.segments.toBatch(draft.bytes.subarray(0, draft.used), draft.continues, isOpen));
  }

  #closeZeros(): void {
    const zeros = this.#zeros;
    this.#zeros = [];
    for (const batch of cutZeroRanges(zeros)) this.#done.push(batch);
  }
}

/** Zeros that one call of `addZeros` may add, so that they can be passed on: whole zero records. */
export const ZEROS_AT_ONCE = 4096 * ZERO_RECORD_SIZE;
/** The longest record; longer ones are cut from their beginning (§7). */
export const MAX_RECORD = 2 ** 32 - 1;
