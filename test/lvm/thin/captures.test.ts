import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Manifest, readCapture, readManifest, recordedRanges, thinCases } from '../../captures.js';
import { applyRecords, collect, joinedRanges, memoryReader } from '../thick/cow-model.js';
import { BLOCK, type Entry, MetadataBuilder, packMapping, seal } from './metadata-builder.js';
import { parseDelta, type Run, thinDelta } from './thin-tools.js';
import { dumpThinChanges } from '#src/lvm/thin/thin-dump.js';
import {
  isUnwrittenSnapshot,
  listThinDevices,
  openThinMetadata,
  thinDifference,
} from '#src/lvm/thin/thin-metadata.js';

/** What a real kernel wrote, both ways, from the metadata itself and from the metadata snapshot in it. */

interface ThinManifest extends Manifest {
  readonly mapping_differences: readonly (readonly [number, number])[];
  readonly difference_kinds: {
    readonly both: number;
    readonly origin_only: number;
    readonly snapshot_only: number;
  };
  readonly results: {
    readonly thin_id_snap: string;
    readonly thin_id_origin: string;
    readonly metadata_snap_block: string;
  };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const readText = (name: string, file: string): string =>
  readFileSync(new URL(`../../../fixtures/captures/${name}/${file}`, import.meta.url), 'utf8');

/** `[first block, count]`, whatever the kind, joined. */
const joinKinds = (runs: readonly Run[]): [number, number][] => {
  const ranges: [number, number][] = [];
  for (const { begin, length } of runs) {
    const last = ranges.at(-1);
    if (last !== undefined && last[0] + last[1] === begin) last[1] += length;
    else ranges.push([begin, length]);
  }
  return ranges;
};
const countKind = (runs: readonly Run[], wanted: Run['kind']): number =>
  runs.reduce((sum, { kind, length }) => sum + (kind === wanted ? length : 0), 0);

/** Devices as thin_dump lists them, and how many mappings each has there. */
const listDumped = (xml: string) =>
  [...xml.matchAll(/<device ([^>]*)>/g)].map(([, attributes = '']) => {
    const field = (name: string) => Number(new RegExp(`${name}="(\\d+)"`).exec(attributes)![1]);
    return {
      id: field('dev_id'),
      mappedBlocks: field('mapped_blocks'),
      transactionId: field('transaction'),
      creationTime: field('creation_time'),
      snapshottedTime: field('snap_time'),
    };
  });

/** Devices of a thin_dump, with when each was made, and each of its mappings. */
const listDevicesWithTimes = (xml: string) =>
  [...xml.matchAll(/<device dev_id="(\d+)" [^>]*creation_time="(\d+)"[^>]*>([^]*?)<\/device>/g)].map(
    ([, id, created, mappings = '']) => ({
      id: Number(id),
      created: Number(created),
      times: [...mappings.matchAll(/ time="(\d+)"/g)].map(([, time]) => Number(time)),
    }),
  );

const mirrored: Readonly<Record<Run['kind'], Run['kind']>> = {
  left: 'right',
  right: 'left',
  differ: 'differ',
};

describe.each(thinCases)('%s', (name) => {
  const manifest = readManifest(name) as ThinManifest;
  const metadata = memoryReader(readCapture(name, 'tmeta.img'), 'tmeta.img');
  const [snapshot, origin] = [Number(manifest.results.thin_id_snap), Number(manifest.results.thin_id_origin)];
  const image = (file: string) => memoryReader(readCapture(name, file), file);

  it.each([false, true])('is the difference recorded; from the metadata snapshot: %s', (metadataSnapshot) => {
    const pool = openThinMetadata(metadata, { metadataSnapshot });
    const runs = [...thinDifference(pool, snapshot, origin)];
    expect(pool.superblock.dataBlockSize).toBe(manifest.chunk_size);
    expect(joinKinds(runs)).toEqual(manifest.mapping_differences);
    expect(runs).toEqual(parseDelta(readText(name, 'thin_delta.xml')));
    const counts = { both: countKind(runs, 'differ'), origin_only: countKind(runs, 'right') };
    expect({ ...counts, snapshot_only: countKind(runs, 'left') }).toEqual(manifest.difference_kinds);
  });

  it('has the devices that thin_dump lists', () => {
    const pool = openThinMetadata(metadata);
    expect(pool.superblock.heldRoot).toBe(Number(manifest.results.metadata_snap_block));
    for (const file of ['thin_dump.xml', 'thin_dump-1.1.0.xml'])
      expect([...listThinDevices(pool)]).toEqual(listDumped(readText(name, file)));
  });

  it('is what thin_delta says of every two of its devices', () => {
    const pool = openThinMetadata(metadata);
    const ids = [...listThinDevices(pool)].map(({ id }) => id);
    const bytes = readCapture(name, 'tmeta.img');
    for (const [left, right] of ids.flatMap((id) =>
      ids.filter((other) => other > id).map((o) => [id, o] as const),
    )) {
      const runs = [...thinDifference(pool, left, right)];
      expect(runs).toEqual(thinDelta(bytes, left, right));
      const back = [...thinDifference(pool, right, left)];
      expect(back).toEqual(runs.map((run) => ({ ...run, kind: mirrored[run.kind] })));
    }
  });

  it('maps what its devices say that they map', () => {
    const pool = openThinMetadata(metadata);
    for (const { id, mappedBlocks } of listThinDevices(pool)) {
      const runs = [...thinDifference(pool, undefined, id)];
      expect(countKind(runs, 'right')).toBe(mappedBlocks);
      expect([...thinDifference(pool, id, id)]).toEqual([]);
    }
  });

  it('says of each device whether all that it maps is older than it, which thin_dump shows', () => {
    const pool = openThinMetadata(metadata);
    const devices = listDevicesWithTimes(readText(name, 'thin_dump.xml'));
    expect(devices.map(({ id }) => isUnwrittenSnapshot(pool, id))).toEqual(
      devices.map(({ created, times }) => times.length > 0 && times.every((time) => time < created)),
    );
  });

  it.each([
    ['origin', snapshot, origin, 'snapshot.img', 'origin.img'],
    ['snapshot', origin, snapshot, 'origin.img', 'snapshot.img'],
  ])('gives the %s when its changes are applied', async (_, from, to, base, result) => {
    const changes = { pool: openThinMetadata(metadata), from, to, source: image(result) };
    const batches = await collect(dumpThinChanges(changes));
    expect(joinedRanges(batches)).toEqual(recordedRanges(manifest));
    const written = applyRecords(readCapture(name, base), batches);
    expect(sha256(written)).toBe(manifest.images_sha256[result]);
  });
});

describe('what was discarded', () => {
  it('becomes zeros that nobody reads', async () => {
    const pool = openThinMetadata(memoryReader(readCapture('k-discard', 'tmeta.img')));
    const source = memoryReader(readCapture('k-discard', 'origin.img'));
    const batches = await collect(dumpThinChanges({ pool, from: 2, to: 1, source }));
    const zeros = batches.filter((batch) => batch.kind === 'zeros');
    expect(zeros).toEqual([{ kind: 'zeros', ranges: [{ offset: 10 << 20, length: 3 << 20 }] }]);
    const inside = source.reads.filter(({ offset }) => offset >= 10 << 20 && offset < 13 << 20);
    expect(inside).toEqual([]);
  });
});

it('of a device that was written to since it was made, or maps nothing, it is not said that it is an unwritten snapshot', () => {
  const builder = new MetadataBuilder();
  const times = [
    [1, [0, 0]],
    [2, [0, 1]],
    [3, []],
  ] as const;
  const roots = times.map(([id, mapped]): [number, number] => [
    id,
    builder.tree(
      mapped.map((time, block): Entry => [block, packMapping(block, time)]),
      8,
    ),
  ]);
  const image = builder.image(new Map(roots));
  const details = Number(image.readBigUInt64LE(328));
  for (const index of [0, 1, 2]) image.writeUInt32LE(1, details * BLOCK + 32 + 8 * 126 + 24 * index + 16);
  seal(image, details);
  const pool = openThinMetadata(memoryReader(image));
  expect([1, 2, 3].map((id) => isUnwrittenSnapshot(pool, id))).toEqual([true, false, false]);
  expect(() => isUnwrittenSnapshot(pool, 4)).toThrow('the pool has no thin device 4');
});
