import type { DeviceReader, RandomAccessReader } from '#src/algebra/random-access.js';
import { LvmError } from '#src/errors.js';
import { loadExceptions } from '#src/lvm/thick/exception-part.js';
import { createSnapshotView } from '#src/lvm/thick/snapshot-view.js';
import {
  dumpChanges,
  dumpSnapshotData,
  readThickSnapshot,
  type ThickSnapshot,
} from '#src/lvm/thick/thick-dump.js';
import { readingDevice } from '../compare/memory-device.js';
import { readCapture, readManifest, thickCases } from '../captures.js';
import { collect, joinedRanges, naiveRanges, recordsOf, simulate } from '../lvm/thick/cow-model.js';
import { u64 } from '../vectors/bytes.js';
import type { Target } from './fuzz.js';
import { magnitude, same } from './lvs-target.js';
import { edgeNumber, mutateBytes } from './mutate-bytes.js';
import type { Random } from './random.js';

/**
 * The exception store of thick snapshots against a decoder that follows the description of dm-snap-persistent.c and
 * nothing else. An input is the size of the origin, that of the store, and the store's first bytes: what lies behind
 * these is a pattern.
 */

const HEAD = 16;
/** More data than this is not compared byte by byte. */
const MAX_DATA = 2 ** 20;

export const thick: Target = {
  name: 'thick',
  seeds: () => [
    ...thickCases.map(captured),
    ...[512, 1024].flatMap((size) => [0, 1, 40, 90].map((count) => simulated(size, count))),
  ],
  mutate: mutateStore,
  check: async (input, random) => {
    const { origin, cow } = devicesOf(input);
    const list = decodeStore(cow, origin.size);
    const snapshot = open(cow, origin);
    if (!snapshot || !list) {
      same('whether the store is good', snapshot !== undefined, list !== undefined);
      return 'refused';
    }
    await compareStores(snapshot, list, random);
    return `good, ${magnitude(list.exceptions.length)} exceptions of ${list.chunkSize}`;
  },
};

function open(cow: RandomAccessReader, origin: DeviceReader): ThickSnapshot | undefined {
  try {
    return readThickSnapshot(cow, origin);
  } catch (error) {
    if (error instanceof LvmError) return undefined;
    throw error;
  }
}

function inputOf(originSize: number, cowSize: number, start: Uint8Array): Uint8Array {
  return Buffer.concat([u64(originSize), u64(cowSize), start]);
}

/** A captured store up to the end of its list. */
function captured(name: string): Uint8Array {
  const { origin_size, cow } = readManifest(name);
  const image = readCapture(name, 'cow.img');
  const perArea = cow.chunk_size / 16;
  const areas = Math.floor(cow.exceptions.length / perArea) + 1;
  const end = Math.min(image.length, (2 + (areas - 1) * (perArea + 1)) * cow.chunk_size);
  return inputOf(origin_size, image.length, image.subarray(0, Math.min(end, 2 ** 17)));
}

function simulated(chunkSize: number, count: number): Uint8Array {
  const origin = Buffer.from(Array.from({ length: 100 * chunkSize - 100 }, (_, i) => i & 255));
  const writes = Array.from({ length: count }, (_, i) => ({ chunk: (i * 37) % 99, fill: i }));
  const { cow } = simulate(origin, chunkSize, writes, 255);
  return inputOf(origin.length, cow.length, cow);
}

function devicesOf(input: Uint8Array) {
  const bytes = Buffer.concat([input, new Uint8Array(Math.max(0, HEAD - input.length))]);
  const sizeAt = (at: number) => Number(bytes.readBigUInt64LE(at) % 2n ** 44n);
  const origin = patterned('origin', sizeAt(0), new Uint8Array(0), 3);
  return { origin, cow: patterned('cow', sizeAt(8), bytes.subarray(HEAD), 5) };
}

