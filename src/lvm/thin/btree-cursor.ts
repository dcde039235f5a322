import type { RandomAccessReader } from '../../algebra/random-access.js';
import {
  blockAt,
  type BtreeNode,
  countCommon,
  createNode,
  keyAt,
  keyPosition,
  type NodeReader,
} from './btree-node.js';
import { thinFault } from './thin-block.js';

/** A fan-out of 2 would hold more than any pool in this many levels; dm-btree keeps nodes a third full. */
const MAX_HEIGHT = 32;

/** The metadata that trees are read from. */
export interface BtreeSource {
  readonly metadata: RandomAccessReader;
  readonly readNode: NodeReader;
}

/** A node that a cursor is in, or was and has its memory; its keys are below `upper`. */
interface Level {
  readonly node: BtreeNode;
  upper: number;
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
  #depth = 0;
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
    const { block } = this;
    const upper = this.#upper();
    const level = (this.#levels[this.#depth] ??= { node: createNode(), upper, index: 0 });
    this.#source.readNode(block, level.node);
    this.#check(level.node, upper);
    level.upper = upper;
    level.index = 0;
    this.height -= 1;
    this.#depth += 1;
    this.#level = level;
    this.#settle();
  }

  /** Goes on past the entry or the subtree, and past more of the node that it is in: `count` in all. */
  skip(count = 1): void {
    if (this.#level !== undefined) this.#level.index += count;
    this.#settle();
  }

  /**
   * Goes on, with another cursor, past the subtrees that the two have in common from where they stand on, as far as the
   * nodes that they are in reach. False if there are none. What differs in its bounds alone is not in common: whoever
   * goes down finds out whether that is damage.
   */
  skipCommon(other: BtreeCursor): boolean {
    if (this.height === 0 || this.height !== other.height) return false;
    const common = this.#countShared(other);
    if (common === 0) return false;
    this.skip(common);
    other.skip(common);
    return true;
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

  /** Goes down to the last entry, passing by the rest; to the end of a tree without entries. */
  toLast(): void {
    while (this.height > 0) {
      this.descend();
      if (this.#level !== undefined) this.skip(this.#level.node.count - 1 - this.#level.index);
    }
  }

  /** Whether it stands on an entry, and not on a subtree or at the end. */
  get onEntry(): boolean {
    return this.height === 0 && this.#level !== undefined;
  }

  /** The leaf that the cursor's entry is in; it is the cursor's, and another one once that has gone down again. */
  get leaf(): BtreeNode {
    return this.#level!.node;
  }

  /** Which entry of the leaf it is. */
  get index(): number {
    return this.#level!.index;
  }

  #countShared(other: BtreeCursor): number {
    const own = this.#level;
    const others = other.#level;
    if (own === undefined || others === undefined) return Number(this.#isShared(other));
    const common = countCommon(own.node, own.index, others.node, others.index);
    return common === 0 || this.#upper(common) === other.#upper(common) ? common : common - 1;
  }

  #isShared(other: BtreeCursor): boolean {
    return this.key === other.key && this.#upper() === other.#upper() && this.block === other.block;
  }

  /** Leaves the nodes that are done, and stands on the next entry or subtree. */
  #settle(): void {
    while (this.#level !== undefined && this.#level.index >= this.#level.node.count) {
      this.#depth -= 1;
      this.#level = this.#levels[this.#depth - 1];
      this.height += 1;
      if (this.#level !== undefined) this.#level.index += 1;
    }
    if (this.#level === undefined) this.#end();
    else this.key = keyAt(this.#level.node, this.#level.index);
  }

  #end(): void {
    this.key = Infinity;
    this.height = 0;
  }

  /** No key of the subtree reaches this, nor of `count` subtrees from it on. */
  #upper(count = 1): number {
    if (this.#level === undefined) return Infinity;
    const { node, index, upper } = this.#level;
    return index + count < node.count ? keyAt(node, index + count) : upper;
  }

  #check(node: BtreeNode, upper: number): void {
    const { metadata } = this.#source;
    if (node.leaf !== (this.height === 1))
      throw thinFault(metadata, node.block, 4, node.leaf ? 'a leaf above others' : 'no leaf at their depth');
    if (node.leaf && node.valueSize !== this.#valueSize)
      throw thinFault(metadata, node.block, 24, `values of ${node.valueSize} bytes, not ${this.#valueSize}`);
    const last = node.count - 1;
    const wrong = last < 0 ? -1 : keyAt(node, 0) < this.key ? 0 : keyAt(node, last) >= upper ? last : -1;
    if (wrong < 0) return;
    const what = `key ${keyAt(node, wrong)} is outside the bounds that its parents set, ${this.key} to ${upper}`;
    throw thinFault(metadata, node.block, keyPosition(wrong), what);
  }
}

/** Nodes on the way from the root to a leaf, which is as long everywhere. */
function measureHeight({ metadata, readNode }: BtreeSource, root: number): number {
  const node = createNode();
  let block = root;
  for (let height = 1; height <= MAX_HEIGHT; height += 1) {
    readNode(block, node);
    if (node.leaf) return height;
    block = blockAt(metadata, node, 0);
  }
  throw thinFault(metadata, root, 0, `a B-tree of more than ${MAX_HEIGHT} levels: its nodes form a loop`);
}
