const RLE_LITERALS = 1;
const COMPRESSED_LITERALS = 2;
/** Bytes of the section's header by its size format. */
const PLAIN_HEADERS = [1, 2, 1, 3];
const COMPRESSED_HEADERS = [3, 3, 4, 5];
/** Where the compressed size begins in that header: behind type, format and the size of what it decodes to. */
const COMPRESSED_SIZE_BIT = [14, 14, 18, 22];

/**
 * Whether a compressed block says in two bytes that it has no sequences, or says so in front of more (§4.4): releases of
 * libzstd disagree on it. Of a block that no decoder takes the answer may be either.
 */
export function hasLongZero(block: Uint8Array): boolean {
  const at = literalsSize(block);
  return block[at] === 0x80 && block[at + 1] === 0;
}

/** Size of the literals section with its header (RFC 8878 §3.1.1.3.1). */
function literalsSize(block: Uint8Array): number {
  const type = block[0]! & 3;
  const format = (block[0]! >> 2) & 3;
  if (type >= COMPRESSED_LITERALS) {
    const header = COMPRESSED_HEADERS[format]!;
    return header + Math.floor(readNumber(block, header) / 2 ** COMPRESSED_SIZE_BIT[format]!);
  }
  const header = PLAIN_HEADERS[format]!;
  const size = readNumber(block, header) >> (header === 1 ? 3 : 4);
  return header + (type === RLE_LITERALS ? 1 : size);
}

/** Little-endian; bytes that are not there are zeros. */
function readNumber(bytes: Uint8Array, size: number): number {
  let number = 0;
  for (let i = size - 1; i >= 0; i--) number = number * 256 + (bytes[i] ?? 0);
  return number;
}
