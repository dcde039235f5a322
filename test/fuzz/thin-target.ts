import type { RandomAccessReader } from '#src/algebra/random-access.js';
import { LvmError } from '#src/errors.js';
import type { MappingRun } from '#src/lvm/thin/thin-difference.js';
import {
  listThinDevices,
  openThinMetadata,
  thinDifference,
  type ThinMetadata,
} from '#src/lvm/thin/thin-metadata.js';
import { readCapture, thinCases } from '../captures.js';
import {
  BLOCK,
  MetadataBuilder,
  packMapping,
  seal,
  sealSuperblock,
  type Entry,
} from '../lvm/thin/metadata-builder.js';
import { naiveDifference, thinDelta } from '../lvm/thin/thin-tools.js';
import { u32 } from '../vectors/bytes.js';
import type { Target } from './fuzz.js';
import { magnitude, same } from './lvs-target.js';
import { edgeNumber, mutateNumber } from './mutate-bytes.js';
import type { Random } from './random.js';
import { decodeThin, lookUp, type Naive, type ThinImage } from './thin-model.js';

/**
 * The metadata of thin pools against a walk of every node of its trees, and where damage lies in what both devices share
 * and need not be read, against single look-ups as the kernel makes them. Space maps are not read, nor made right. An
 * input is how many blocks there are, and those that are not blank, each behind its number.
 */

const HEAD = 4;
const PLACED = 4 + BLOCK;
const MAX_PLACED = 60;
const MAX_DEVICES = 3;

export const thin: Target = {
  name: 'thin',
  seeds: () => [
    ...thinCases.map((name) => pack(readCapture(name, 'tmeta.img'))),
    ...[3, 9, 60].flatMap((spread) => [3, 20, 300].map((count) => built(spread, count))),
  ],
  mutate: mutateMetadata,
  check: async (input, random, isNew) => {
    const image = unpack(input);
    const outcomes = [false, true].map((held) =>
      checkMetadata(image, held, () => isNew() || random.once(300)),
    );
    return outcomes.join(', of the snapshot: ');
  },
};

function checkMetadata(image: ThinImage, held: boolean, withTools: () => boolean): string {
  const naive = decodeThin(image, held);
  const pool = attempt(() => openThinMetadata(readerOf(image), { metadataSnapshot: held }));
  same('whether the superblock is good', pool !== undefined, naive !== undefined);
  if (!pool || !naive) return 'refused';
  const devices = attempt(() => [...listThinDevices(pool)].map(({ id }) => id));
  same('devices', devices, naive.details);
  const ids = [...naive.roots.keys()].slice(0, MAX_DEVICES);
  const pairs = [
    ...ids.map((id) => [undefined, id] as const),
    ...ids.flatMap((left) => ids.map((right) => [left, right] as const)),
  ];
  const found = pairs.map(([left, right]) => checkPair(pool, naive, image, left, right));
  const [left, right] = ids;
  if (!held && right !== undefined && found.every((each) => each !== undefined) && withTools())
    compareWithTools(image, left!, right, found[ids.length + 1]!);
  return `${ids.length} devices, ${found.map((runs) => (runs ? magnitude(runs.length) : '-')).join('')}`;
}

/** Undefined where it is an `LvmError`. */
function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof LvmError) return undefined;
    throw error;
  }
}

/**
 * Where all nodes of both trees are good, the difference is that of all blocks; where one is damaged, it is refused, or
 * agrees with each look-up that the kernel can make.
 */
function checkPair(
  pool: ThinMetadata,
  naive: Naive,
  image: ThinImage,
  left: number | undefined,
  right: number,
) {
  const runs = attempt(() => [...thinDifference(pool, left, right)]);
  const [from, to] = [
    left === undefined ? new Map<number, number>() : naive.mappingsOf(left),
    naive.mappingsOf(right),
  ];
  if (from && to) {
    const mappings = new Map([
      [0, from],
      [1, to],
    ]);
    same(`difference of ${left} and ${right}`, runs, naiveDifference(mappings, 0, 1));
  } else if (runs) checkLookUps(image, naive, runs, left, right);
  return runs;
}

