import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { assertSame, contentsOf, type Dumped, dumpOnto, openChanges, refusalOf } from '../changes.js';
import type { Case } from '../case.js';
import { fillRandom, sha256, writeRandom } from '../contents.js';
import { disks, scratch } from '../places.js';
import { attempt, lvstream, run, start } from '../run.js';
import { activeDevices, deltaOf, fieldOf, heldRoot, poolDevice } from '../thin-volumes.js';
import { untilOpen } from '../until.js';
import {
  makeThickSnapshot,
  makeThinPool,
  makeThinSnapshot,
  makeThinVolume,
  makeVolume,
  makeVolumeGroup,
  mapperDevice,
  type Volume,
  volumeNamed,
} from '../volumes.js';

const KIBIBYTE = 2 ** 10;
const MEBIBYTE = 2 ** 20;
const SIZE = 16 * MEBIBYTE;

interface Made {
  readonly pool: Volume;
  readonly origin: Volume;
}

function makeOrigin(chunkSize = 64 * KIBIBYTE, vg = 'vg'): Made {
  const group = makeVolumeGroup(vg, disks);
  const pool = makeThinPool(group, 'pool', { size: 128 * MEBIBYTE, chunkSize });
  return { pool, origin: makeThinVolume(pool, 'origin', SIZE) };
}

const discard = ({ device }: Volume, offset: number, length: number): string =>
  run('blkdiscard', ['--offset', String(offset), '--length', String(length), device]);

/** Old data in the first half, some of which is overwritten or discarded; first writes in the second half. */
function snapshotAndWrite(origin: Volume, name = 'snap'): { before: Buffer; snapshot: Volume } {
  writeRandom(origin.device, { seed: 1, count: 300, within: SIZE / 2 });
  const before = contentsOf(origin.device);
  const snapshot = makeThinSnapshot(origin, name, { active: false });
  writeRandom(origin.device, { seed: 2, count: 60 });
  discard(origin, MEBIBYTE, 2 * MEBIBYTE);
  discard(origin, 5 * MEBIBYTE + 64 * KIBIBYTE, 64 * KIBIBYTE);
  return { before, snapshot };
}

const ofChunks = (chunkSize: number): Case => ({
  name: `dumps writes, first writes and discards in chunks of ${chunkSize / KIBIBYTE} KiB, and the way back`,
  run: async () => {
    const { pool, origin } = makeOrigin(chunkSize);
    const { before, snapshot } = snapshotAndWrite(origin);
    const active = activeDevices();
    const after = contentsOf(origin.device);
    const wanted = deltaOf(pool, snapshot, origin, SIZE);
    const dumped = await dumpOnto(before, snapshot.name);
    assertSame(dumped.image, after);
    assert.deepEqual(dumped.ranges, wanted);
    assert.deepEqual([dumped.consistent, dumped.remarks], [true, []]);
    assert.equal(dumped.base, `lv:${fieldOf(snapshot, 'lv_uuid')}`);
    assert.deepEqual(activeDevices(), active);

    const undone = await dumpOnto(after, snapshot.name, { undo: true });
    assertSame(undone.image, before);
    assert.deepEqual(undone.ranges, wanted);
    assert.equal(undone.result, dumped.base);
    assert.deepEqual(activeDevices(), active);
    assert.equal(heldRoot(pool), '-');
  },
});

