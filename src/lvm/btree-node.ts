import type { RandomAccessReader } from '../algebra/random-access.js';
import { decodeU64 } from '../format/record.js';
import { countBlocks, hasChecksum, METADATA_BLOCK_SIZE, numberText, thinFault } from './thin-block.js';
import { type BlockReader, createBlockReader } from './read-ahead.js';

/** `struct node_header` (dm-btree-internal.h), little-endian; then `max_entries` keys of u64, then the values. */
const CHECKSUM_XOR = 121107;
const FLAGS_POSITION = 4;
const BLOCK_NUMBER_POSITION = 8;
const ENTRIES_POSITION = 16;
const MAX_ENTRIES_POSITION = 20;
const VALUE_SIZE_POSITION = 24;
const HEADER_SIZE = 32;
const KEY_SIZE = 8;
const INTERNAL = 1;
const LEAF = 2;
/** Internal nodes hold block numbers. */
const CHILD_SIZE = 8;

/** Nodes that are kept, each with the 64 KiB at most that it was read with. */
const KEPT = 256;

/** A node of a B-tree, checked: its keys ascend, and all of it lies inside its block. */
export interface BtreeNode {
  readonly block: number;
  readonly leaf: boolean;
  readonly keys: Float64Array;
  readonly valueSize: number;
  readonly view: DataView;
  /** Where in `view` the values begin. */
  readonly values: number;
}

/** Reads nodes by their block number, which must lie inside the device. Throws `LvmError` with block and byte. */
export type NodeReader = (block: number) => BtreeNode;

/** A node reader that keeps the 256 nodes that were used last, in at most 18 MiB. */
export function createNodeReader(metadata: RandomAccessReader): NodeReader {
  const readBlock = createBlockReader(metadata);
  const kept = new Map<number, BtreeNode>();
  return (block) => {
    const node = kept.get(block) ?? readNode(metadata, readBlock, block);
    kept.delete(block);
    kept.set(block, node);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
    return node;
  };
}

/** The checks of dm-btree-spine.c (`node_check`), and that the keys ascend. */
function readNode(metadata: RandomAccessReader, readBlock: BlockReader, block: number): BtreeNode {
  const view = readBlock(block);
  const fail = (at: number, what: string) => thinFault(metadata, block, at, what);
  if (!hasChecksum(view, CHECKSUM_XOR)) throw fail(0, 'a B-tree node has a wrong checksum');
  const belongs = decodeU64(view, BLOCK_NUMBER_POSITION, true);
  if (belongs !== block)
    throw fail(BLOCK_NUMBER_POSITION, `a node that belongs in block ${numberText(belongs)}`);
  const flags = view.getUint32(FLAGS_POSITION, true);
  if (flags !== INTERNAL && flags !== LEAF) throw fail(FLAGS_POSITION, `a node with flags ${flags}`);
  const leaf = flags === LEAF;
  const { count, maxCount, valueSize } = readSizes(view, leaf, fail);
  const keys = readKeys(view, count, fail);
  return { block, leaf, keys, valueSize, view, values: HEADER_SIZE + maxCount * KEY_SIZE };
}

type Fail = (at: number, what: string) => Error;

function readSizes(view: DataView, leaf: boolean, fail: Fail) {
  const count = view.getUint32(ENTRIES_POSITION, true);
  const maxCount = view.getUint32(MAX_ENTRIES_POSITION, true);
  const valueSize = view.getUint32(VALUE_SIZE_POSITION, true);
  if (HEADER_SIZE + maxCount * (KEY_SIZE + valueSize) > METADATA_BLOCK_SIZE)
    throw fail(
      MAX_ENTRIES_POSITION,
      `${maxCount} entries with values of ${valueSize} bytes don't fit a node`,
    );
  if (count > maxCount) throw fail(ENTRIES_POSITION, `${count} entries in a node for ${maxCount}`);
  if (!leaf && count === 0) throw fail(ENTRIES_POSITION, 'an internal node without entries');
  if (!leaf && valueSize !== CHILD_SIZE)
    throw fail(VALUE_SIZE_POSITION, `an internal node with values of ${valueSize} bytes`);
  return { count, maxCount, valueSize };
}

function readKeys(view: DataView, count: number, fail: Fail): Float64Array {
  const keys = new Float64Array(count);
  let last = -1;
  for (let i = 0; i < count; i += 1) {
    const at = HEADER_SIZE + i * KEY_SIZE;
    const key = decodeU64(view, at, true);
    if (!(key > last)) throw fail(at, keyFault(key, last));
    keys[i] = key;
    last = key;
  }
  return keys;
}

function keyFault(key: number, last: number): string {
  return Number.isNaN(key) ? 'a key of 2^53 or more' : `key ${key} follows key ${last}`;
}

/** Byte of the block where key `index` stands. */
export function keyPosition(index: number): number {
  return HEADER_SIZE + index * KEY_SIZE;
}

/** The block number that entry `index` holds, which must be inside the device. Throws `LvmError`. */
export function blockAt(metadata: RandomAccessReader, node: BtreeNode, index: number): number {
  const at = node.values + index * CHILD_SIZE;
  const block = decodeU64(node.view, at, true);
  if (block > 0 && block < countBlocks(metadata)) return block;
  const where =
    block === 0 ? 'is the superblock' : `lies past the end of the device (${countBlocks(metadata)} blocks)`;
  throw thinFault(metadata, node.block, at, `block ${numberText(block)} ${where}`);
}
