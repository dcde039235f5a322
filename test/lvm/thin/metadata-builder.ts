import { crc32c } from '../../reference/crc32c.js';

/** Thin metadata put together by hand, from the structures' description alone. */

export const BLOCK = 4096;
const SUPERBLOCK_XOR = 160774;
const NODE_XOR = 121107;

/** Puts the checksum of a block right. */
export function seal(image: Buffer, block: number, xor = NODE_XOR): void {
  const bytes = image.subarray(block * BLOCK, (block + 1) * BLOCK);
  bytes.writeUInt32LE((crc32c(bytes.subarray(4)) ^ 0xffffffff ^ xor) >>> 0, 0);
}

export function sealSuperblock(image: Buffer, block = 0): void {
  seal(image, block, SUPERBLOCK_XOR);
}

/** A value of a mapping's leaf. */
export function packMapping(dataBlock: number, time = 0): bigint {
  return (BigInt(dataBlock) << 24n) | BigInt(time);
}

export type Entry = readonly [key: number, value: bigint];

/** Blocks of metadata, appended one by one. A node with the same content as another is that other: it is shared. */
export class MetadataBuilder {
  readonly #blocks: Buffer[] = [Buffer.alloc(BLOCK)];
  readonly #byContent = new Map<string, number>();

  /** Adds a node with room for `most` entries; answers its block. */
  node(leaf: boolean, entries: readonly Entry[], valueSize = 8, most = 126): number {
    const content = JSON.stringify([leaf, entries.map(String), valueSize, most]);
    const known = this.#byContent.get(content);
    if (known !== undefined) return known;
    const block = this.#blocks.length;
    const bytes = Buffer.alloc(BLOCK);
    bytes.writeUInt32LE(leaf ? 2 : 1, 4);
    bytes.writeBigUInt64LE(BigInt(block), 8);
    bytes.writeUInt32LE(entries.length, 16);
    bytes.writeUInt32LE(most, 20);
    bytes.writeUInt32LE(valueSize, 24);
    entries.forEach(([key, value], index) => {
      bytes.writeBigUInt64LE(BigInt(key), 32 + 8 * index);
      bytes.writeBigUInt64LE(value, 32 + 8 * most + valueSize * index);
    });
    seal(bytes, 0);
    this.#blocks.push(bytes);
    this.#byContent.set(content, block);
    return block;
  }

  /**
   * A tree of these entries. Where nodes end depends on their keys and `spread` alone, so that trees of like entries
   * share nodes, but shapes differ where entries do.
   */
  tree(entries: readonly Entry[], spread: number): number {
    let leaf = true;
    for (let level = entries; ; leaf = false) {
      const groups = cutGroups(level, spread, leaf);
      const nodes = groups.map((group): Entry => [group[0]?.[0] ?? 0, BigInt(this.node(leaf, group))]);
      if (nodes.length === 1) return Number(nodes[0]![1]);
      level = nodes;
    }
  }

  /** The image of a pool with these mapping trees, device id → root. */
  image(roots: ReadonlyMap<number, number>, blockSectors = 128): Buffer {
    const devices = [...roots].sort(([a], [b]) => a - b);
    const mappingRoot = this.node(
      true,
      devices.map(([id, root]): Entry => [id, BigInt(root)]),
    );
    const detailsRoot = this.node(
      true,
      devices.map(([id]): Entry => [id, 0n]),
      24,
    );
    const superblock = this.#blocks[0]!;
    superblock.writeBigUInt64LE(27022010n, 32);
    superblock.writeUInt32LE(2, 40);
    superblock.writeBigUInt64LE(BigInt(mappingRoot), 320);
    superblock.writeBigUInt64LE(BigInt(detailsRoot), 328);
    superblock.writeUInt32LE(blockSectors, 336);
    superblock.writeUInt32LE(8, 340);
    sealSuperblock(superblock);
    return Buffer.concat(this.#blocks);
  }
}

function cutGroups(entries: readonly Entry[], spread: number, leaf: boolean): Entry[][] {
  const groups: Entry[][] = [[]];
  for (const entry of entries) {
    const last = groups.at(-1)!;
    const isEnd =
      last.length >= (leaf ? 1 : 2) && (Math.imul(entry[0] + 1, 0x9e3779b1) >>> 16) % spread === 0;
    if (isEnd || last.length === 126) groups.push([entry]);
    else last.push(entry);
  }
  return groups;
}

/**
 * Makes `copy`, a device of the image, a snapshot of `origin` that was then written to, the way the kernel does it:
 * `changes` (block → data block, of blocks that are mapped) go to copies of the nodes on their way, all else is shared.
 */
export function snapshotAndWrite(
  image: Buffer,
  origin: number,
  copy: number,
  changes: ReadonlyMap<number, number>,
): Buffer {
  const blocks: Buffer[] = [];
  const old = (block: number): Buffer => image.subarray(block * BLOCK, (block + 1) * BLOCK);
  const shadow = (block: number, keys: readonly number[]): number => {
    const bytes = Buffer.from(old(block));
    const own = image.length / BLOCK + blocks.push(bytes) - 1;
    bytes.writeBigUInt64LE(BigInt(own), 8);
    for (const [index, inside] of groupByEntry(bytes, keys)) {
      const at = valueByte(bytes, index);
      const value = isLeaf(bytes)
        ? packMapping(changes.get(inside[0]!)!)
        : BigInt(shadow(Number(bytes.readBigUInt64LE(at)), inside));
      bytes.writeBigUInt64LE(value, at);
    }
    seal(bytes, 0);
    return own;
  };
  const top = Number(image.readBigUInt64LE(320));
  const devices = Buffer.from(old(top));
  const root = Number(devices.readBigUInt64LE(valueByte(devices, indexOf(devices, origin))));
  const made = shadow(
    root,
    [...changes.keys()].sort((a, b) => a - b),
  );
  devices.writeBigUInt64LE(BigInt(made), valueByte(devices, indexOf(devices, copy)));
  seal(devices, 0);
  const result = Buffer.concat([image, ...blocks]);
  devices.copy(result, top * BLOCK);
  return result;
}

const isLeaf = (node: Buffer): boolean => node.readUInt32LE(4) === 2;
const valueByte = (node: Buffer, index: number): number => 32 + 8 * node.readUInt32LE(20) + 8 * index;

/** Index of the last entry whose key is not above `key`. */
function indexOf(node: Buffer, key: number): number {
  let index = 0;
  const count = node.readUInt32LE(16);
  while (index + 1 < count && Number(node.readBigUInt64LE(32 + 8 * (index + 1))) <= key) index += 1;
  return index;
}

function groupByEntry(node: Buffer, keys: readonly number[]): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const key of keys) {
    const index = indexOf(node, key);
    groups.set(index, [...(groups.get(index) ?? []), key]);
  }
  return groups;
}
