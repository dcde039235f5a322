import { endianness } from 'node:os';
import type { RandomAccessReader } from '../../algebra/random-access.js';
import { LvmError } from '../../errors.js';
import { decodeU64 } from '../../format/record.js';
import { BtreeCursor, type BtreeSource } from './btree-cursor.js';
import { blockAt, createNodeReader, valuesAt } from './btree-node.js';
import { compareMappings, type MappingRun } from './thin-difference.js';
import { readHeldSuperblock, readThinSuperblock, type ThinSuperblock } from './thin-superblock.js';

/** u64 values: a root of a mapping tree, or data block << 24 | time. */
const ROOT_SIZE = 8;
const MAPPING_SIZE = 8;
const MAX_MAPPING_TIME = 0xffffff;
/** `struct disk_device_details`: u64 mapped blocks, u64 transaction id, u32 creation and u32 snapshotted time. */
const DETAILS_SIZE = 24;
/** Device ids that a message names. */
const MAX_NAMED = 16;

/**
 * The metadata of a thin pool, open for reading. Keeps 512 KiB of it in memory, and a block for each level of a tree
 * that is gone through.
 */
export interface ThinMetadata extends BtreeSource {
  readonly superblock: ThinSuperblock;
}

/** A thin volume or snapshot as its pool knows it. */
export interface ThinDevice {
  readonly id: number;
  /** Data blocks that it has, shared ones included. */
  readonly mappedBlocks: number;
  /** Of the pool, when the device was made. */
  readonly transactionId: number;
  /** The pool's count of snapshots when the device was made, and when it was last snapshotted. */
  readonly creationTime: number;
  readonly snapshottedTime: number;
}

export interface ThinMetadataOptions {
  /**
   * Read the metadata snapshot, which stays as it is while the pool is in use, instead of the metadata itself. Needed
   * of a live pool, and of an image that was taken of one.
   */
  readonly metadataSnapshot?: boolean;
}

/**
 * Opens the metadata of a thin pool (dm-thin-metadata.c): its `_tmeta` device, or an image of it. The device stays
 * the caller's, and must stay open. Reads whole blocks of 4096 bytes at multiples of that. Of a live pool, read past
 * the page cache, which goes stale. Throws `LvmError` with metadata block and byte if it is no such metadata, and on
 * a big-endian machine.
 */
export function openThinMetadata(
  metadata: RandomAccessReader,
  { metadataSnapshot = false }: ThinMetadataOptions = {},
): ThinMetadata {
  if (endianness() === 'BE')
    throw new LvmError(`${metadata.name}: thin metadata can't be read on a big-endian machine`, {
      hint: 'read an image of it on another one',
    });
  const superblock = metadataSnapshot ? readHeldSuperblock(metadata) : readThinSuperblock(metadata);
  return { metadata, readNode: createNodeReader(metadata), superblock };
}

/** The pool's devices by ascending id. Throws `LvmError` where the metadata is damaged. */
export function* listThinDevices(pool: ThinMetadata): Generator<ThinDevice, void, undefined> {
  const cursor = new BtreeCursor(pool, pool.superblock.detailsRoot, DETAILS_SIZE);
  while (cursor.key < Infinity) {
    if (cursor.height > 0) cursor.descend();
    else {
      yield deviceAt(cursor);
      cursor.skip();
    }
  }
}

function deviceAt(cursor: BtreeCursor): ThinDevice {
  const view = valuesAt(cursor.leaf, cursor.index);
  return {
    id: cursor.key,
    mappedBlocks: decodeU64(view, 0, true),
    transactionId: decodeU64(view, 8, true),
    creationTime: view.getUint32(16, true),
    snapshottedTime: view.getUint32(20, true),
  };
}

/**
 * Whether a device was made as a snapshot and nothing was written to it since: all that it maps is older than it. What is
 * written gets the pool's time, which each new snapshot raises before it gets it (dm-thin-metadata.c, `__create_snap`).
 * False of one that maps nothing: nobody can tell. Reads all of its mappings. Throws `LvmError`.
 */
export function isUnwrittenSnapshot(pool: ThinMetadata, id: number): boolean {
  const devices = new BtreeCursor(pool, pool.superblock.detailsRoot, DETAILS_SIZE);
  if (!devices.find(id)) throw noDevice(pool, id);
  const { creationTime } = deviceAt(devices);
  const mappings = cursorOf(pool, id);
  let isMapped = false;
  while (mappings.key < Infinity) {
    if (mappings.height > 0) {
      mappings.descend();
      continue;
    }
    if (timeOf(mappings) >= creationTime) return false;
    isMapped = true;
    mappings.skip();
  }
  return isMapped && creationTime <= MAX_MAPPING_TIME;
}

/** The time is the lower 24 bits of a mapping. */
function timeOf({ leaf, index }: BtreeCursor): number {
  return valuesAt(leaf, index).getUint32(0, true) & MAX_MAPPING_TIME;
}

/**
 * Where two devices of a pool are mapped differently, in data blocks (`superblock.dataBlockSize`), ascending, up to
 * the last block that either maps: that may lie past a volume's end. Reads only what differs, and the ways there.
 * A left device of `undefined` is one without mappings, so that all of the right one differs.
 * Throws `LvmError`: no such device; damaged metadata, also in between.
 */
export function thinDifference(
  pool: ThinMetadata,
  left: number | undefined,
  right: number,
): Generator<MappingRun, void, undefined> {
  return compareMappings(cursorOf(pool, left), cursorOf(pool, right));
}

/** The first block behind all that a device maps: 0 where it maps nothing. Reads a node a level. Throws `LvmError`. */
export function mappedEnd(pool: ThinMetadata, id: number): number {
  const cursor = cursorOf(pool, id);
  cursor.toLast();
  return cursor.onEntry ? cursor.key + 1 : 0;
}

function cursorOf(pool: ThinMetadata, id: number | undefined): BtreeCursor {
  return new BtreeCursor(pool, id === undefined ? undefined : mappingRootOf(pool, id), MAPPING_SIZE);
}

function mappingRootOf(pool: ThinMetadata, id: number): number {
  const devices = new BtreeCursor(pool, pool.superblock.mappingRoot, ROOT_SIZE);
  if (!devices.find(id)) throw noDevice(pool, id);
  return blockAt(pool.metadata, devices.leaf, devices.index);
}

function noDevice(pool: ThinMetadata, id: number): LvmError {
  const ids: number[] = [];
  for (const device of listThinDevices(pool)) if (ids.push(device.id) > MAX_NAMED) break;
  const named = ids.slice(0, MAX_NAMED).join(', ') + (ids.length > MAX_NAMED ? ', …' : '');
  return new LvmError(`${pool.metadata.name}: the pool has no thin device ${id}`, {
    hint: ids.length === 0 ? 'it has none at all' : `it has ${named}`,
  });
}
