import type { RandomAccessReader } from '../../algebra/random-access.js';
import { createBlockReader } from './read-ahead.js';
import { countBlocks, hasChecksum, METADATA_BLOCK_SIZE, numberText, thinFault } from './thin-block.js';

/**
 * `struct node_header` (dm-btree-internal.h), little-endian, in words of four bytes: checksum, flags, u64 block number,
 * entries, most entries, bytes of a value, padding; then as many keys of u64 as there may be, then the values.
 */
const FLAGS = 1;
const BLOCK_NUMBER = 2;
const ENTRIES = 4;
const MAX_ENTRIES = 5;
const VALUE_SIZE = 6;
const FIRST_KEY = 8;
const WORD = 4;
const KEY_SIZE = 8;
/** Of a mapping, below its data block (dm-thin-metadata.c, `pack_block_time`). */
const TIME_BITS = 24;
/** The high word of 2^53. */
const HIGH_LIMIT = 2 ** 21;
const CHECKSUM_XOR = 121107;
const INTERNAL = 1;
const LEAF = 2;
/** Internal nodes hold block numbers. */
const CHILD_SIZE = 8;

/**
 * A node of a B-tree, checked: its keys ascend, and all of it lies inside its block. Whoever made it reads others into
 * it.
 */
export interface BtreeNode {
  block: number;
  leaf: boolean;
  /** Entries. */
  count: number;
  valueSize: number;
  /** Where in the block the values begin, in words. */
  values: number;
  /** The block. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * The same, signed, since V8 never boxes such numbers, and in the machine's byte order, which must be the
   * disk's.
   */
  readonly words: Int32Array<ArrayBuffer>;
}

/**
 * Reads a node into memory of the caller's. The block must lie inside the device. Throws `LvmError` with block and
 * byte.
 */
export type NodeReader = (block: number, into: BtreeNode) => void;

/** Memory for a node at a time. */
export function createNode(): BtreeNode {
  const buffer = new ArrayBuffer(METADATA_BLOCK_SIZE);
  return {
    block: 0,
    leaf: true,
    count: 0,
    valueSize: 0,
    values: 0,
    bytes: new Uint8Array(buffer),
    words: new Int32Array(buffer),
  };
}

/** A reader of nodes. Keeps 512 KiB of blocks. */
export function createNodeReader(metadata: RandomAccessReader): NodeReader {
  const readBlock = createBlockReader(metadata);
  return (block, into) => {
    readBlock(block, into.bytes);
    checkNode(metadata, block, into);
  };
}

/** The checks of dm-btree-spine.c (`node_check`), and that the keys ascend. */
function checkNode(metadata: RandomAccessReader, block: number, node: BtreeNode): void {
  const { words } = node;
  const fail = (word: number, what: string) => thinFault(metadata, block, word * WORD, what);
  if (!hasChecksum(words, CHECKSUM_XOR)) throw fail(0, 'a B-tree node has a wrong checksum');
  const belongs = u64At(words, BLOCK_NUMBER);
  if (belongs !== block) throw fail(BLOCK_NUMBER, `a node that belongs in block ${numberText(belongs)}`);
  const flags = words[FLAGS]! >>> 0;
  if (flags !== INTERNAL && flags !== LEAF) throw fail(FLAGS, `a node with flags ${flags}`);
  node.block = block;
  node.leaf = flags === LEAF;
  readSizes(node, fail);
  checkKeys(node, fail);
}

type Fail = (word: number, what: string) => Error;

