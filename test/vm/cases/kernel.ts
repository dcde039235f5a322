import assert from 'node:assert/strict';
import { type ImageReader, openImage } from '#src/device/image.js';
import { readChangedChunks } from '#src/lvm/thick/changed-chunks.js';
import { openThinMetadata, thinDifference } from '#src/lvm/thin/thin-metadata.js';
import { addRun, parseDelta, type Run } from '../../lvm/thin/thin-tools.js';
import type { Case } from '../case.js';
import { fillRandom, sha256, writeRandom } from '../contents.js';
import { disks } from '../places.js';
import { attempt, lvmsync, lvstream, run, start } from '../run.js';
import {
  makeThickSnapshot,
  makeThinPool,
  makeThinSnapshot,
  makeThinVolume,
  makeVolume,
  makeVolumeGroup,
  mapperDevice,
  statusOf,
  type ThickSnapshotOptions,
  type Volume,
  volumeNamed,
} from '../volumes.js';

const KIBIBYTE = 2 ** 10;
const MEBIBYTE = 2 ** 20;
const SECTOR_SIZE = 512;

/** An origin with a snapshot that has seen some writes. */
function writtenSnapshot(options: ThickSnapshotOptions): { origin: Volume; snapshot: Volume } {
  const group = makeVolumeGroup('vg', disks);
  const origin = makeVolume(group, 'origin', 32 * MEBIBYTE);
  const snapshot = makeThickSnapshot(origin, 'snap', options);
  writeRandom(origin.device, { seed: 1, count: 300 });
  return { origin, snapshot };
}

/** Exceptions by the kernel's own count: `used/total metadata`, in sectors. */
function countedExceptions(snapshot: Volume, chunkSize: number): number {
  const [, used, metadata] = /^(\d+)\/\d+ (\d+)$/.exec(statusOf(mapperDevice(snapshot)))!;
  return ((Number(used) - Number(metadata)) * SECTOR_SIZE) / chunkSize;
}

/** The kernel writes these devices behind the page cache's back. */
function openFresh(device: string): ImageReader {
  run('blockdev', ['--flushbufs', device]);
  return openImage(device);
}

function readCount(snapshot: Volume, originSize: number): number {
  const cow = openFresh(mapperDevice(snapshot, 'cow'));
  try {
    return readChangedChunks(cow, originSize).count;
  } finally {
    cow.close();
  }
}

const countAgrees = (chunkSize: number): Case => ({
  name: `counts the exceptions of ${chunkSize / KIBIBYTE} KiB that the kernel counts`,
  run: () => {
    const { snapshot } = writtenSnapshot({ size: 48 * MEBIBYTE, chunkSize });
    const counted = countedExceptions(snapshot, chunkSize);
    assert.ok(counted > 0);
    assert.equal(readCount(snapshot, 32 * MEBIBYTE), counted);
  },
});

const thinAgrees: Case = {
  name: 'finds what thin_delta finds in a metadata snapshot',
  run: () => {
    const group = makeVolumeGroup('vg', disks);
    const pool = makeThinPool(group, 'pool', { size: 256 * MEBIBYTE, chunkSize: 64 * KIBIBYTE });
    const origin = makeThinVolume(pool, 'origin', 128 * MEBIBYTE);
    writeRandom(origin.device, { seed: 1, count: 500 });
    const snapshot = makeThinSnapshot(origin, 'snap');
    writeRandom(origin.device, { seed: 2, count: 200 });
    writeRandom(snapshot.device, { seed: 3, count: 50 });
    run('blkdiscard', ['--offset', '0', '--length', String(MEBIBYTE), origin.device]);

    run('dmsetup', ['message', mapperDevice(pool, 'tpool'), '0', 'reserve_metadata_snap']);
    const metadata = mapperDevice(volumeNamed('vg', 'pool_tmeta'));
    const delta = run('thin_delta', ['--metadata-snap', '--snap1', '1', '--snap2', '2', metadata]);
    const wanted = parseDelta(delta);
    assert.deepEqual(new Set(wanted.map(({ kind }) => kind)), new Set(['left', 'right', 'differ']));
    assert.deepEqual(readDifference(metadata), wanted);
  },
};

function readDifference(metadata: string): Run[] {
  const image = openFresh(metadata);
  try {
    const runs: Run[] = [];
    for (const each of thinDifference(openThinMetadata(image, { metadataSnapshot: true }), 1, 2))
      addRun(runs, each);
    return runs;
  } finally {
    image.close();
  }
}