const chains: Case = {
  name: 'compares any two volumes of a pool: snapshots of snapshots, written to, in both directions',
  run: async () => {
    const { pool, origin } = makeOrigin();
    const { before, snapshot } = snapshotAndWrite(origin);
    const second = makeThinSnapshot(origin, 'second');
    const third = makeThinSnapshot(second, 'third');
    writeRandom(second.device, { seed: 3, count: 40 });
    writeRandom(third.device, { seed: 4, count: 40 });
    discard(third, 8 * MEBIBYTE, MEBIBYTE);
    writeRandom(origin.device, { seed: 5, count: 40 });
    const [atSecond, atThird] = [contentsOf(second.device), contentsOf(third.device)];
    const contents: [Volume, Buffer][] = [
      [snapshot, before],
      [second, atSecond],
      [third, atThird],
    ];
    run('lvchange', ['--activate', 'n', third.name]);
    const active = activeDevices();
    for (const [from, image] of contents) {
      for (const [to, wanted] of contents) {
        if (from === to) continue;
        const dumped = await dumpOnto(image, from.name, { to: to.name });
        assertSame(dumped.image, wanted);
        assert.deepEqual(dumped.ranges, deltaOf(pool, from, to, SIZE));
        const wasWritten = from === second;
        assert.deepEqual([dumped.consistent, dumped.remarks.length], [true, wasWritten ? 1 : 0]);
      }
    }
    assert.deepEqual(activeDevices(), active);
    assert.match(await refusalOf(second.name, { to: second.name }), /UsageError.*are the same volume/);
  },
};

const sumOf = (ranges: readonly { length: number }[]): number =>
  ranges.reduce((sum, { length }) => sum + length, 0);

const equalData: Case = {
  name: 'leaves out what both snapshots hold, unless asked to keep it',
  run: async () => {
    const { origin } = makeOrigin();
    fillRandom(origin.device, 1);
    const first = makeThinSnapshot(origin, 'first', { active: false });
    const before = contentsOf(origin.device);
    const writes = new Set(writeRandom(origin.device, { seed: 9, count: 30 }).map(({ offset }) => offset));
    const second = makeThinSnapshot(origin, 'second', { active: false });
    const after = contentsOf(origin.device);
    const dumped = await dumpOnto(before, first.name, { to: second.name });
    assertSame(dumped.image, after);
    assert.equal(sumOf(dumped.records), writes.size * 4096);
    const kept = await dumpOnto(before, first.name, { to: second.name, keepEqual: true });
    assertSame(kept.image, after);
    assert.equal(sumOf(kept.records), sumOf(kept.ranges));
  },
};

const sizes: Case = {
  name: 'clips to volumes that end inside a chunk, that shrank, and takes the tail of those that grew',
  run: async () => {
    const { origin } = makeOrigin(1024 * KIBIBYTE);
    fillRandom(origin.device, 1);
    run('lvresize', ['--quiet', '--yes', '--force', '--size', `${SIZE - 4 * MEBIBYTE}b`, origin.name]);
    const small = makeThinSnapshot(origin, 'small', { active: false });
    const atSmall = contentsOf(origin.device);
    writeRandom(origin.device, { seed: 2, count: 10 });
    const shrunk = await dumpOnto(atSmall, small.name);
    assertSame(shrunk.image, contentsOf(origin.device));
    run('lvresize', ['--quiet', '--yes', '--size', `${SIZE + 8 * MEBIBYTE}b`, origin.name]);
    writeRandom(origin.device, { seed: 3, count: 3 });
    const grown = contentsOf(origin.device);
    const old = Buffer.alloc(grown.length, 0xa5);
    atSmall.copy(old);
    const dumped = await dumpOnto(old, small.name);
    assertSame(dumped.image, grown);
    const back = await dumpOnto(grown.subarray(0, atSmall.length), small.name, { undo: true });
    assertSame(back.image, atSmall);
    const grownSnapshot = makeThinSnapshot(origin, 'grown', { active: false });
    const between = await dumpOnto(old, small.name, { to: grownSnapshot.name });
    assertSame(between.image, grown);
  },
};

const partialChunk: Case = {
  name: 'clips a last chunk that is partial',
  run: async () => {
    run('vgcreate', ['--quiet', '--physicalextentsize', '64k', 'vg', ...disks]);
    const pool = makeThinPool({ vg: 'vg' }, 'pool', { size: 64 * MEBIBYTE, chunkSize: 256 * KIBIBYTE });
    const size = 4 * MEBIBYTE + 64 * KIBIBYTE;
    const origin = makeThinVolume(pool, 'origin', size);
    fillRandom(origin.device, 1);
    const before = contentsOf(origin.device);
    const snapshot = makeThinSnapshot(origin, 'snap', { active: false });
    run('dd', ['if=/dev/urandom', `of=${origin.device}`, 'bs=4k', 'count=1', `seek=${size / 4096 - 1}`]);
    const dumped = await dumpOnto(before, snapshot.name);
    assert.deepEqual(dumped.ranges, [{ offset: 4 * MEBIBYTE, length: 64 * KIBIBYTE }]);
    assertSame(dumped.image, contentsOf(origin.device));
  },
};