/** A device of these bytes and, behind them, of bytes that tell where they are. */
function patterned(name: string, size: number, start: Uint8Array, factor: number): DeviceReader {
  return readingDevice(size, name, (target, offset) => {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + target.length > size)
      throw new Error(`${name}: a read of ${target.length} bytes at ${offset}`);
    const known = start.subarray(offset, offset + target.length);
    target.set(known);
    for (let i = known.length; i < target.length; i += 1)
      target[i] = 1 + ((factor * ((offset + i) >>> 9)) % 251);
  });
}

interface Store {
  readonly chunkSize: number;
  readonly exceptions: readonly (readonly [number, number])[];
}

/** The list as the kernel reads it, if it is one that the kernel can have written; of all numbers 64 bits count. */
function decodeStore(cow: RandomAccessReader, originSize: number): Store | undefined {
  if (cow.size < 16) return undefined;
  const header = Buffer.alloc(16);
  cow.readInto(header, 0);
  const [magic, valid, version, sectors] = [0, 4, 8, 12].map((at) => header.readUInt32LE(at)) as [
    number,
    number,
    number,
    number,
  ];
  const isPower = sectors > 0 && (sectors & (sectors - 1)) === 0 && sectors <= 2 ** 21;
  if (magic !== 0x70416e53 || valid !== 1 || version !== 1 || !isPower) return undefined;
  const exceptions = readList(cow, sectors * 512, BigInt(Math.ceil(originSize / (sectors * 512))));
  return exceptions && { chunkSize: sectors * 512, exceptions };
}

function readList(
  cow: RandomAccessReader,
  chunkSize: number,
  originChunks: bigint,
): [number, number][] | undefined {
  const perArea = chunkSize / 16;
  const chunks = BigInt(Math.floor(cow.size / chunkSize));
  const seen = new Map<bigint, bigint>();
  const entry = Buffer.alloc(16);
  for (let i = 0; ; i += 1) {
    const area = 1 + Math.floor(i / perArea) * (perArea + 1);
    if (BigInt(area) >= chunks) return undefined;
    cow.readInto(entry, area * chunkSize + (i % perArea) * 16);
    const [oldChunk, newChunk] = [entry.readBigUInt64LE(0), entry.readBigUInt64LE(8)];
    if (newChunk === 0n) break;
    const isData = newChunk > 1n && newChunk < chunks && (newChunk - 1n) % BigInt(perArea + 1) !== 0n;
    if (oldChunk >= originChunks || !isData || seen.has(oldChunk)) return undefined;
    seen.set(oldChunk, newChunk);
  }
  if (entry.readBigUInt64LE(0) !== 0n || new Set(seen.values()).size < seen.size) return undefined;
  return [...seen].map(([oldChunk, newChunk]) => [Number(oldChunk), Number(newChunk)]);
}

/** Throws where ranges, places of old data, or the data itself are not what the list says. */
async function compareStores(
  snapshot: ThickSnapshot,
  { chunkSize, exceptions }: Store,
  random: Random,
): Promise<void> {
  const { changed, origin } = snapshot;
  same('exceptions', [changed.chunkSize, changed.count], [chunkSize, exceptions.length]);
  const loaded = changed.chunks.partition(1 + random.upTo(100)).flatMap((part) => {
    const { oldChunks, newChunks } = loadExceptions(changed, part);
    return Array.from(oldChunks, (chunk, i) => [chunk, newChunks[i]]);
  });
  same(
    'list',
    loaded,
    [...exceptions].sort(([a], [b]) => a - b),
  );
  const oldChunks = exceptions.map(([oldChunk]) => oldChunk);
  const ranges = naiveRanges(oldChunks, chunkSize, origin.size);
  if (ranges.reduce((sum, [, length]) => sum + length, 0) > MAX_DATA) return;
  const [changes, undo] = [await collect(dumpChanges(snapshot)), await collect(dumpSnapshotData(snapshot))];
  same('changes', joinedRanges(changes), ranges);
  same('ranges of the old data', joinedRanges(undo), ranges);
  const model = naiveView(snapshot, new Map(exceptions));
  for (const { offset, data } of recordsOf(undo))
    if (!model(offset, data.length).equals(data)) throw new Error(`old data at ${offset}`);
  checkView(snapshot, model, random);
}

