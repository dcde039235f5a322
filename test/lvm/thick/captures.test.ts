import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  applyRecords,
  collect,
  exceptionByte,
  joinedRanges,
  type MemoryReader,
  memoryReader,
} from './cow-model.js';
import { invalidCases, readCapture, readManifest, recordedRanges, thickCases } from '../../captures.js';
import { readChangedChunks } from '#src/lvm/thick/changed-chunks.js';
import { scanExceptions } from '#src/lvm/thick/exception-list.js';
import { dumpChanges, dumpSnapshotData, readThickSnapshot } from '#src/lvm/thick/thick-dump.js';

/** What a real kernel wrote, both ways. */

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const reader = (name: string, file: string): MemoryReader => memoryReader(readCapture(name, file), file);

describe.each(thickCases)('%s', (name) => {
  const manifest = readManifest(name);
  const cow = reader(name, 'cow.img');
  const snapshot = readThickSnapshot(cow, reader(name, 'origin.img'));

  it('has the exceptions of its manifest, in their order', () => {
    const list: [number, number][] = [];
    const { chunkSize, count } = scanExceptions(cow, manifest.origin_size, (...pair) => list.push(pair));
    expect(chunkSize).toBe(manifest.cow.chunk_size);
    expect(count).toBe(manifest.cow.exceptions.length);
    expect(list).toEqual(manifest.cow.exceptions);
  });

  it('gives the origin when its changes are applied to the snapshot', async () => {
    const batches = await collect(dumpChanges(snapshot));
    expect(joinedRanges(batches)).toEqual(recordedRanges(manifest));
    const result = applyRecords(readCapture(name, 'snapshot.img'), batches);
    expect(sha256(result)).toBe(manifest.images_sha256['origin.img']);
  });

  it("gives the snapshot when the snapshot's data is applied to the origin", async () => {
    const batches = await collect(dumpSnapshotData(snapshot));
    expect(joinedRanges(batches)).toEqual(recordedRanges(manifest));
    const result = applyRecords(readCapture(name, 'origin.img'), batches);
    expect(sha256(result)).toBe(manifest.images_sha256['snapshot.img']);
  });
});

describe.each(invalidCases)('%s', (name) => {
  it('is refused as invalid, with its byte', () => {
    const cow = reader(name, 'cow.img');
    expect(() => readChangedChunks(cow, readManifest(name).origin_size)).toThrow(
      'cow.img: byte 4: the snapshot is invalid',
    );
  });
});

describe('a list that ends before an older, longer one', () => {
  it('is read up to its end marker and no further', () => {
    const cow = reader('d-stale255', 'cow.img');
    const store = readChangedChunks(cow, readManifest('d-stale255').origin_size);
    const furthest = Math.max(...cow.reads.map(({ offset, length }) => offset + length));
    expect(store.count).toBe(255);
    expect(furthest).toBe(2 * store.chunkSize);
  });

  it('holds a table behind its end that would be believed', () => {
    const bytes = readCapture('d-stale255', 'cow.img');
    expect(bytes.readBigUInt64LE(exceptionByte(4096, 256) + 8)).not.toBe(0n);
  });
});

describe('a merge', () => {
  it('takes exceptions from the end of the list', () => {
    const { origin_size } = readManifest('h-merged');
    const oldChunksOf = (file: string): number[] => {
      const list: number[] = [];
      scanExceptions(reader('h-merged', file), origin_size, (oldChunk) => list.push(oldChunk));
      return list;
    };
    const before = oldChunksOf('cow-before.img');
    const merging = oldChunksOf('cow-merging.img');
    expect(merging.length).toBeLessThan(before.length);
    expect(merging).toEqual(before.slice(0, merging.length));
  });
});