const inactive: Case = {
  name: 'needs no pool of its own name, and no active volume, and leaves what it finds',
  run: async () => {
    const { origin, pool } = makeOrigin(64 * KIBIBYTE, 'v-g.1+');
    const { before, snapshot } = snapshotAndWrite(origin);
    const after = contentsOf(origin.device);
    run('vgchange', ['--quiet', '-an', origin.vg]);
    run('lvchange', ['--quiet', '-ay', origin.name]);
    assert.ok(!activeDevices().includes('v--g.1+-pool'));
    assertSame((await dumpOnto(before, snapshot.name)).image, after);
    assertSame((await dumpOnto(after, snapshot.name, { undo: true })).image, before);
    run('vgchange', ['--quiet', '-an', origin.vg]);
    assertSame((await dumpOnto(before, snapshot.name)).image, after);
    assert.deepEqual(activeDevices(), ['No devices found']);
    const refusal = await refusalOf(snapshot.name, { rangesOnly: true });
    assert.match(refusal, /v-g\.1\+\/pool: it is not active \| lvchange -ay/);
    run('lvchange', ['--quiet', '-ay', pool.name]);
    const changes = await openChanges(snapshot.name, { rangesOnly: true });
    changes.close();
    assert.deepEqual([...changes.ranges()], deltaOf(pool, snapshot, origin, SIZE));
  },
};

const withoutOrigin: Case = {
  name: 'says that the origin is gone, and still compares its snapshots',
  run: async () => {
    const { origin, pool } = makeOrigin();
    const { before, snapshot } = snapshotAndWrite(origin);
    const second = makeThinSnapshot(origin, 'second', { active: false });
    const after = contentsOf(origin.device);
    assert.match(await refusalOf(origin.name), /its origin is gone \| its snapshots are vg\/\w+, vg\/\w+$/);
    run('lvremove', ['--quiet', '--yes', origin.name]);
    assert.match(
      await refusalOf(snapshot.name),
      /vg\/snap: it is not a snapshot, or its origin is gone \| --to/,
    );
    const dumped = await dumpOnto(before, snapshot.name, { to: second.name });
    assertSame(dumped.image, after);
    assert.deepEqual(dumped.ranges, deltaOf(pool, snapshot, second, SIZE));
  },
};

/** Each byte of the device is in one record, so that the stream is a *full* (§6.1). */
function assertFull({ base, image, ranges, records }: Dumped): void {
  assert.equal(base, undefined);
  assert.deepEqual(ranges, [{ offset: 0, length: image.length }]);
  let end = 0;
  for (const { offset, length } of records) {
    assert.equal(offset, end);
    end += length;
  }
  assert.equal(end, image.length);
}

const fullCopy: Case = {
  name: 'takes all that a volume holds: what it maps is read, the rest is zeros',
  run: async () => {
    const { origin } = makeOrigin();
    const { snapshot, before } = snapshotAndWrite(origin);
    const garbage = Buffer.alloc(SIZE, 0x5a);
    const copied = await dumpOnto(garbage, snapshot.name, { full: true });
    assertSame(copied.image, before);
    assertFull(copied);
    assert.ok(copied.result?.startsWith('lv:'));
    const ofOrigin = await dumpOnto(garbage, origin.name, { full: true });
    assertSame(ofOrigin.image, contentsOf(origin.device));
    assertFull(ofOrigin);
    assert.match(ofOrigin.result ?? '', /^uuid:/);
    const empty = makeThinVolume(volumeNamed('vg', 'pool'), 'empty', SIZE);
    const ofEmpty = await dumpOnto(garbage, empty.name, { full: true });
    assertSame(ofEmpty.image, Buffer.alloc(SIZE));
    assertFull(ofEmpty);
  },
};

