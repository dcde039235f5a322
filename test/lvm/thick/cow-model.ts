import type { DeviceReader } from '#src/algebra/random-access.js';
import { readSegmentsWith } from '#src/algebra/read-segments.js';
import type { RecordBatch } from '#src/format/batch.js';

/** A naive dm-snapshot, written from its description alone: what the reader under test is held against. */

/** A reader of bytes in memory that keeps what was asked of it. */
export interface MemoryReader extends DeviceReader {
  readonly reads: { readonly offset: number; readonly length: number }[];
}

export function memoryReader(bytes: Uint8Array, name = 'memory'): MemoryReader {
  const reads: { offset: number; length: number }[] = [];
  const readInto = (target: Uint8Array, offset: number): void => {
    if (offset < 0 || offset + target.length > bytes.length) throw new Error(`read past the end of ${name}`);
    reads.push({ offset, length: target.length });
    target.set(bytes.subarray(offset, offset + target.length));
  };
  return { size: bytes.length, name, reads, readInto, readSegments: readSegmentsWith(readInto) };
}

export interface Simulation {
  readonly cow: Buffer;
  readonly origin: Buffer;
  readonly snapshot: Buffer;
  /** In the order of copying. */
  readonly exceptions: [number, number][];
}

interface Write {
  readonly chunk: number;
  readonly fill: number;
}

/** Snapshots an origin and writes to it, chunk by chunk, as dm-snapshot does; `stale` fills the unused COW device. */
export function simulate(
  snapshot: Buffer,
  chunkSize: number,
  writes: readonly Write[],
  stale: number,
): Simulation {
  const perArea = chunkSize / 16;
  const areas = Math.floor(new Set(writes.map(({ chunk }) => chunk)).size / perArea) + 1;
  const cow = Buffer.alloc((1 + areas * (perArea + 1)) * chunkSize, stale);
  cow.fill(0, 0, 2 * chunkSize);
  putHeader(cow, { chunkSize });
  const origin = Buffer.from(snapshot);
  const exceptions: [number, number][] = [];
  let free = 2;
  for (const { chunk, fill } of writes) {
    const start = chunk * chunkSize;
    if (!exceptions.some(([old]) => old === chunk)) {
      origin.copy(cow, free * chunkSize, start, start + chunkSize);
      putException(cow, chunkSize, exceptions.length, chunk, free);
      exceptions.push([chunk, free]);
      free += 1;
      if (free % (perArea + 1) === 1) {
        cow.fill(0, free * chunkSize, (free + 1) * chunkSize);
        free += 1;
      }
    }
    origin.fill(fill, start, Math.min(start + chunkSize, origin.length));
  }
  return { cow, origin, snapshot, exceptions };
}

export interface HeaderFields {
  readonly magic?: number;
  readonly valid?: number;
  readonly version?: number;
  readonly chunkSize: number;
}

export function putHeader(
  cow: Buffer,
  { magic = 0x70416e53, valid = 1, version = 1, chunkSize }: HeaderFields,
): void {
  [magic, valid, version, chunkSize / 512].forEach((value, index) => cow.writeUInt32LE(value, 4 * index));
}

/** Byte of the exception with this index in the list. */
export function exceptionByte(chunkSize: number, index: number): number {
  let chunk = 1;
  let left = index;
  for (; left >= chunkSize / 16; left -= chunkSize / 16) chunk += chunkSize / 16 + 1;
  return chunk * chunkSize + left * 16;
}

export function putException(
  cow: Buffer,
  chunkSize: number,
  index: number,
  oldChunk: number,
  newChunk: number,
): void {
  const byte = exceptionByte(chunkSize, index);
  cow.writeBigUInt64LE(BigInt(oldChunk), byte);
  cow.writeBigUInt64LE(BigInt(newChunk), byte + 8);
}

/** A store of this list alone, without data, in a device of `chunks` chunks. */
export function storeOf(
  chunkSize: number,
  chunks: number,
  list: readonly (readonly [number, number])[],
): Buffer {
  const cow = Buffer.alloc(chunks * chunkSize);
  putHeader(cow, { chunkSize });
  list.forEach(([oldChunk, newChunk], index) => putException(cow, chunkSize, index, oldChunk, newChunk));
  return cow;
}

/** Ranges by the book: every chunk marked, then runs of marks, clipped. */
export function naiveRanges(
  oldChunks: readonly number[],
  chunkSize: number,
  size: number,
): [number, number][] {
  const ranges: [number, number][] = [];
  for (const chunk of [...oldChunks].sort((a, b) => a - b)) {
    const end = Math.min((chunk + 1) * chunkSize, size);
    const last = ranges.at(-1);
    if (last !== undefined && last[0] + last[1] === chunk * chunkSize) last[1] = end - last[0];
    else ranges.push([chunk * chunkSize, end - chunk * chunkSize]);
  }
  return ranges;
}

/** Records as their headers say, read from the bytes of whole-record batches and checked against the arrays. */
export function recordsOf(batches: readonly RecordBatch[]): { offset: number; data: Buffer }[] {
  return batches.flatMap((batch) => {
    if (batch.kind === 'zeros') {
      return batch.ranges.map(({ offset, length }) => ({ offset, data: Buffer.alloc(length) }));
    }
    const bytes = Buffer.from(batch.bytes);
    return Array.from({ length: batch.count }, (_, i) => {
      const position = batch.positions[i]!;
      const offset = Number(bytes.readBigUInt64BE(position - 12));
      const length = bytes.readUInt32BE(position - 4);
      if (offset !== batch.offsets[i] || length !== batch.lengths[i])
        throw new Error('header and arrays disagree');
      return { offset, data: bytes.subarray(position, position + length) };
    });
  });
}

/** A copy of `device` after the records were written to it in order. */
export function applyRecords(device: Buffer, batches: readonly RecordBatch[]): Buffer {
  const result = Buffer.from(device);
  for (const { offset, data } of recordsOf(batches)) {
    if (offset + data.length > result.length) throw new Error('record past the end');
    data.copy(result, offset);
  }
  return result;
}

/** The records' ranges, touching ones joined. */
export function joinedRanges(batches: readonly RecordBatch[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const { offset, data } of recordsOf(batches)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[0] + last[1] === offset) last[1] += data.length;
    else ranges.push([offset, data.length]);
  }
  return ranges;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