function checkLookUps(
  image: ThinImage,
  naive: Naive,
  runs: readonly MappingRun[],
  left: number | undefined,
  right: number,
): void {
  for (const key of naive.keysOf(left, right)) {
    const before = left === undefined ? undefined : lookUp(image, naive.roots.get(left)!, key);
    const after = lookUp(image, naive.roots.get(right)!, key);
    if (before === 'damaged' || after === 'damaged') continue;
    const kind =
      before === after ? undefined : after === undefined ? 'left' : before === undefined ? 'right' : 'differ';
    const run = runs.find(({ begin, length }) => begin <= key && key < begin + length);
    same(`block ${key} of ${left} and ${right}`, run?.kind, kind);
  }
}

/** thin_delta looks at more than the trees: where it takes the metadata, it finds the same. */
function compareWithTools(image: ThinImage, left: number, right: number, runs: readonly MappingRun[]): void {
  const whole = Buffer.alloc(Math.min(image.count, 1024) * BLOCK);
  for (const [block, bytes] of image.blocks) bytes.copy(whole, block * BLOCK);
  let delta;
  try {
    delta = thinDelta(whole, left, right);
  } catch {
    return;
  }
  same('thin_delta', delta, runs);
}

function readerOf(image: ThinImage): RandomAccessReader {
  const size = image.count * BLOCK;
  return {
    name: 'tmeta',
    size,
    readInto: (target, offset) => {
      if (!Number.isSafeInteger(offset) || offset < 0 || offset + target.length > size)
        throw new Error(`a read of ${target.length} bytes at ${offset}`);
      for (let at = 0; at < target.length; at += BLOCK) {
        const block = image.blocks.get((offset + at) / BLOCK);
        if (block) target.set(block, at);
        else target.fill(0, at, at + BLOCK);
      }
    },
  };
}

/** Of an image the superblock, those of its roots, and what they lead to. */
function pack(image: Uint8Array): Uint8Array {
  const all = new Map<number, Buffer>();
  for (let block = 0; (block + 1) * BLOCK <= image.length; block += 1)
    all.set(block, Buffer.from(image.subarray(block * BLOCK, (block + 1) * BLOCK)));
  const whole: ThinImage = { count: all.size, blocks: all };
  const used = new Set<number>([0]);
  for (const held of [false, true]) {
    const naive = decodeThin(whole, held);
    for (const id of naive?.roots.keys() ?? []) naive?.mappingsOf(id);
    for (const block of naive?.nodes ?? []) used.add(block);
  }
  return encode(
    whole.count,
    [...used]
      .sort((a, b) => a - b)
      .slice(0, MAX_PLACED)
      .map((block) => [block, all.get(block)!]),
  );
}

const encode = (count: number, blocks: Iterable<readonly [number, Buffer]>): Uint8Array =>
  Buffer.concat([u32(count), ...[...blocks].flatMap(([block, bytes]) => [u32(block), bytes])]);

function unpack(input: Uint8Array): ThinImage {
  const bytes = Buffer.from(input);
  const count = bytes.length < HEAD ? 0 : bytes.readUInt32LE(0) % 2 ** 20;
  const blocks = new Map<number, Buffer>();
  for (let at = HEAD; at + PLACED <= bytes.length; at += PLACED) {
    const block = bytes.readUInt32LE(at);
    if (block < count) blocks.set(block, bytes.subarray(at + 4, at + PLACED));
  }
  return { count, blocks };
}

/** Two devices that share some of their leaves, in trees of a few entries a node. */
function built(spread: number, count: number): Uint8Array {
  const builder = new MetadataBuilder();
  const entries = (step: number): Entry[] =>
    Array.from({ length: count }, (_, i) => [i * 3, packMapping(i * (i % step === 0 ? 7 : 5), i % 4)]);
  const roots = new Map([1, 2, 3].map((id) => [id, builder.tree(entries(id * 11), spread)]));
  return pack(builder.image(roots));
}

function mutateMetadata(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const { count, blocks } = unpack(input);
  if (blocks.size === 0) return other;
  const changed = new Map<number, Buffer>([...blocks].map(([block, bytes]) => [block, Buffer.from(bytes)]));
  const numbers = [...changed.keys()];
  for (let i = random.upTo(3); i >= 0; i -= 1) {
    const block = random.once(8) ? 0 : random.pick(numbers);
    const bytes = changed.get(block);
    if (bytes) changed.set(block, changeBlock(bytes, block, numbers, changed, random));
  }
  const leaveOut = random.once(10) ? random.pick(numbers) : undefined;
  for (const [block, bytes] of changed) if (block !== leaveOut) sealBlock(bytes, block, random);
  const size = random.once(40) ? Number(edgeNumber(random) % 2n ** 20n) : count;
  return encode(size, changed);
}