function readSizes(node: BtreeNode, fail: Fail): void {
  const { words, leaf } = node;
  const count = words[ENTRIES]! >>> 0;
  const maxCount = words[MAX_ENTRIES]! >>> 0;
  const valueSize = words[VALUE_SIZE]! >>> 0;
  if (FIRST_KEY * WORD + maxCount * (KEY_SIZE + valueSize) > METADATA_BLOCK_SIZE)
    throw fail(MAX_ENTRIES, `${maxCount} entries with values of ${valueSize} bytes don't fit a node`);
  if (count > maxCount) throw fail(ENTRIES, `${count} entries in a node for ${maxCount}`);
  if (!leaf && count === 0) throw fail(ENTRIES, 'an internal node without entries');
  if (!leaf && valueSize !== CHILD_SIZE)
    throw fail(VALUE_SIZE, `an internal node with values of ${valueSize} bytes`);
  node.count = count;
  node.valueSize = valueSize;
  node.values = FIRST_KEY + 2 * maxCount;
}

function checkKeys(node: BtreeNode, fail: Fail): void {
  const { words, count } = node;
  const end = FIRST_KEY + 2 * count;
  /** Below a key of 0. */
  let low = -1;
  let high = 0;
  for (let at = FIRST_KEY; at < end; at += 2) {
    const keyHigh = words[at + 1]! >>> 0;
    const keyLow = words[at]! >>> 0;
    const ascends = keyHigh > high || (keyHigh === high && keyLow > low);
    if (!ascends || keyHigh >= HIGH_LIMIT) throw fail(at, keyFault(words, at));
    high = keyHigh;
    low = keyLow;
  }
}

function keyFault(words: Int32Array, at: number): string {
  const key = u64At(words, at);
  return Number.isNaN(key) ? 'a key of 2^53 or more' : `key ${key} follows key ${u64At(words, at - 2)}`;
}

/** The key of entry `index`, which the node must have. */
export function keyAt({ words }: BtreeNode, index: number): number {
  return u64At(words, FIRST_KEY + 2 * index);
}

/** NaN for 2^53 or more. */
function u64At(words: Int32Array, at: number): number {
  const high = words[at + 1]! >>> 0;
  const low = words[at]! >>> 0;
  if (high === 0) return low;
  return high < HIGH_LIMIT ? high * 2 ** 32 + low : Number.NaN;
}

/** The values from entry `index` on, which the next node that is read into this one takes the place of. */
export function valuesAt({ bytes, values, valueSize }: BtreeNode, index: number): DataView {
  return new DataView(bytes.buffer, values * WORD + index * valueSize);
}

/** Byte of the block where key `index` stands. */
export function keyPosition(index: number): number {
  return FIRST_KEY * WORD + index * KEY_SIZE;
}

/** The block number that entry `index` holds, which must be inside the device. Throws `LvmError`. */
export function blockAt(metadata: RandomAccessReader, node: BtreeNode, index: number): number {
  const at = node.values + 2 * index;
  const block = u64At(node.words, at);
  if (block > 0 && block < countBlocks(metadata)) return block;
  const where =
    block === 0 ? 'is the superblock' : `lies past the end of the device (${countBlocks(metadata)} blocks)`;
  throw thinFault(metadata, node.block, at * WORD, `block ${numberText(block)} ${where}`);
}

/**
 * How many entries from these on two internal nodes, or two leaves of mappings, have in common: the same keys, and the
 * same children or data blocks; when those were mapped does not matter.
 */
export function countCommon(node: BtreeNode, index: number, other: BtreeNode, otherIndex: number): number {
  const { words } = node;
  const others = other.words;
  const ignored = node.leaf ? TIME_BITS : 0;
  const most = Math.min(node.count - index, other.count - otherIndex);
  let key = FIRST_KEY + 2 * index;
  let otherKey = FIRST_KEY + 2 * otherIndex;
  let value = node.values + 2 * index;
  let otherValue = other.values + 2 * otherIndex;
  let common = 0;
  while (
    common < most &&
    words[key] === others[otherKey] &&
    words[key + 1] === others[otherKey + 1] &&
    words[value]! >> ignored === others[otherValue]! >> ignored &&
    words[value + 1] === others[otherValue + 1]
  ) {
    common += 1;
    key += 2;
    otherKey += 2;
    value += 2;
    otherValue += 2;
  }
  return common;
}