const externalOrigins: Case = {
  name: 'reads through to external origins, forward, back and in full',
  run: async () => {
    const { pool } = makeOrigin();
    const external = makeVolume({ vg: 'vg' }, 'external', 8 * MEBIBYTE);
    fillRandom(external.device, 7);
    const atExternal = contentsOf(external.device);
    run('lvchange', ['--quiet', '--activate', 'n', external.name]);
    run('lvchange', ['--quiet', '--permission', 'r', external.name]);
    run('lvcreate', [
      '--quiet',
      '--yes',
      '--snapshot',
      '--thinpool',
      pool.name,
      '--name',
      'clone',
      external.name,
    ]);
    const clone = volumeNamed('vg', 'clone');
    run('lvchange', ['--quiet', '--activate', 'y', '--ignoreactivationskip', clone.name]);
    writeRandom(clone.device, { seed: 1, count: 20 });
    const atClone = contentsOf(clone.device);

    const forward = await dumpOnto(atClone, clone.name);
    assertSame(forward.image, atExternal);
    const back = await dumpOnto(atExternal, clone.name, { undo: true });
    assertSame(back.image, atClone);
    assert.ok(sumOf(back.ranges) <= 20 * 64 * KIBIBYTE);

    const child = makeThinSnapshot(clone, 'child', { active: false });
    writeRandom(clone.device, { seed: 2, count: 20 });
    discard(clone, 0, 2 * MEBIBYTE);
    const written = contentsOf(clone.device);
    assertSame((await dumpOnto(atClone, child.name)).image, written);
    assertSame((await dumpOnto(written, child.name, { undo: true })).image, atClone);
    const garbage = Buffer.alloc(8 * MEBIBYTE, 0x5a);
    const ofChild = await dumpOnto(garbage, child.name, { full: true });
    assertSame(ofChild.image, atClone);
    assertFull(ofChild);
    const refusal = await refusalOf(child.name, { to: 'vg/origin' });
    assert.match(refusal, /RefusedError.*different external origins/);
  },
};

const fullPool: Case = {
  name: 'dumps from a pool without free space',
  run: async () => {
    const group = makeVolumeGroup('vg', disks);
    const pool = makeThinPool(group, 'pool', { size: 8 * MEBIBYTE, chunkSize: 64 * KIBIBYTE });
    run('lvchange', ['--quiet', '--errorwhenfull', 'y', pool.name]);
    const origin = makeThinVolume(pool, 'origin', SIZE);
    writeRandom(origin.device, { seed: 1, count: 40 });
    const before = contentsOf(origin.device);
    const snapshot = makeThinSnapshot(origin, 'snap', { active: false });
    const filled = attempt('dd', ['if=/dev/urandom', `of=${origin.device}`, 'bs=64k', 'oflag=direct']);
    assert.notEqual(filled.status, 0);
    assert.match(run('dmsetup', ['status', poolDevice(pool)]), /out_of_data_space/);
    assertSame((await dumpOnto(before, snapshot.name)).image, contentsOf(origin.device));
    assert.equal(heldRoot(pool), '-');
  },
};

const dirtyPages: Case = {
  name: 'dumps what is written and still in the page cache, and what a file system holds back',
  run: async () => {
    const { origin } = makeOrigin();
    run('mkfs.ext4', ['-q', origin.device]);
    const before = contentsOf(origin.device);
    const snapshot = makeThinSnapshot(origin, 'snap', { active: false });
    run('sysctl', ['-qw', 'vm.dirty_writeback_centisecs=0']);
    start('sleep', ['1000'], { stdinFile: origin.device });
    writeRandom(origin.device, { seed: 4, count: 20, through: 'cache' });
    const dumped = await dumpOnto(before, snapshot.name);
    assertSame(dumped.image, contentsOf(origin.device));
    assert.deepEqual([dumped.consistent, dumped.remarks], [true, []]);

    run('mkfs.ext4', ['-q', '-F', origin.device]);
    run('mount', [origin.device, '/mnt']);
    run('dd', ['if=/dev/urandom', 'of=/mnt/file', 'bs=64k', 'count=20', 'status=none']);
    const mounted = await dumpOnto(before, snapshot.name);
    assert.equal(mounted.consistent, false);
    assert.match(
      mounted.remarks.join(),
      /vg\/origin is mounted read-write on \/mnt.*--to .*--temporary-snapshot/,
    );
    run('umount', ['/mnt']);
    assert.ok(mounted.image.indexOf(contentsOf(origin.device).subarray(-65536)) >= 0);
  },
};