/** The snapshot chunk by chunk. */
function naiveView(
  { changed: { cow, chunkSize }, origin }: ThickSnapshot,
  exceptions: ReadonlyMap<number, number>,
) {
  return (offset: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    for (let at = offset; at < offset + length;) {
      const chunk = Math.floor(at / chunkSize);
      const end = Math.min(offset + length, (chunk + 1) * chunkSize);
      const target = bytes.subarray(at - offset, end - offset);
      const place = exceptions.get(chunk);
      if (place === undefined) origin.readInto(target, at);
      else cow.readInto(target, place * chunkSize + (at % chunkSize));
      at = end;
    }
    return bytes;
  };
}

function checkView(
  { changed, origin }: ThickSnapshot,
  model: (offset: number, length: number) => Buffer,
  random: Random,
): void {
  const view = createSnapshotView(changed, origin, 1 + random.upTo(100));
  for (let i = 0; i < 4 && origin.size > 0; i += 1) {
    const offset = random.below(origin.size);
    const target = Buffer.alloc(Math.min(origin.size - offset, random.upTo(2 ** 14)));
    view.readInto(target, offset);
    if (!target.equals(model(offset, target.length))) throw new Error(`the snapshot from ${offset} on`);
  }
}

function mutateStore(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const bytes = Buffer.from(input);
  if (bytes.length < HEAD + 16 || random.once(8))
    return mutateBytes(input, other, random).subarray(0, 2 ** 18);
  const sectors = bytes.readUInt32LE(HEAD + 12);
  for (let i = random.upTo(3); i >= 0; i -= 1) changeStore(bytes, sectors * 512, random);
  return random.once(10) ? bytes.subarray(0, HEAD + random.below(bytes.length)) : bytes;
}

function changeStore(bytes: Buffer, chunkSize: number, random: Random): void {
  const sectors = [0, 1, 2, 3, 8, 2 ** 21, 2 ** 22, random.below(2 ** 32)];
  const at = random.pick([0, 8]);
  switch (random.below(10)) {
    case 0:
      bytes.writeUInt32LE(random.pick(sectors), HEAD + 12);
      return;
    case 1:
      bytes.writeBigUInt64LE(sizeNear(bytes.readBigUInt64LE(at), random), at);
      return;
    default:
      changeException(bytes, chunkSize, random);
  }
}

function sizeNear(size: bigint, random: Random): bigint {
  return random.once(3)
    ? edgeNumber(random)
    : BigInt.asUintN(64, size + BigInt(random.pick([-512, -1, 1, 512, 4096, 65536])));
}

/** One number of an exception: an edge, a neighbour, or that of another exception. */
function changeException(bytes: Buffer, chunkSize: number, random: Random): void {
  const first = HEAD + chunkSize;
  const count = Math.floor((Math.min(bytes.length, first + chunkSize) - first) / 16);
  if (count < 1) return;
  const used = Array.from({ length: count }, (_, i) => i).findIndex(
    (i) => bytes.readBigUInt64LE(first + 16 * i + 8) === 0n,
  );
  const near = random.once(4) || used < 0 ? count : Math.min(count, used + 1);
  const [to, from] = [0, 1].map(() => first + 16 * random.below(near)) as [number, number];
  const field = random.pick([0, 8]);
  const value = bytes.readBigUInt64LE(to + field);
  switch (random.below(5)) {
    case 0:
      bytes.writeBigUInt64LE(edgeNumber(random), to + field);
      return;
    case 1:
      bytes.copy(bytes, to + field, from + field, from + field + 8);
      return;
    case 2: {
      const entry = Buffer.from(bytes.subarray(to, to + 16));
      bytes.copy(bytes, to, from, from + 16);
      entry.copy(bytes, from);
      return;
    }
    case 3:
      bytes.writeBigUInt64LE(
        BigInt(random.once(3) ? 1 + random.below(3) * (chunkSize / 16 + 1) : random.below(200)),
        to + field,
      );
      return;
    default:
      bytes.writeBigUInt64LE(BigInt.asUintN(64, value + BigInt(random.below(5) - 2)), to + field);
  }
}
