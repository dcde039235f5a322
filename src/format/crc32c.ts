const POLYNOMIAL = 0x82f63b78;
const STEP = 8;

/** Eight tables of 256: what a byte does to the sum when 0 to 7 more bytes follow it. */
const TABLES = createTables();

function createTables(): Int32Array {
  const tables = new Int32Array(STEP * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256]!;
    tables[i] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}

/**
 * CRC-32C (Castagnoli; reflected, initial value and final XOR all ones) of `bytes`, as in RFC 3720 §12.1. Eight bytes
 * at a time: three times as fast as one by one.
 */
export function crc32c(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = -1;
  let at = 0;
  for (; at + STEP <= bytes.length; at += STEP)
    crc = foldWords(crc ^ view.getInt32(at, true), view.getInt32(at + 4, true));
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ TABLES[(crc ^ bytes[at]!) & 0xff]!;
  return (crc ^ -1) >>> 0;
}

/**
 * The same of words instead of bytes, from word `from` to the end, on a little-endian machine; on another it is wrong.
 * For many small blocks: setting up views of the bytes takes as long as their sum.
 */
export function crc32cOfWords(words: Int32Array, from: number): number {
  const pairs = words.length - ((words.length - from) % 2);
  let crc = -1;
  for (let at = from; at < pairs; at += 2) crc = foldWords(crc ^ words[at]!, words[at + 1]!);
  if (pairs < words.length) crc = foldLastWord(crc ^ words[pairs]!);
  return (crc ^ -1) >>> 0;
}

/** What eight bytes do to the sum, which the first four have been folded with. */
function foldWords(first: number, second: number): number {
  return (
    TABLES[0x700 + (first & 0xff)]! ^
    TABLES[0x600 + ((first >>> 8) & 0xff)]! ^
    TABLES[0x500 + ((first >>> 16) & 0xff)]! ^
    TABLES[0x400 + (first >>> 24)]! ^
    TABLES[0x300 + (second & 0xff)]! ^
    TABLES[0x200 + ((second >>> 8) & 0xff)]! ^
    TABLES[0x100 + ((second >>> 16) & 0xff)]! ^
    TABLES[second >>> 24]!
  );
}

function foldLastWord(word: number): number {
  let crc = word;
  for (let byte = 0; byte < 4; byte++) crc = (crc >>> 8) ^ TABLES[crc & 0xff]!;
  return crc;
}
