import type { RandomAccessReader } from '../../algebra/random-access.js';
import { SECTOR_SIZE } from '../../ranges/block-part.js';
import { decodeU64 } from '../../format/record.js';
import {
  countBlocks,
  DAMAGED_METADATA,
  hasChecksum,
  METADATA_BLOCK_SIZE,
  numberText,
  readMetadataBlock,
  thinFault,
} from './thin-block.js';

/** `struct thin_disk_superblock` (dm-thin-metadata.c), little-endian. */
const MAGIC = 27022010;
const CHECKSUM_XOR = 160774;
const MIN_VERSION = 1;
const MAX_VERSION = 2;
const BLOCK_NUMBER_POSITION = 8;
const MAGIC_POSITION = 32;
const VERSION_POSITION = 40;
const TIME_POSITION = 44;
const TRANSACTION_POSITION = 48;
const HELD_ROOT_POSITION = 56;
const MAPPING_ROOT_POSITION = 320;
const DETAILS_ROOT_POSITION = 328;
const DATA_BLOCK_SIZE_POSITION = 336;
const METADATA_BLOCK_SIZE_POSITION = 340;
const INCOMPATIBLE_FLAGS_POSITION = 360;

const SUPERBLOCK = 0;
/** dm-thin.c: data blocks are multiples of 64 KiB up to 1 GiB. */
const MIN_DATA_BLOCK_SECTORS = 128;
const MAX_DATA_BLOCK_SECTORS = 1 << 21;

const NOT_METADATA = 'give the metadata of a thin pool: its _tmeta device, or an image of it';

/** What a pool's metadata says of itself. Roots are metadata block numbers, inside the device and not 0. */
export interface ThinSuperblock {
  readonly version: number;
  /** Counts the snapshots taken; mappings and devices carry it as their time. */
  readonly time: number;
  readonly transactionId: number;
  /** The block with the metadata snapshot's superblock; 0 if none is reserved. */
  readonly heldRoot: number;
  /** Of the two-level tree: device id → mapping tree. */
  readonly mappingRoot: number;
  /** Of the tree: device id → details. */
  readonly detailsRoot: number;
  /** Bytes of a data block: the unit of all mappings. */
  readonly dataBlockSize: number;
}

/**
 * Reads the superblock of a thin pool's metadata and checks it as the kernel does (dm-thin-metadata.c, `sb_check`).
 * Throws `LvmError` with block and byte: not thin metadata, a wrong checksum, another version, absurd sizes, roots
 * outside the device.
 */
export function readThinSuperblock(metadata: RandomAccessReader): ThinSuperblock {
  if (metadata.size >= METADATA_BLOCK_SIZE) return readAt(metadata, SUPERBLOCK);
  throw thinFault(metadata, SUPERBLOCK, 0, `not thin metadata: only ${metadata.size} bytes`, NOT_METADATA);
}

/**
 * Reads the superblock of the metadata snapshot: the pool as it was when that was reserved, which the kernel leaves
 * alone until it is released (dm-thin-metadata.c, `__reserve_metadata_snap`).
 * Throws as {@link readThinSuperblock}, and if none is reserved.
 */
export function readHeldSuperblock(metadata: RandomAccessReader): ThinSuperblock {
  const { heldRoot } = readThinSuperblock(metadata);
  if (heldRoot !== 0) return readAt(metadata, heldRoot);
  const hint = 'reserve one with: dmsetup message POOL 0 reserve_metadata_snap';
  throw thinFault(metadata, SUPERBLOCK, HELD_ROOT_POSITION, 'holds no metadata snapshot', hint);
}

function readAt(metadata: RandomAccessReader, block: number): ThinSuperblock {
  const view = readMetadataBlock(metadata, block);
  checkIdentity(metadata, block, view);
  const root = (at: number): number => rootAt(metadata, block, view, at);
  return {
    version: view.getUint32(VERSION_POSITION, true),
    time: view.getUint32(TIME_POSITION, true),
    transactionId: decodeU64(view, TRANSACTION_POSITION, true),
    heldRoot: view.getBigUint64(HELD_ROOT_POSITION, true) === 0n ? 0 : root(HELD_ROOT_POSITION),
    mappingRoot: root(MAPPING_ROOT_POSITION),
    detailsRoot: root(DETAILS_ROOT_POSITION),
    dataBlockSize: dataBlockSizeOf(metadata, block, view),
  };
}

/** The magic number first: what has another one is something else, and not damaged. */
function checkIdentity(metadata: RandomAccessReader, block: number, view: DataView<ArrayBuffer>): void {
  const fail = (at: number, what: string, hint?: string) => thinFault(metadata, block, at, what, hint);
  const hint = block === SUPERBLOCK ? NOT_METADATA : DAMAGED_METADATA;
  const magic = decodeU64(view, MAGIC_POSITION, true);
  if (magic !== MAGIC)
    throw fail(MAGIC_POSITION, `not thin metadata: its magic number is ${numberText(magic)}`, hint);
  if (!hasChecksum(new Int32Array(view.buffer), CHECKSUM_XOR))
    throw fail(0, 'the superblock has a wrong checksum');
  const belongs = decodeU64(view, BLOCK_NUMBER_POSITION, true);
  if (belongs !== block)
    throw fail(BLOCK_NUMBER_POSITION, `a superblock that belongs in block ${numberText(belongs)}`);
  checkVersion(view, fail);
}

function checkVersion(
  view: DataView<ArrayBuffer>,
  fail: (at: number, what: string, hint?: string) => Error,
): void {
  const version = view.getUint32(VERSION_POSITION, true);
  const hint = `versions ${MIN_VERSION} and ${MAX_VERSION} without further features are known`;
  if (version < MIN_VERSION || version > MAX_VERSION)
    throw fail(VERSION_POSITION, `thin metadata of version ${version}`, hint);
  const flags = view.getUint32(INCOMPATIBLE_FLAGS_POSITION, true);
  if (flags !== 0) throw fail(INCOMPATIBLE_FLAGS_POSITION, `thin metadata with features ${flags}`, hint);
  const sectors = view.getUint32(METADATA_BLOCK_SIZE_POSITION, true);
  if (sectors * SECTOR_SIZE !== METADATA_BLOCK_SIZE)
    throw fail(METADATA_BLOCK_SIZE_POSITION, `metadata blocks of ${sectors} sectors`, hint);
}

function rootAt(
  metadata: RandomAccessReader,
  block: number,
  view: DataView<ArrayBuffer>,
  at: number,
): number {
  const root = decodeU64(view, at, true);
  if (root > 0 && root < countBlocks(metadata)) return root;
  const where =
    root === 0 ? 'is block 0' : `lies past the end of the device (${countBlocks(metadata)} blocks)`;
  throw thinFault(metadata, block, at, `root ${numberText(root)} ${where}`);
}

function dataBlockSizeOf(metadata: RandomAccessReader, block: number, view: DataView<ArrayBuffer>): number {
  const sectors = view.getUint32(DATA_BLOCK_SIZE_POSITION, true);
  const sane = sectors > 0 && sectors <= MAX_DATA_BLOCK_SECTORS && sectors % MIN_DATA_BLOCK_SECTORS === 0;
  if (sane) return sectors * SECTOR_SIZE;
  throw thinFault(metadata, block, DATA_BLOCK_SIZE_POSITION, `absurd data block size of ${sectors} sectors`);
}