const used: Case = {
  name: 'refuses snapshots that are open for writing, volumes of other pools, and of none',
  run: async () => {
    const { pool, origin } = makeOrigin();
    const [first, second] = ['first', 'second'].map((name) => makeThinSnapshot(origin, name)) as [
      Volume,
      Volume,
    ];
    const writer = start('bash', ['-c', `exec 3<>${second.device}; sleep 1000`]);
    await untilOpen(writer.process.pid!, 3);
    assert.match(
      await refusalOf(first.name, { to: second.name }),
      /RefusedError: vg\/second is open for writing in/,
    );
    assert.match(
      await refusalOf(second.name, { to: first.name }),
      /RefusedError: vg\/second is open for writing in/,
    );
    writer.process.kill('SIGKILL');
    const otherPool = makeThinPool({ vg: 'vg' }, 'pool2', { size: 8 * MEBIBYTE, chunkSize: 64 * KIBIBYTE });
    const elsewhere = makeThinVolume(otherPool, 'elsewhere', SIZE);
    const refusal = await refusalOf(first.name, { to: elsewhere.name });
    assert.match(refusal, /RefusedError: vg\/first and vg\/elsewhere are not volumes of one thin pool/);
    const thick = makeVolume({ vg: 'vg' }, 'thick', 4 * MEBIBYTE);
    makeThickSnapshot(thick, 'thicksnap', { size: 4 * MEBIBYTE, chunkSize: 4096 });
    assert.match(await refusalOf(first.name, { to: 'vg/thicksnap' }), /RefusedError/);
    assert.equal(heldRoot(pool), '-');
  },
};

const otherSource: Case = {
  name: 'takes the data from another device or image',
  run: async () => {
    const { origin } = makeOrigin();
    const { before, snapshot } = snapshotAndWrite(origin);
    const image = `${scratch}/origin.img`;
    run('dd', [`if=${origin.device}`, `of=${image}`, 'iflag=direct', 'bs=1M', 'status=none']);
    const after = contentsOf(origin.device);
    writeRandom(origin.device, { seed: 3, count: 10 });
    discard(origin, 6 * MEBIBYTE, MEBIBYTE);
    const dumped = await dumpOnto(before, snapshot.name, { dataSource: image });
    assertSame(dumped.image, after);
    run('truncate', ['--size', '1M', image]);
    assert.match(
      await refusalOf(snapshot.name, { dataSource: image }),
      /^RefusedError: \S+ has 1048576 bytes, and the origin \d+/,
    );
  },
};

const commands: Case = {
  name: 'takes a copy along, and back again, with the digests of what it must hold before',
  run: () => {
    const { origin } = makeOrigin();
    const { before, snapshot } = snapshotAndWrite(origin);
    const copy = makeVolume({ vg: 'vg' }, 'copy', SIZE);
    const active = activeDevices();
    const [forward, back] = [`${scratch}/forward.lvs`, `${scratch}/back.lvs`];
    succeed(['dump', snapshot.device, '--base-digests', '-o', forward]);
    succeed(['dump', snapshot.name, '--undo', '--base-digests', '-o', back]);
    assert.deepEqual(activeDevices(), active);
    assert.equal(lvstream(['apply', forward, copy.device]).status, 4);
    run('dd', [`of=${copy.device}`, 'oflag=direct', 'bs=1M', 'status=none'], { stdin: before });
    const atFirst = sha256(copy.device);
    succeed(['apply', forward, copy.device]);
    assert.equal(sha256(copy.device), sha256(origin.device));
    succeed(['apply', back, copy.device]);
    assert.equal(sha256(copy.device), atFirst);
  },
};

