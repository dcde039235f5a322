import { crc32c } from '../reference/crc32c.js';
import { BLOCK } from '../lvm/thin/metadata-builder.js';

/** Thin metadata by the book (dm-thin-metadata.c, dm-btree): nothing is passed by, every key is looked at. */

export interface ThinImage {
  /** Blocks of the device. */
  readonly count: number;
  /** Those that are not blank. */
  readonly blocks: ReadonlyMap<number, Buffer>;
}

/** What an image holds; a tree with a damaged node in it is undefined. */
export interface Naive {
  readonly details: readonly number[] | undefined;
  /** Device → root of its mappings, of the devices whose entry can be found. */
  readonly roots: ReadonlyMap<number, number>;
  /** Block → data block. */
  mappingsOf(id: number): ReadonlyMap<number, number> | undefined;
  /** Keys of the trees as far as they can be read, and those beside them. */
  keysOf(...ids: readonly (number | undefined)[]): ReadonlySet<number>;
  /** Every node that was come by, and the superblock. */
  readonly nodes: ReadonlySet<number>;
}

interface Node {
  readonly isLeaf: boolean;
  readonly keys: readonly bigint[];
  readonly values: readonly bigint[];
  readonly valueSize: number;
}

const LIMIT = 2n ** 53n;
const MAX_HEIGHT = 32;
const blank = Buffer.alloc(BLOCK);

const hasChecksum = (bytes: Buffer, xor: number): boolean =>
  bytes.readUInt32LE(0) === (crc32c(bytes.subarray(4)) ^ 0xffffffff ^ xor) >>> 0;

interface Superblock {
  readonly held: bigint;
  readonly mappings: bigint;
  readonly details: bigint;
}

/** The superblock in this block, if the kernel would take it. */
export function readSuperblock({ count, blocks }: ThinImage, block: number): Superblock | undefined {
  if (block >= count) return undefined;
  const bytes = blocks.get(block) ?? blank;
  const [version, dataSectors, sectors, flags] = [40, 336, 340, 360].map((at) => bytes.readUInt32LE(at)) as [
    number,
    number,
    number,
    number,
  ];
  const [held, mappings, details] = [56, 320, 328].map((at) => bytes.readBigUInt64LE(at)) as [
    bigint,
    bigint,
    bigint,
  ];
  const isInside = (root: bigint) => root > 0n && root < BigInt(count);
  const isGood =
    bytes.readBigUInt64LE(32) === 27022010n &&
    hasChecksum(bytes, 160774) &&
    bytes.readBigUInt64LE(8) === BigInt(block) &&
    (version === 1 || version === 2) &&
    flags === 0 &&
    sectors === 8 &&
    dataSectors > 0 &&
    dataSectors <= 2 ** 21 &&
    dataSectors % 128 === 0 &&
    (held === 0n || isInside(held)) &&
    isInside(mappings) &&
    isInside(details);
  return isGood ? { held, mappings, details } : undefined;
}

/** Nodes are looked at again and again. */
const known = new WeakMap<ThinImage, Map<number, Node | undefined>>();

function readNode(image: ThinImage, block: number): Node | undefined {
  const nodes = known.get(image) ?? new Map<number, Node | undefined>();
  known.set(image, nodes);
  if (!nodes.has(block)) nodes.set(block, decodeNode(image, block));
  return nodes.get(block);
}

/** dm-btree-spine.c, `node_check`. */
function decodeNode({ count, blocks }: ThinImage, block: number): Node | undefined {
  if (block <= 0 || block >= count) return undefined;
  const bytes = blocks.get(block) ?? blank;
  const flags = bytes.readUInt32LE(4);
  const [entries, most, valueSize] = [16, 20, 24].map((at) => bytes.readUInt32LE(at)) as [
    number,
    number,
    number,
  ];
  const isGood =
    hasChecksum(bytes, 121107) &&
    bytes.readBigUInt64LE(8) === BigInt(block) &&
    (flags === 1 || flags === 2) &&
    32 + most * (8 + valueSize) <= BLOCK &&
    entries <= most &&
    (flags === 2 || (entries > 0 && valueSize === 8));
  if (!isGood) return undefined;
  const indexes = Array.from({ length: entries }, (_, i) => i);
  const keys = indexes.map((i) => bytes.readBigUInt64LE(32 + 8 * i));
  const values = indexes.map((i) =>
    valueSize < 8 ? 0n : bytes.readBigUInt64LE(32 + 8 * most + valueSize * i),
  );
  const ascends = keys.every((key, i) => key < LIMIT && (i === 0 || key > keys[i - 1]!));
  return ascends ? { isLeaf: flags === 2, keys, values, valueSize } : undefined;
}

