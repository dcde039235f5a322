import type { BufferPool, DataBatch } from '../../format/batch.js';
import { PIECE_SIZE, RECORD_HEADER_SIZE } from '../../format/layout.js';
import { encodeRecordHeader } from '../../format/record.js';
import { SegmentList } from '../../format/segments.js';

/** A record that doesn't fit is begun in a batch that has this much room left; otherwise in the next one. */
const WORTH_CUTTING = 1 << 17;

/** A batch of whole records in the making, in a buffer that it has to itself. */
export class DataDraft {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #segments: SegmentList;
  #used = 0;
  #header = 0;
  /** Where on the device the last record ends, exclusive; NaN before the first. */
  #end = Number.NaN;

  /** `pool`: where the buffer goes when the batch is released. */
  constructor(bytes: Uint8Array, pool?: BufferPool) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#segments = new SegmentList(pool);
  }

  /** Takes over a batch's buffer. Its data may be added in its order, without any that comes behind being overwritten. */
  static over({ bytes, pool }: DataBatch): DataDraft {
    return new DataDraft(bytes, pool);
  }

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  /** Bytes that are still free. */
  get room(): number {
    return this.#bytes.length - this.#used;
  }

  /** Whether a record from `offset` on goes on where the last one ends. */
  touches(offset: number): boolean {
    return offset === this.#end;
  }

  /**
   * How much of a record of `length` bytes from `offset` on has its place here; 0 if all of it should begin in the next
   * batch. A record that is cut is cut at a multiple of 4096 device bytes, if there is one in it.
   */
  fits(offset: number, length: number): number {
    const room = this.room - RECORD_HEADER_SIZE;
    if (length <= room) return length;
    if (!this.isEmpty && room < WORTH_CUTTING) return 0;
    const whole = room - ((offset + room) % PIECE_SIZE);
    return whole > 0 ? whole : room;
  }

  /** Begins a record. Its data, which is for the caller to fill in, has its place in the batch's bytes: {@link fillSegments}. */
  reserve(offset: number, length: number): void {
    this.#header = this.#used;
    encodeRecordHeader(this.#view, this.#header, offset, length);
    const position = this.#header + RECORD_HEADER_SIZE;
    this.#segments.push(offset, length, position);
    this.#used = position + length;
    this.#end = offset + length;
  }

  /** Adds a record with this data, which is copied. */
  add(offset: number, data: Uint8Array): void {
    const position = this.#used + RECORD_HEADER_SIZE;
    this.reserve(offset, data.length);
    this.#copy(data, position);
  }

  /** Adds data to the last record, which ends where it begins. */
  extend(data: Uint8Array): void {
    const position = this.#used;
    const length = this.#segments.extendLast(data.length);
    this.#end += data.length;
    encodeRecordHeader(this.#view, this.#header, this.#end - length, length);
    this.#used += data.length;
    this.#copy(data, position);
  }

  /** The batch, which is the caller's; the draft must not be used afterwards. */
  toBatch(): DataBatch {
    return this.#segments.toBatch(this.#bytes.subarray(0, this.#used), false, false);
  }

  #copy(data: Uint8Array, position: number): void {
    const isInPlace =
      data.buffer === this.#bytes.buffer && data.byteOffset === this.#bytes.byteOffset + position;
    if (!isInPlace) this.#bytes.set(data, position);
  }
}