/** Checksum, and mostly the number of the block too. */
function sealBlock(bytes: Buffer, block: number, random: Random): void {
  const isSuperblock =
    bytes.readBigUInt64LE(32) === 27022010n && (block === 0 || bytes.readUInt32LE(40) <= 2);
  if (!random.once(100)) bytes.writeBigUInt64LE(BigInt(block), 8);
  if (isSuperblock) sealSuperblock(bytes);
  else seal(bytes, 0);
}

function changeBlock(
  bytes: Buffer,
  block: number,
  numbers: readonly number[],
  all: ReadonlyMap<number, Buffer>,
  random: Random,
): Buffer {
  if (block === 0) return changeSuperblock(bytes, numbers, random);
  switch (random.below(12)) {
    case 0:
      return Buffer.from(all.get(random.pick(numbers))!);
    case 1:
      return Buffer.concat([mutateNumber(bytes.subarray(0, 32), random), bytes.subarray(32)]);
    case 2:
      return Buffer.from(mutateNumber(bytes, random));
    default:
      return changeEntry(bytes, numbers, random);
  }
}

function changeSuperblock(bytes: Buffer, numbers: readonly number[], random: Random): Buffer {
  const at = random.pick([56, 320, 328, 336, 340, 40, 360, 32]);
  if (at >= 56 && at < 336 && !random.once(4)) bytes.writeBigUInt64LE(BigInt(random.pick(numbers)), at);
  else bytes.writeUInt32LE(Number(edgeNumber(random) & 0xffffffffn), at);
  return bytes;
}

/** A key or a value of a node, or all of an entry: taken out, put in, exchanged, changed. */
function changeEntry(bytes: Buffer, numbers: readonly number[], random: Random): Buffer {
  const [count, most, size] = [16, 20, 24].map((at) => bytes.readUInt32LE(at)) as [number, number, number];
  if (most * (8 + size) + 32 > BLOCK || count > most || size < 8)
    return Buffer.from(mutateNumber(bytes, random));
  const [i, j] = [random.below(count), random.below(count)];
  const key = 32 + 8 * i;
  const value = 32 + 8 * most + size * i;
  switch (random.below(8)) {
    case 0:
      bytes.writeBigUInt64LE(
        random.once(4) ? edgeNumber(random) : near(bytes.readBigUInt64LE(key), random),
        key,
      );
      return bytes;
    case 1:
      bytes.writeBigUInt64LE(random.once(4) ? edgeNumber(random) : BigInt(random.pick(numbers)), value);
      return bytes;
    case 2:
      bytes.writeBigUInt64LE(near(bytes.readBigUInt64LE(value), random), value);
      return bytes;
    case 3:
      bytes.writeBigUInt64LE(near(bytes.readBigUInt64LE(value) >> 24n, random) << 24n, value);
      return bytes;
    case 4:
      bytes.copy(bytes, value, 32 + 8 * most + size * j, 32 + 8 * most + size * (j + 1));
      return bytes;
    case 5:
      return resizedNode(bytes, i, random.once(2), count, most, size);
    default:
      bytes.writeUInt32LE(Math.max(0, count + random.below(3) - 1), 16);
      return bytes;
  }
}

const near = (value: bigint, random: Random): bigint =>
  BigInt.asUintN(64, value + BigInt(random.below(7) - 3)) % 2n ** 40n;

/** Takes entry `i` out, or puts another one in before it. */
function resizedNode(
  bytes: Buffer,
  i: number,
  grows: boolean,
  count: number,
  most: number,
  size: number,
): Buffer {
  if (grows ? count === most : count === 0) return bytes;
  const values = 32 + 8 * most;
  const [to, from] = grows ? [i + 1, i] : [i, i + 1];
  bytes.copy(bytes, 32 + 8 * to, 32 + 8 * from, 32 + 8 * count);
  bytes.copy(bytes, values + size * to, values + size * from, values + size * count);
  if (grows && i > 0) bytes.writeBigUInt64LE(bytes.readBigUInt64LE(32 + 8 * (i - 1)) + 1n, 32 + 8 * i);
  bytes.writeUInt32LE(grows ? count + 1 : count - 1, 16);
  return bytes;
}
