import type { Random } from './random.js';

/** Changes of bytes that know nothing of what the bytes are. */

/** Numbers at which something changes. */
export function edgeNumber(random: Random): bigint {
  const power = 1n << BigInt(random.below(65));
  const near = power + BigInt(random.below(5) - 2);
  const edge = random.pick([near, near, BigInt(random.below(300)), BigInt(random.below(2 ** 20)) * 4096n]);
  return BigInt.asUintN(64, edge);
}

/** A copy with one to four changes of bits, numbers, or stretches; some of `other` may come in. */
export function mutateBytes(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let bytes: Buffer = Buffer.from(input);
  for (let i = random.upTo(3); i >= 0; i -= 1) bytes = changeOnce(bytes, other, random);
  return Uint8Array.from(bytes);
}

/** A copy of the same length with one number in it replaced, added to, or a bit of it flipped. */
export function mutateNumber(input: Uint8Array, random: Random): Uint8Array {
  const bytes = Buffer.from(input);
  if (bytes.length > 0) changeNumber(bytes, random);
  return Uint8Array.from(bytes);
}

function changeOnce(bytes: Buffer, other: Uint8Array, random: Random): Buffer {
  const at = random.below(bytes.length);
  const length = Math.min(random.upTo(64), bytes.length - at);
  const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at + length)];
  const stretch = bytes.subarray(at, at + length);
  switch (random.below(8)) {
    case 0:
      return Buffer.concat([before, behind]);
    case 1:
      return Buffer.concat([before, stretch, stretch, behind]);
    case 2:
      return Buffer.concat([before, random.bytes(length), stretch, behind]);
    case 3: {
      const from = random.below(other.length);
      return Buffer.concat([before, other.subarray(from, from + random.upTo(256)), behind]);
    }
    default:
      if (bytes.length > 0) changeNumber(bytes, random);
      return bytes;
  }
}

function changeNumber(bytes: Buffer, random: Random): void {
  const size = random.pick([1, 1, 2, 4, 8]);
  const aligned = random.below(bytes.length / size) * size;
  const at = random.once(3) ? random.below(bytes.length) : aligned;
  if (at + size > bytes.length || random.once(4)) {
    bytes[at]! ^= 1 << random.below(8);
    return;
  }
  const field = bytes.subarray(at, at + size);
  const isBig = random.once(3);
  if (isBig) field.reverse();
  const value = field.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
  const next = random.once(2) ? value + BigInt(random.below(5) - 2) : edgeNumber(random);
  for (let i = 0; i < size; i += 1) field[i] = Number((next >> BigInt(8 * i)) & 255n);
  if (isBig) field.reverse();
}
