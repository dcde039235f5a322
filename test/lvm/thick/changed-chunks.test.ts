import { describe, expect, it } from 'vitest';
import { exceptionByte, memoryReader, storeOf } from './cow-model.js';
import { readCapture, readManifest } from '../../captures.js';
import { LvmError } from '#src/errors.js';
import { readChangedChunks } from '#src/lvm/thick/changed-chunks.js';
import { loadExceptions } from '#src/lvm/thick/exception-part.js';
import { createSnapshotView } from '#src/lvm/thick/snapshot-view.js';

const chunkSize = 512;

/** Every third chunk of a device, copied in a shuffled order, with the device before and after. */
function scattered(chunks: number) {
  const perArea = chunkSize / 16;
  const list = Array.from({ length: chunks }, (_, i): [number, number] => [
    ((i * 7919) % chunks) * 3,
    2 + i + Math.floor(i / perArea),
  ]);
  const cow = storeOf(chunkSize, chunks + Math.ceil(chunks / perArea) + 4, list);
  const before = Buffer.alloc(chunks * 3 * chunkSize, 1);
  const after = Buffer.from(before);
  for (const [oldChunk, newChunk] of list) {
    cow.fill(oldChunk & 255, newChunk * chunkSize, (newChunk + 1) * chunkSize);
    before.fill(oldChunk & 255, oldChunk * chunkSize, (oldChunk + 1) * chunkSize);
    after.fill(2, oldChunk * chunkSize, (oldChunk + 1) * chunkSize);
  }
  return { before, after, cow };
}

describe('changed chunks', () => {
  it.each(['a', 'b-last', 'c', 'd', 'd-stale255', 'h-unchanged', 'i', 'j'])(
    'are the origin chunks of the manifest: capture %s',
    (name) => {
      const { origin_size: size, cow } = readManifest(name);
      const changed = readChangedChunks(memoryReader(readCapture(name, 'cow.img'), name), size);
      const chunks = [...changed.chunks.runs()].flatMap(({ begin, end }) =>
        Array.from({ length: end - begin }, (_, i) => begin + i),
      );
      expect(changed).toMatchObject({ chunkSize: cow.chunk_size, count: cow.exceptions.length });
      expect(chunks).toEqual(cow.exceptions.map(([oldChunk]) => oldChunk).sort((a, b) => a - b));
    },
  );

  const refused = (exceptions: [number, number][]): string => {
    try {
      readChangedChunks(memoryReader(storeOf(chunkSize, 80, exceptions), 'cow'), 100 * chunkSize);
    } catch (error) {
      if (error instanceof LvmError) return error.message;
      throw error;
    }
    return 'nothing';
  };

  it('are refused where one is listed twice, old or new', () => {
    expect(
      refused([
        [5, 2],
        [7, 3],
        [5, 4],
      ]),
    ).toBe(`cow: byte ${chunkSize + 32}: origin chunk 5 is listed twice`);
    expect(
      refused([
        [0, 3],
        [1, 2],
        [2, 3],
      ]),
    ).toBe(`cow: byte ${chunkSize + 40}: new chunk 3 is used by two exceptions`);
  });
});

describe('the view of a snapshot with more exceptions than are loaded at once', () => {
  const chunks = 60_000;
  const { before, after, cow } = scattered(chunks);
  const open = () => {
    const reader = memoryReader(cow, 'cow');
    const changed = readChangedChunks(reader, after.length);
    const areas = () =>
      reader.reads.filter(({ offset, length }) => offset === chunkSize && length === chunkSize);
    return { changed, areas, view: createSnapshotView(changed, memoryReader(after), 1) };
  };

  it('is the snapshot, read in order with one pass over the table for each part', () => {
    const { changed, areas, view } = open();
    const read = Buffer.alloc(before.length);
    const passes = areas().length;
    for (let at = 0; at < read.length; at += 1 << 20) view.readInto(read.subarray(at, at + (1 << 20)), at);
    expect(read.equals(before)).toBe(true);
    expect(changed.chunks.partition(1)).toHaveLength(3);
    expect(areas().length - passes).toBe(3);
  });

  it('is the snapshot wherever it is read, in any order', () => {
    const { view } = open();
    for (const at of [150_000, 10, 70_000, 179_999, 0, 65_535].map((chunk) => chunk * chunkSize)) {
      const read = Buffer.alloc(Math.min(4 * chunkSize, before.length - at));
      view.readInto(read, at);
      expect(read.equals(before.subarray(at, at + read.length))).toBe(true);
    }
  });

  it('is that of the table as it was, also where the kernel has added to it since', () => {
    const { changed, view } = open();
    const next = exceptionByte(chunkSize, changed.count);
    cow.writeBigUInt64LE(1n, next);
    cow.writeBigUInt64LE(cow.readBigUInt64LE(next - 8) + 1n, next + 8);
    try {
      const read = Buffer.alloc(before.length);
      view.readInto(read, 0);
      expect(read.equals(before)).toBe(true);
    } finally {
      cow.fill(0, next, next + 16);
    }
  });

  it('is refused once what was in the table is another', () => {
    const { changed } = open();
    const oldChunk = cow.readBigUInt64LE(chunkSize);
    cow.writeBigUInt64LE(oldChunk + 1n, chunkSize);
    try {
      for (const part of changed.chunks.partition(1))
        expect(() => loadExceptions(changed, part)).toThrow(
          'cow: its table was written to while it was read',
        );
    } finally {
      cow.writeBigUInt64LE(oldChunk, chunkSize);
    }
  });
});

describe('the view of a snapshot whose parts have a gap between them', () => {
  it('is the origin in the gap, and the snapshot at its borders', () => {
    const page = 65_536;
    const list: [number, number][] = [
      [page - 1, 2],
      [3 * page, 3],
      [3 * page + 1, 4],
    ];
    const cow = storeOf(chunkSize, 40, list);
    const origin = Buffer.alloc((3 * page + 4) * chunkSize, 2);
    const snapshot = Buffer.from(origin);
    for (const [oldChunk, newChunk] of list) {
      cow.fill(newChunk, newChunk * chunkSize, (newChunk + 1) * chunkSize);
      snapshot.fill(newChunk, oldChunk * chunkSize, (oldChunk + 1) * chunkSize);
    }
    const changed = readChangedChunks(memoryReader(cow), origin.length);
    expect(changed.chunks.partition(1)).toHaveLength(2);
    for (const [from, to] of [
      [page - 3, page + 3],
      [2 * page, 3 * page + 1],
      [3 * page - 1, 3 * page + 4],
      [page - 2, 3 * page + 3],
      [0, 3 * page + 4],
    ] as const) {
      const view = createSnapshotView(changed, memoryReader(origin), 1);
      const read = Buffer.alloc((to - from) * chunkSize);
      view.readInto(read, from * chunkSize);
      expect(read.equals(snapshot.subarray(from * chunkSize, to * chunkSize))).toBe(true);
    }
  });
});
