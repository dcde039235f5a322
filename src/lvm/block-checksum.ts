/** CRC-32C (Castagnoli), reflected. */
const POLYNOMIAL = 0x82f63b78;
const WORD = 4;

/** Eight tables of 256: what a byte does to the sum when 0 to 7 more bytes follow it. */
const TABLES = createTables();

function createTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i += 1) {
    const before = tables[i - 256]!;
    tables[i] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}

/**
 * The checksum of device-mapper's metadata blocks (dm-block-manager.c, `dm_bm_checksum`): CRC-32C without its final
 * inversion, of a block from byte 4 on, then `xor`. The block's size is a multiple of 8. Eight bytes at a time: three
 * times as fast as one by one, and all that a difference costs is reading and this.
 */
export function blockChecksum(block: DataView, xor: number): number {
  const first = block.getInt32(WORD, true) ^ -1;
  let crc = foldWord(first, 0);
  for (let at = 2 * WORD; at < block.byteLength; at += 2 * WORD)
    crc = foldWord(crc ^ block.getInt32(at, true), 4 * 256) ^ foldWord(block.getInt32(at + WORD, true), 0);
  return (crc ^ xor) >>> 0;
}

/** What four bytes do to the sum; `from` is the table for the last of them. */
function foldWord(word: number, from: number): number {
  return (
    TABLES[from + 768 + (word & 0xff)]! ^
    TABLES[from + 512 + ((word >>> 8) & 0xff)]! ^
    TABLES[from + 256 + ((word >>> 16) & 0xff)]! ^
    TABLES[from + (word >>> 24)]!
  );
}
