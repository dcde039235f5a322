import { RECORD_HEADER_SIZE } from '../layout.js';
import { decodeU64 } from '../record.js';

/** The lvmsync streams (§3): how their record headers say where data goes. */
export interface Dialect {
  readonly version: 1 | 2 | 3;
  readonly byteOrder: 'big' | 'little';
  /** What the number in a header counts: version 1 always chunks, version 3 always bytes. */
  readonly units: 'bytes' | 'chunks';
  /** Somebody said so, so that records which speak against it are no reason to stop. */
  readonly told?: boolean | undefined;
}

/** Version 1's chunk. Bytes. */
export const CHUNK_SIZE_1 = 4096;

/** Size of a record header in the dialect. */
export function headerSize({ version }: Dialect): number {
  return version === 1 ? 8 : RECORD_HEADER_SIZE;
}

/** Data length that the header at `at` tells. */
export function lengthOf(view: DataView, at: number, { version }: Dialect): number {
  return version === 1 ? CHUNK_SIZE_1 : view.getUint32(at + 8, false);
}

/** Device byte offset that the header at `at` tells; NaN when it is 2^53 or more. */
export function offsetOf(view: DataView, at: number, dialect: Dialect): number {
  const value = decodeU64(view, at, dialect.byteOrder === 'little');
  return dialect.units === 'chunks' ? value * lengthOf(view, at, dialect) : value;
}
