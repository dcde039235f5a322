import { BATCH_SIZE, RECORD_HEADER_SIZE, ZERO_RECORD_SIZE } from './layout.js';

/** Bytes of a device without their data; `end` is exclusive where a range is given by its ends. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

/**
 * About 1 MiB of a PROTO[3] stream, exactly as it stands in the stream, with where its data goes.
 *
 * A segment is the part of one record that lies in this batch. Only the first segment can continue a
 * record of the batch before (it then has no header in `bytes`), only the last can go on in the next.
 *
 * Ownership: a batch belongs to whoever it was yielded to; when done, call {@link releaseBatch} so that its
 * buffer is used again, or drop it.
 */
export interface DataBatch {
  readonly kind: 'data';
  /** The stream's bytes: record headers and data. */
  readonly bytes: Uint8Array;
  /** Number of segments; only that many entries of the arrays count. */
  readonly count: number;
  /** Device byte offset of each segment. */
  readonly offsets: Float64Array;
  /** Bytes of each segment's data in this batch. */
  readonly lengths: Uint32Array;
  /** Where each segment's data begins in `bytes`. */
  readonly positions: Uint32Array;
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

/** A few buffers of one size, used again instead of being allocated. */
export interface BufferPool {
  readonly size: number;
  /** A buffer of the pool's size; one of exactly `need` bytes where that is more, or much less. */
  take(need?: number): Uint8Array<ArrayBuffer>;
  give(buffer: ArrayBufferLike): void;
}

const POOLED = 8;
/** A buffer of which so small a part is needed is not worth a place in the pool. */
const SHORT = 8;

/** A pool of buffers of `size` bytes that keeps at most eight idle ones. */
export function createBufferPool(size: number = BATCH_SIZE): BufferPool {
  const idle: ArrayBuffer[] = [];
  return {
    size,
    take: (need = size) => {
      const isUsual = need <= size && need > size / SHORT;
      return new Uint8Array(isUsual ? (idle.pop() ?? new ArrayBuffer(size)) : new ArrayBuffer(need));
    },
    give: (buffer) => {
      if (buffer instanceof ArrayBuffer && buffer.byteLength === size && idle.length < POOLED)
        idle.push(buffer);
    },
  };
}

/** Ends the use of a batch's buffer. The batch must not be touched afterwards. */
export function releaseBatch(batch: RecordBatch): void {
  if (batch.kind === 'data') batch.pool?.give(batch.bytes.buffer);
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

function sumLengths(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

/** The device ranges of the batch's segments, in its order; zeros as the records that they are cut into. */
export function rangesOf(batch: RecordBatch): readonly Range[] {
  if (batch.kind === 'zeros') return zeroRecords(batch.ranges);
  return Array.from({ length: batch.count }, (_, i) => ({
    offset: batch.offsets[i]!,
    length: batch.lengths[i]!,
  }));
}

/** The ranges cut into the records that stand for them: 16 MiB each, the last of a range shorter (§4.5). */
export function zeroRecords(ranges: readonly Range[]): Range[] {
  return ranges.flatMap(({ offset, length }) =>
    Array.from({ length: Math.ceil(length / ZERO_RECORD_SIZE) }, (_, i) => ({
      offset: offset + i * ZERO_RECORD_SIZE,
      length: Math.min(ZERO_RECORD_SIZE, length - i * ZERO_RECORD_SIZE),
    })),
  );
}
