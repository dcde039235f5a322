import type { RandomAccessReader } from '../../algebra/random-access.js';
import { LvmError } from '../../errors.js';
import { crc32cOfWords } from '../../format/crc32c.js';

/** Every metadata block, in bytes (dm-thin-metadata.h, `THIN_METADATA_BLOCK_SIZE`). */
export const METADATA_BLOCK_SIZE = 4096;

export const DAMAGED_METADATA =
  'the metadata is damaged, or changed while it was read: take a metadata snapshot and read that; if it stays so, see thin_check and thin_repair';

/** What is wrong, with the metadata block and the byte of the device where it stands; `at` counts from the block. */
export function thinFault(
  metadata: RandomAccessReader,
  block: number,
  at: number,
  what: string,
  hint = DAMAGED_METADATA,
): LvmError {
  const byte = block * METADATA_BLOCK_SIZE + at;
  return new LvmError(`${metadata.name}: metadata block ${block}, byte ${byte}: ${what}`, { hint });
}

/** A number that was read, NaN where no double can hold it. */
export function numberText(number: number): string {
  return Number.isNaN(number) ? '2^53 or more' : String(number);
}

/** Whole blocks of the device. */
export function countBlocks(metadata: RandomAccessReader): number {
  return Math.floor(metadata.size / METADATA_BLOCK_SIZE);
}

/** Reads a block that lies inside the device. The bytes are the caller's. */
export function readMetadataBlock(metadata: RandomAccessReader, block: number): DataView<ArrayBuffer> {
  const bytes = new Uint8Array(METADATA_BLOCK_SIZE);
  metadata.readInto(bytes, block * METADATA_BLOCK_SIZE);
  return new DataView(bytes.buffer);
}

/**
 * Whether the block's checksum is right: it stands before all that it is of. `xor` keeps one kind of block from passing
 * for another.
 */
export function hasChecksum(words: Int32Array, xor: number): boolean {
  return words[0]! >>> 0 === blockChecksum(words, xor);
}

/**
 * The checksum of device-mapper's metadata blocks (dm-block-manager.c, `dm_bm_checksum`): CRC-32C without its final
 * inversion, of a block from byte 4 on, then `xor`.
 */
function blockChecksum(words: Int32Array, xor: number): number {
  return (crc32cOfWords(words, 1) ^ -1 ^ xor) >>> 0;
}
