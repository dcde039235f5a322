import { FormatError } from '../errors.js';
import { OFFSET_LIMIT, RECORD_HEADER_SIZE } from './layout.js';

/** Reads the u64 at `position`; NaN stands for a number of 2^53 or more. */
export function decodeU64(view: DataView, position: number, littleEndian: boolean): number {
  const high = view.getUint32(littleEndian ? position + 4 : position, littleEndian);
  const low = view.getUint32(littleEndian ? position : position + 4, littleEndian);
  return high < 0x200000 ? high * 0x100000000 + low : Number.NaN;
}

/** Whether the u64 at `position`, all 64 bits of it, is a multiple of `unit`, which has 32 bits at most. */
export function isMultipleU64(
  view: DataView,
  position: number,
  littleEndian: boolean,
  unit: number,
): boolean {
  const high = view.getUint32(littleEndian ? position + 4 : position, littleEndian);
  const low = view.getUint32(littleEndian ? position : position + 4, littleEndian);
  return [high, low >>> 16, low & 0xffff].reduce((rest, digits) => (rest * 0x10000 + digits) % unit, 0) === 0;
}

/** Writes `value`, a whole number below 2^53, as a u64. */
export function encodeU64(view: DataView, position: number, value: number, littleEndian: boolean): void {
  const high = Math.floor(value / 0x100000000);
  view.setUint32(littleEndian ? position + 4 : position, high, littleEndian);
  view.setUint32(littleEndian ? position : position + 4, value >>> 0, littleEndian);
}

/** Writes a PROTO[3] record header (§3.1) of 12 bytes. */
export function encodeRecordHeader(view: DataView, position: number, offset: number, length: number): void {
  encodeU64(view, position, offset, false);
  view.setUint32(position + 8, length, false);
}

/** A PROTO[3] record header as bytes. */
export function recordHeader(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_SIZE);
  encodeRecordHeader(new DataView(bytes.buffer), 0, offset, length);
  return bytes;
}

/** Throws `empty-record` or `offset-limit` unless a record of this place and size is allowed (§9). */
export function checkRecord(offset: number, length: number, position: number): void {
  if (length === 0) throw new FormatError('empty-record', position, 'a record of no bytes');
  if (!(offset + length < OFFSET_LIMIT)) {
    throw new FormatError('offset-limit', position, 'a record that ends at or past 2^53');
  }
}
