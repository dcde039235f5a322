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
import { invalidCases, readCapture, readManifest, recordedRanges, thickCases } from '../captures.js';
import { readExceptionStore } from '#src/lvm/exception-store.js';
import { dumpChanges, dumpSnapshotData, readThickSnapshot } from '#src/lvm/thick-dump.js';

/** What a real kernel wrote, both ways. */

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const reader = (name: string, file: string): MemoryReader => memoryReader(readCapture(name, file), file);

describe.each(thickCases)('%s', (name) => {
  const manifest = readManifest(name);
  const cow = reader(name, 'cow.img');
  const snapshot = readThickSnapshot(cow, reader(name, 'origin.img'));

  it('has the exceptions of its manifest, in their order', () => {
    const store = readExceptionStore(cow, manifest.origin_size);
    const list = Array.from(store.oldChunks, (oldChunk, index) => [oldChunk, store.newChunks[index]]);
    expect(store.chunkSize).toBe(manifest.cow.chunk_size);
    expect(store.count).toBe(manifest.cow.exceptions.length);
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
    expect(() => readExceptionStore(cow, readManifest(name).origin_size)).toThrow(
      'cow.img: byte 4: the snapshot is invalid',
    );
  });
});

describe('a list that ends before an older, longer one', () => {
  it('is read up to its end marker and no further', () => {
    const cow = reader('d-stale255', 'cow.img');
    const store = readExceptionStore(cow, readManifest('d-stale255').origin_size);
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
    const before = readExceptionStore(reader('h-merged', 'cow-before.img'), origin_size);
    const merging = readExceptionStore(reader('h-merged', 'cow-merging.img'), origin_size);
    expect(merging.count).toBeLessThan(before.count);
    expect(Array.from(merging.oldChunks)).toEqual(Array.from(before.oldChunks.subarray(0, merging.count)));
  });
});