/** These volumes need modules that are only loaded when they are asked for. */
const otherVolumes: Case = {
  name: 'has RAID, cached and striped volumes, and file systems',
  run: () => {
    const group = makeVolumeGroup('v-g', disks);
    const mirrored = makeVolume(group, 'mirrored', 16 * MEBIBYTE, ['--type', 'raid1', '--mirrors', '1']);
    makeVolume(group, 'striped', 16 * MEBIBYTE, ['--stripes', '2']);
    const cached = makeVolume(group, 'cached', 32 * MEBIBYTE);
    makeVolume(group, 'fast', 16 * MEBIBYTE);
    run('lvconvert', [
      '--yes',
      '--type',
      'cache',
      '--cachevol',
      'v-g/fast',
      '--cachepolicy',
      'smq',
      cached.name,
    ]);
    run('mkfs.ext4', ['-q', mirrored.device]);
    run('mount', [mirrored.device, '/mnt']);
    fillRandom(cached.device, 1);
    const kinds = run('lvs', ['--noheadings', '--options', 'segtype', 'v-g']).split(/\s+/);
    for (const kind of ['raid1', 'striped', 'cache']) assert.ok(kinds.includes(kind), kind);
  },
};

/** The next case sees none of it. */
const mess: Case = {
  name: 'leaves a mounted snapshot, a suspended origin, a reader and a pool in use',
  run: () => {
    const { origin, snapshot } = writtenSnapshot({ size: 48 * MEBIBYTE, chunkSize: 4 * KIBIBYTE });
    const pool = makeThinPool({ vg: 'vg' }, 'pool', { size: 64 * MEBIBYTE, chunkSize: 64 * KIBIBYTE });
    const thin = makeThinVolume(pool, 'thin', 32 * MEBIBYTE);
    run('mkfs.ext4', ['-q', thin.device]);
    run('mount', [thin.device, '/mnt']);
    start('sleep', ['1000'], { stdinFile: snapshot.device });
    run('dmsetup', ['message', mapperDevice(pool, 'tpool'), '0', 'reserve_metadata_snap']);
    run('dmsetup', ['suspend', mapperDevice(origin)]);
    start('dd', [`of=${origin.device}`, 'if=/dev/zero', 'bs=1M', 'count=1', 'oflag=direct']);
  },
};

const clean: Case = {
  name: 'begins every case with nothing left of the one before',
  run: () => {
    assert.equal(run('dmsetup', ['ls']).trim(), 'No devices found');
    assert.equal(run('vgs', ['--noheadings']), '');
    assert.equal(attempt('pidof', ['sleep', 'dd']).status, 1);
    assert.notEqual(attempt('mountpoint', ['-q', '/mnt']).status, 0);
    assert.equal(attempt('ls', ['/dev/vg']).status, 2);
    for (const disk of disks) assert.equal(attempt('cmp', ['-n', '16777216', disk, '/dev/zero']).status, 0);
  },
};

const programs: Case = {
  name: 'runs the programs that are tested',
  run: () => {
    for (const program of [lvstream, lvmsync]) {
      const { status, stdout, stderr } = program(['--version']);
      assert.deepEqual([status, stderr], [0, '']);
      assert.match(stdout.toString(), /\d+\.\d+\.\d+/);
    }
    assert.equal(lvstream(['no-such-command']).status, 2);
  },
};

const repeatable: Case = {
  name: 'writes the same data again for the same seed, past the page cache or through it',
  run: () => {
    const group = makeVolumeGroup('vg', disks);
    const [one, other] = ['one', 'other'].map((name) => makeVolume(group, name, 8 * MEBIBYTE).device);
    fillRandom(one!, 1);
    fillRandom(other!, 1);
    const written = writeRandom(one!, { seed: 7, count: 100 });
    assert.deepEqual(writeRandom(other!, { seed: 7, count: 100, through: 'cache' }), written);
    assert.equal(sha256(one!), sha256(other!));
    writeRandom(other!, { seed: 8, count: 1 });
    assert.notEqual(sha256(one!), sha256(other!));
  },
};

export const cases: readonly Case[] = [
  programs,
  repeatable,
  ...[4, 64, 512].map((size) => countAgrees(size * KIBIBYTE)),
  thinAgrees,
  otherVolumes,
  mess,
  clean,
];
