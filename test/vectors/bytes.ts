import { createHash } from 'node:crypto';

/** Numbers and checks as bytes, for files that are put together by hand; nothing here comes from `src/`. */

const numberOf =
  (size: number, write: (view: DataView, value: bigint) => void) =>
  (value: number | bigint): Uint8Array => {
    const bytes = new Uint8Array(size);
    write(new DataView(bytes.buffer), BigInt(value));
    return bytes;
  };

export const u16 = numberOf(2, (view, value) => view.setUint16(0, Number(value), true));
export const u24 = (value: number): Uint8Array => u32(value).subarray(0, 3);
export const u32 = numberOf(4, (view, value) => view.setUint32(0, Number(value), true));
export const u64 = numberOf(8, (view, value) => view.setBigUint64(0, value, true));
export const u16be = numberOf(2, (view, value) => view.setUint16(0, Number(value)));
export const u32be = numberOf(4, (view, value) => view.setUint32(0, Number(value)));
export const u64be = numberOf(8, (view, value) => view.setBigUint64(0, value));

export const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
export const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
export const sha256 = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(createHash('sha256').update(bytes).digest());
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A copy in which the byte at `position` (from the end where negative) is exclusive-or'ed with `mask`. */
export function flipped(bytes: Uint8Array, position: number, mask = 1): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = position < 0 ? copy.length + position : position;
  copy[at] = copy[at]! ^ mask;
  return copy;
}

/** A copy with the bytes from `position` on replaced. */
export function patched(bytes: Uint8Array, position: number, by: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(by, position);
  return copy;
}

/** `length` bytes that look random and are the same on every run (mulberry32). */
export function noise(seed: number, length: number): Uint8Array {
  let state = Math.imul(seed, 0x9e3779b1);
  return Uint8Array.from({ length }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 24;
  });
}

export const filled = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);

/** CRC-32C, bit by bit (§1). */
export function crc32c(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** A skippable frame (§4.1). */
export const skippable = (magic: number, payload: Uint8Array): Uint8Array =>
  join(u32(magic), u32(payload.length), payload);

/** A skippable frame that ends with its CRC-32C (§4.1). */
export function sealed(magic: number, body: Uint8Array): Uint8Array {
  const start = join(u32(magic), u32(body.length + 4), body);
  return join(start, u32(crc32c(start)));
}

/** The frame with a checksum that fits, whatever was done to the bytes before it. */
export function resealed(frame: Uint8Array): Uint8Array {
  const start = frame.subarray(0, -4);
  return join(start, u32(crc32c(start)));
}