/** All entries of a tree whose leaves are as deep as one another and keep inside the bounds that their parents set. */
function walk(
  image: ThinImage,
  root: number,
  valueSize: number,
  nodes: Set<number>,
): [bigint, bigint][] | undefined {
  const entries: [bigint, bigint][] = [];
  let depth: number | undefined;
  const visit = (block: number, low: bigint, high: bigint, level: number): boolean => {
    const node = level > MAX_HEIGHT ? undefined : readNode(image, block);
    if (!node) return false;
    nodes.add(block);
    const { keys, values, isLeaf } = node;
    if (keys.some((key) => key < low || key >= high)) return false;
    if (!isLeaf)
      return keys.every((key, i) =>
        visit(Number(values[i]! < LIMIT ? values[i] : 0n), key, keys[i + 1] ?? high, level + 1),
      );
    if (node.valueSize !== valueSize || level !== (depth ??= level)) return false;
    keys.forEach((key, i) => entries.push([key, values[i]!]));
    return true;
  };
  return visit(root, 0n, LIMIT, 1) ? entries : undefined;
}

/** The value that the kernel finds (dm-btree.c, `dm_btree_lookup`): of a mapping, its data block. */
export function lookUp(image: ThinImage, root: number, key: number): number | undefined | 'damaged' {
  const value = find(image, root, BigInt(key));
  return typeof value === 'bigint' ? Number(value >> 24n) : value;
}

function find(image: ThinImage, root: number, key: bigint): bigint | undefined | 'damaged' {
  let block = root;
  for (let level = 1; level <= MAX_HEIGHT; level += 1) {
    const node = readNode(image, block);
    if (!node) return 'damaged';
    const index = node.keys.findLastIndex((each) => each <= key);
    if (index < 0) return undefined;
    if (node.isLeaf) return node.keys[index] === key ? node.values[index]! : undefined;
    block = Number(node.values[index]! < LIMIT ? node.values[index] : 0n);
  }
  return 'damaged';
}

/** Keys of all nodes that can be read from here on. */
function gatherKeys(image: ThinImage, block: number, seen: Set<number>, keys: Set<number>): void {
  const node = seen.has(block) ? undefined : readNode(image, block);
  if (!node) return;
  seen.add(block);
  for (const key of node.keys)
    for (const by of [-1, 0, 1]) if (Number(key) + by >= 0) keys.add(Number(key) + by);
  if (!node.isLeaf)
    for (const value of node.values) if (value < LIMIT) gatherKeys(image, Number(value), seen, keys);
}

/** The pool, or its metadata snapshot; undefined where a superblock is no good. */
export function decodeThin(image: ThinImage, held: boolean): Naive | undefined {
  const first = readSuperblock(image, 0);
  const at = held ? Number(first?.held ?? 0n) : 0;
  const superblock = held && at === 0 ? undefined : readSuperblock(image, at);
  if (!first || !superblock) return undefined;
  const nodes = new Set([0, at]);
  const top = Number(superblock.mappings);
  const devices = walk(image, top, 8, nodes) ?? [];
  const roots = new Map(devices.map(([id, root]) => [Number(id), Number(root < LIMIT ? root : 0n)]));
  return {
    details: walk(image, Number(superblock.details), 24, nodes)?.map(([id]) => Number(id)),
    roots,
    nodes,
    mappingsOf: (id) => {
      const entries = walk(image, roots.get(id)!, 8, nodes);
      return entries && new Map(entries.map(([key, value]) => [Number(key), Number(value >> 24n)]));
    },
    keysOf: (...ids) => {
      const keys = new Set<number>();
      for (const id of ids) if (id !== undefined) gatherKeys(image, roots.get(id)!, new Set(), keys);
      return keys;
    },
  };
}