function succeed(args: readonly string[]): void {
  const { status, stderr } = lvstream(args);
  assert.deepEqual([status, stderr], [0, ''], args.join(' '));
}

const temporary: Case = {
  name: 'reads from a temporary snapshot while the origin is in use, and leaves none',
  run: async () => {
    const { origin, pool } = makeOrigin();
    run('mkfs.ext4', ['-q', origin.device]);
    const before = contentsOf(origin.device);
    const snapshot = makeThinSnapshot(origin, 'snap', { active: false });
    run('mount', [origin.device, '/mnt']);
    run('dd', ['if=/dev/urandom', 'of=/mnt/file', 'bs=64k', 'count=20', 'status=none']);
    const active = activeDevices();
    const dumped = await dumpOnto(before, snapshot.name, { temporarySnapshot: MEBIBYTE });
    assert.deepEqual([dumped.consistent, dumped.remarks], [true, []]);
    assert.match(dumped.result!, /^lv:/);
    assert.deepEqual(activeDevices(), active);
    assert.equal(heldRoot(pool), '-');
    const [file, mount] = [`${scratch}/image`, `${scratch}/mount`];
    writeFileSync(file, dumped.image);
    mkdirSync(mount);
    run('mount', ['-o', 'loop', file, mount]);
    run('cmp', ['/mnt/file', `${mount}/file`]);
  },
};

const readOnlyPool: Case = {
  name: 'says what is wrong with a pool that is read-only, suspended or failed',
  run: async () => {
    const { pool, origin } = makeOrigin();
    const { snapshot } = snapshotAndWrite(origin);
    const device = poolDevice(pool);
    const table = run('dmsetup', ['table', device]).trim();
    const words = table.split(' ');
    const features = words.slice(8);
    const readOnly = [...words.slice(0, 7), String(features.length + 1), ...features, 'read_only'].join(' ');
    run('dmsetup', ['suspend', '--noflush', device]);
    assert.match(
      await refusalOf(snapshot.name),
      /vg\/pool: its device vg-pool-tpool is suspended \| .*resume/,
    );
    run('dmsetup', ['load', device, '--table', readOnly]);
    run('dmsetup', ['resume', device]);
    assert.match(
      await refusalOf(snapshot.name),
      /vg\/pool: the pool's metadata is read-only .* \| .*lvextend/,
    );
  },
};

const busyWriter: Case = {
  name: 'gives the second snapshot byte by byte while the origin is written, 20 times of 20',
  timeoutSeconds: 600,
  run: async () => {
    const { pool, origin } = makeOrigin();
    fillRandom(origin.device, 1);
    const loop =
      'while :; do dd if=/dev/urandom of="$1" bs=16k count=8 seek=$((RANDOM % 1016)) conv=notrunc oflag=direct status=none; done';
    start('bash', ['-c', loop, 'writer', origin.device]);
    let from = makeThinSnapshot(origin, 'round0');
    let image = contentsOf(from.device);
    for (let round = 1; round <= 20; round += 1) {
      const to = makeThinSnapshot(origin, `round${round}`);
      if (round % 2 === 0) writeRandom(to.device, { seed: round, count: 5 });
      const dumped = await dumpOnto(image, from.name, { to: to.name });
      assert.equal(dumped.consistent, true);
      image = contentsOf(to.device);
      assertSame(dumped.image, image);
      run('lvremove', ['--quiet', '--yes', from.name]);
      from = to;
    }
    assert.equal(heldRoot(pool), '-');
    assert.ok(activeDevices().includes(mapperDevice(from).slice('/dev/mapper/'.length)));
  },
};

export const cases: readonly Case[] = [
  ...[64, 1024].map((size) => ofChunks(size * KIBIBYTE)),
  chains,
  equalData,
  sizes,
  partialChunk,
  inactive,
  withoutOrigin,
  fullCopy,
  externalOrigins,
  fullPool,
  dirtyPages,
  used,
  otherSource,
  commands,
  temporary,
  readOnlyPool,
  busyWriter,
];
