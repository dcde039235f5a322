import type { RandomAccessReader } from '../algebra/random-access.js';
import { blockAt, type BtreeNode, keyPosition, type NodeReader } from './btree-node.js';
import { thinFault } from './thin-block.js';

/** A fan-out of 2 would hold more than any pool in this many levels; dm-btree keeps nodes a third full. */
const MAX_HEIGHT = 32;

/** Of a mapping, below its data block (dm-thin-metadata.c, `pack_block_time`). */
const TIME_BITS = 24;

/** The metadata that trees are read from. */
export interface BtreeSource {
  readonly metadata: RandomAccessReader;
  readonly readNode: NodeReader;
}

/** A node that a cursor is in; its keys are below `upper`. */
interface Level {
  readonly node: BtreeNode;
  readonly upper: number;
  index: number;
}

/**
 * A cursor over a B-tree in ascending order of keys that stands on a whole subtree until it is told to go down: what
 * need not be looked at is never read. It begins on the whole tree.
 *
 * A subtree with the same block number in two trees holds the same entries: dm-btree never changes a shared node.
 * Every leaf is as deep as every other, every key inside the bounds that its parents set: anything else is damage, so
 * no loop in the metadata can hold a cursor up. Throws `LvmError` with block and byte.
 */
export class BtreeCursor {
  /** Of the entry, or the least that the subtree can hold; `Infinity` at the end. */
  key = 0;
  /** Levels of nodes in the subtree; 0 if the cursor stands on an entry of a leaf, or at the end. */
  height: number;
  readonly #source: BtreeSource;
  readonly #root: number;
  readonly #valueSize: number;
  readonly #levels: Level[] = [];
  #level: Level | undefined;

  /** `valueSize` is what the tree's leaves must hold, in bytes; without a root the tree is empty. */
  constructor(source: BtreeSource, root: number | undefined, valueSize: number) {
    this.#source = source;
    this.#valueSize = valueSize;
    this.#root = root ?? 0;
    this.height = root === undefined ? 0 : measureHeight(source, root);
    if (root === undefined) this.key = Infinity;
  }

  /** The subtree's block. */
  get block(): number {
    return this.#level === undefined
      ? this.#root
      : blockAt(this.#source.metadata, this.#level.node, this.#level.index);
  }

  /** Goes from the subtree to its first entry or subtree. */
  descend(): void {
    const upper = this.#upper();
    const node = this.#source.readNode(this.block);
    this.#check(node, upper);
    this.height -= 1;
    this.#level = { node, upper, index: 0 };
    this.#levels.push(this.#level);
    this.#settle();
  }

  /** Goes on past the entry or the subtree. */
  skip(): void {
    if (this.#level !== undefined) this.#level.index += 1;
    this.#settle();
  }

  /**
   * Goes on, with another cursor that stands on the same mapping or subtree, past that and past all that the two go on
   * to have in common in the nodes that they are in.
   */
  skipWith(other: BtreeCursor): void {
    const [own, others] = [this.#level, other.#level];
    if (own !== undefined && others !== undefined) {
      const common = countCommon(own, others);
      own.index += common - 1;
      others.index += common - 1;
    }
    this.skip();
    other.skip();
  }

  /** Goes down to the entry with this key, passing by the rest. False if the tree has none. */
  find(key: number): boolean {
    while (this.key <= key) {
      if (this.#upper() <= key) this.skip();
      else if (this.height > 0) this.descend();
      else return this.key === key;
    }
    return false;
  }

  /** The leaf that the cursor's entry is in, and where its value begins. */
  value(): { readonly node: BtreeNode; readonly index: number; readonly position: number } {
    const { node, index } = this.#level!;
    return { node, index, position: node.values + index * this.#valueSize };
  }

  /** The data block of the entry's mapping. */
  dataBlock(): number {
    const { node, index } = this.#level!;
    const at = node.values + index * 8;
    return node.view.getUint32(at + 4, true) * 0x100 + (node.view.getUint32(at, true) >>> TIME_BITS);
  }

  /** Leaves the nodes that are done, and stands on the next entry or subtree. */
  #settle(): void {
    while (this.#level !== undefined && this.#level.index >= this.#level.node.keys.length) {
      this.#levels.pop();
      this.#level = this.#levels.at(-1);
      this.height += 1;
      if (this.#level !== undefined) this.#level.index += 1;
    }
    if (this.#level === undefined) this.#end();
    else this.key = this.#level.node.keys[this.#level.index]!;
  }

  #end(): void {
    this.key = Infinity;
    this.height = 0;
  }

  /** No key of the subtree reaches this. */
  #upper(): number {
    if (this.#level === undefined) return Infinity;
    return this.#level.node.keys[this.#level.index + 1] ?? this.#level.upper;
  }

  #check(node: BtreeNode, upper: number): void {
    const { metadata } = this.#source;
    if (node.leaf !== (this.height === 1))
      throw thinFault(metadata, node.block, 4, node.leaf ? 'a leaf above others' : 'no leaf at their depth');
    if (node.leaf && node.valueSize !== this.#valueSize)
      throw thinFault(metadata, node.block, 24, `values of ${node.valueSize} bytes, not ${this.#valueSize}`);
    const last = node.keys.length - 1;
    const wrong = last < 0 ? -1 : node.keys[0]! < this.key ? 0 : node.keys[last]! >= upper ? last : -1;
    if (wrong < 0) return;
    const what = `key ${node.keys[wrong]!} is outside the bounds that its parents set, ${this.key} to ${upper}`;
    throw thinFault(metadata, node.block, keyPosition(wrong), what);
  }
}

/** Entries that both have in common from where they stand on; the first one is known to be. */
function countCommon(left: Level, right: Level): number {
  const most = Math.min(left.node.keys.length - left.index, right.node.keys.length - right.index);
  let common = 1;
  while (common < most && isCommon(left, right, common)) common += 1;
  return common;
}

/** Whether the entries so many places on have the same key, and the same child or data block. */
function isCommon({ node, index }: Level, other: Level, on: number): boolean {
  if (node.keys[index + on] !== other.node.keys[other.index + on]) return false;
  const at = node.values + (index + on) * 8;
  const otherAt = other.node.values + (other.index + on) * 8;
  const ignored = node.leaf ? TIME_BITS : 0;
  return (
    node.view.getUint32(at + 4, true) === other.node.view.getUint32(otherAt + 4, true) &&
    node.view.getUint32(at, true) >>> ignored === other.node.view.getUint32(otherAt, true) >>> ignored
  );
}

/** Nodes on the way from the root to a leaf, which is as long everywhere. */
function measureHeight({ metadata, readNode }: BtreeSource, root: number): number {
  let node = readNode(root);
  for (let height = 1; height <= MAX_HEIGHT; height += 1) {
    if (node.leaf) return height;
    node = readNode(blockAt(metadata, node, 0));
  }
  throw thinFault(metadata, root, 0, `a B-tree of more than ${MAX_HEIGHT} levels: its nodes form a loop`);
}
