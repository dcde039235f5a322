import type { Range } from '../ranges/range.js';
import { BATCH_SIZE, RECORD_HEADER_SIZE, ZERO_RECORD_SIZE } from './layout.js';

/** What is known of each segment of a batch: arrays of one length, 16 bytes of memory a segment. */
export interface SegmentArrays {
  /** Device byte offset of each segment. */
  readonly offsets: Float64Array;
  /** Bytes of each segment's data in this batch. */
  readonly lengths: Uint32Array;
  /** Where each segment's data begins in the batch's bytes. */
  readonly positions: Uint32Array;
}

/** So many segments. */
export interface Segments extends SegmentArrays {
  /** Only that many entries of the arrays count. */
  readonly count: number;
}

/**
 * About 1 MiB of a PROTO[3] stream, exactly as it stands in the stream, with where its data goes.
 *
 * A segment is the part of one record that lies in this batch. Only the first segment can continue a
 * record of the batch before (it then has no header in `bytes`), only the last can go on in the next.
 *
 * Ownership: a batch belongs to whoever it was yielded to; when done, call {@link releaseBatch} so that its
 * buffer and arrays are used again, or drop it.
 */
export interface DataBatch extends Segments {
  readonly kind: 'data';
  /** The stream's bytes: record headers and data. */
  readonly bytes: Uint8Array;
  /** The first segment continues a record that began in an earlier batch. */
  readonly continues: boolean;
  /** The last segment's record goes on in the next batch. */
  readonly open: boolean;
  /** What the device must hold before the batch is written: runs that cover its pieces (§4.6.2). */
  readonly pieces?: Uint8Array | undefined;
  readonly pool?: BufferPool | undefined;
}

/**
 * Ranges of zeros without their bytes: each stands for records of 16 MiB (the last one shorter), §4.5.
 * Never stands between two parts of one record.
 */
export interface ZeroBatch {
  readonly kind: 'zeros';
  readonly ranges: readonly Range[];
  /** As in {@link DataBatch}. */
  readonly pieces?: Uint8Array | undefined;
}

export type RecordBatch = DataBatch | ZeroBatch;

/** Passes batches on, and sees them pass. */
export type Watch = (batches: AsyncIterable<RecordBatch>) => AsyncIterable<RecordBatch>;

/** A few buffers of one size, and arrays of segments, used again instead of being allocated. */
export interface BufferPool {
  readonly size: number;
  /** A buffer of the pool's size; one of `need` bytes or more where that is larger, of exactly so many where it is much less. */
  take(need?: number): Uint8Array<ArrayBuffer>;
  give(buffer: ArrayBufferLike): void;
  /** Arrays of some length that another batch had; the batches of a stream are much alike. */
  takeSegments(): SegmentArrays | undefined;
  giveSegments(arrays: SegmentArrays): void;
}

/** Bytes that an object of two numbers takes. */
const RANGE_MEMORY = 64;
const POOLED = 8;
/** Of buffers larger than the usual ones, and of arrays, so many bytes are kept idle. */
const POOLED_BYTES = 16 << 20;
/** A buffer of which so small a part is needed is not worth a place in the pool. */
const SHORT = 8;

/** A pool of buffers of `size` bytes that keeps at most eight idle ones, of larger ones and of arrays 16 MiB each. */
export function createBufferPool(size: number = BATCH_SIZE): BufferPool {
  const idle: ArrayBuffer[] = [];
  const large = new IdleList<ArrayBuffer>((buffer) => buffer.byteLength);
  const segments = new IdleList<SegmentArrays>(memoryOfSegments);
  return {
    size,
    take: (need = size) => {
      if (need > size) return new Uint8Array(large.take(need) ?? new ArrayBuffer(need));
      return new Uint8Array(
        need > size / SHORT ? (idle.pop() ?? new ArrayBuffer(size)) : new ArrayBuffer(need),
      );
    },
    give: (buffer) => {
      if (!(buffer instanceof ArrayBuffer)) return;
      if (buffer.byteLength > size) large.give(buffer);
      else if (buffer.byteLength === size && idle.length < POOLED) idle.push(buffer);
    },
    takeSegments: () => segments.take(0),
    giveSegments: ({ offsets, lengths, positions }) => {
      segments.give({ offsets, lengths, positions });
    },
  };
}

/** Things of any size that wait to be used again. */
class IdleList<T extends object> {
  readonly #sizeOf: (item: T) => number;
  readonly #items: T[] = [];
  #bytes = 0;

  constructor(sizeOf: (item: T) => number) {
    this.#sizeOf = sizeOf;
  }

  /** One of `need` bytes at least, if there is any. */
  take(need: number): T | undefined {
    const index = this.#items.findLastIndex((item) => this.#sizeOf(item) >= need);
    const [item] = index < 0 ? [] : this.#items.splice(index, 1);
    this.#bytes -= item ? this.#sizeOf(item) : 0;
    return item;
  }

  give(item: T): void {
    const size = this.#sizeOf(item);
    if (this.#bytes + size > POOLED_BYTES || this.#items.length === POOLED) return;
    this.#bytes += size;
    this.#items.push(item);
  }
}

/** Arrays for `capacity` segments. */
export function createSegments(capacity: number): SegmentArrays {
  return {
    offsets: new Float64Array(capacity),
    lengths: new Uint32Array(capacity),
    positions: new Uint32Array(capacity),
  };
}

/** Bytes that a batch holds, piece digests apart. */
export function memoryOfBatch(batch: RecordBatch): number {
  if (batch.kind === 'zeros') return batch.ranges.length * RANGE_MEMORY;
  return batch.bytes.length + memoryOfSegments(batch);
}

function memoryOfSegments({ offsets, lengths, positions }: SegmentArrays): number {
  return offsets.byteLength + lengths.byteLength + positions.byteLength;
}

/** Ends the use of a batch's buffer and arrays. The batch must not be touched afterwards. */
export function releaseBatch(batch: RecordBatch): void {
  if (batch.kind !== 'data') return;
  batch.pool?.give(batch.bytes.buffer);
  batch.pool?.giveSegments(batch);
}

/** Number of record headers in the batch. */
export function countRecords(batch: RecordBatch): number {
  if (batch.kind === 'data') return batch.count - (batch.continues ? 1 : 0);
  return batch.ranges.reduce((records, { length }) => records + Math.ceil(length / ZERO_RECORD_SIZE), 0);
}

/** Bytes of the PROTO[3] stream that the batch stands for. */
export function encodedSize(batch: RecordBatch): number {
  if (batch.kind === 'data') return batch.bytes.length;
  return sumLengths(batch.ranges) + countRecords(batch) * RECORD_HEADER_SIZE;
}

/** Bytes that the batch writes to a device. */
export function dataSize(batch: RecordBatch): number {
  if (batch.kind === 'zeros') return sumLengths(batch.ranges);
  return batch.bytes.length - countRecords(batch) * RECORD_HEADER_SIZE;
}

function sumLengths(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

/** The device ranges of the batch's segments, in its order; zeros as the records that they are cut into. */
export function rangesOf(batch: RecordBatch): readonly Range[] {
  if (batch.kind === 'zeros') return [...zeroRecords(batch.ranges)];
  return Array.from({ length: batch.count }, (_, i) => ({
    offset: batch.offsets[i]!,
    length: batch.lengths[i]!,
  }));
}

/** The same one after the other, without a list of them: a batch can hold more than 600,000. */
export function* eachRange(batch: RecordBatch): Generator<Range, void, undefined> {
  if (batch.kind === 'zeros') yield* zeroRecords(batch.ranges);
  else yield* eachSegment(batch);
}

/** The device ranges of segments, in their order. */
export function* eachSegment({ offsets, lengths, count }: Segments): Generator<Range, void, undefined> {
  for (let i = 0; i < count; i++) yield { offset: offsets[i]!, length: lengths[i]! };
}

/** The ranges cut into the records that stand for them: 16 MiB each, the last of a range shorter (§4.5). */
export function* zeroRecords(ranges: readonly Range[]): Generator<Range, void, undefined> {
  for (const { offset, length } of ranges)
    for (let done = 0; done < length; done += ZERO_RECORD_SIZE)
      yield { offset: offset + done, length: Math.min(ZERO_RECORD_SIZE, length - done) };
}
