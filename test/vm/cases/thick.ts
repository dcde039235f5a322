import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { assertSame, chunksOf, contentsOf, dumpOnto, refusalOf } from '../changes.js';
import type { Case } from '../case.js';
import { fillRandom, sha256, writeRandom } from '../contents.js';
import { disks, scratch } from '../places.js';
import { lvstream, run, start } from '../run.js';
import {
  makeThickSnapshot,
  makeVolume,
  makeVolumeGroup,
  mapperDevice,
  type Volume,
  type VolumeGroup,
} from '../volumes.js';

const KIBIBYTE = 2 ** 10;
const MEBIBYTE = 2 ** 20;
const SIZE = 16 * MEBIBYTE;

interface Made {
  readonly origin: Volume;
  readonly snapshot: Volume;
  readonly before: Buffer;
}

/** A snapshot of an origin full of data. */
function snapshotOf(origin: Volume, chunkSize: number, name = 'snap'): Made {
  fillRandom(origin.device, 1);
  const before = contentsOf(origin.device);
  return { origin, snapshot: makeThickSnapshot(origin, name, { size: 2 * SIZE, chunkSize }), before };
}

function makeOrigin(group: VolumeGroup = makeVolumeGroup('vg', disks), more: readonly string[] = []): Volume {
  return makeVolume(group, 'origin', SIZE, more);
}

const uuidOf = ({ name }: Volume): string =>
  run('lvs', ['--noheadings', '--options', 'lv_uuid', name]).trim();

/** The ranges are those that were written, no more and no less, and the data is the origin's. */
async function dumpsWhatIsWritten({ origin, snapshot, before }: Made, chunkSize: number): Promise<void> {
  const writes = writeRandom(origin.device, { seed: 2, count: 200 });
  const dumped = await dumpOnto(before, snapshot.device);
  assert.deepEqual(dumped.ranges, chunksOf(writes, chunkSize, before.length));
  assertSame(dumped.image, contentsOf(origin.device));
  assert.deepEqual([dumped.consistent, dumped.remarks], [true, []]);
  assert.equal(dumped.base, `lv:${uuidOf(snapshot)}`);
}

const ofChunks = (chunkSize: number): Case => ({
  name: `dumps what was written, in chunks of ${chunkSize / KIBIBYTE} KiB`,
  run: () => dumpsWhatIsWritten(snapshotOf(makeOrigin(), chunkSize), chunkSize),
});

const kinds: Case = {
  name: 'dumps from striped, mirrored and cached origins',
  timeoutSeconds: 400,
  run: async () => {
    const group = makeVolumeGroup('vg', disks);
    for (const more of [
      ['--stripes', '2'],
      ['--type', 'raid1', '--mirrors', '1'],
    ]) {
      const made = snapshotOf(makeOrigin(group, more), 4 * KIBIBYTE);
      await dumpsWhatIsWritten(made, 4 * KIBIBYTE);
      run('lvremove', ['--force', '--yes', made.origin.name]);
    }
    const origin = makeOrigin(group);
    makeVolume(group, 'fast', 8 * MEBIBYTE, ['--type', 'cache-pool']);
    run('lvconvert', ['--yes', '--type', 'cache', '--cachepool', 'vg/fast', origin.name]);
    await dumpsWhatIsWritten(snapshotOf(origin, 64 * KIBIBYTE), 64 * KIBIBYTE);
  },
};

const names: Case = {
  name: 'finds volumes by all their names, with dashes, dots and plus signs',
  run: async () => {
    const group = makeVolumeGroup('v-g--1.0+x', disks);
    const origin = makeVolume(group, 'da-ta.1+', SIZE);
    const { snapshot, before } = snapshotOf(origin, 4 * KIBIBYTE, 'snap--2.+');
    const writes = writeRandom(origin.device, { seed: 2, count: 20 });
    for (const name of [snapshot.name, snapshot.device, mapperDevice(snapshot), uuidOf(snapshot)]) {
      const { ranges, image } = await dumpOnto(before, name);
      assert.deepEqual(ranges, chunksOf(writes, 4 * KIBIBYTE, SIZE));
      assertSame(image, contentsOf(origin.device));
    }
  },
};

const partialChunk: Case = {
  name: 'clips a last chunk that is partial',
  run: async () => {
    run('vgcreate', ['--quiet', '--physicalextentsize', '4k', 'vg', ...disks]);
    const size = 4 * MEBIBYTE + 20 * KIBIBYTE;
    const made = snapshotOf(makeVolume({ vg: 'vg' }, 'origin', size), 64 * KIBIBYTE);
    assert.equal(made.before.length, size);
    run('dd', ['if=/dev/urandom', `of=${made.origin.device}`, 'bs=4k', 'count=1', `seek=${size / 4096 - 1}`]);
    const dumped = await dumpOnto(made.before, made.snapshot.device);
    assert.deepEqual(dumped.ranges, [{ offset: 4 * MEBIBYTE, length: 20 * KIBIBYTE }]);
    assertSame(dumped.image, contentsOf(made.origin.device));
    const undone = await dumpOnto(dumped.image, made.snapshot.device, { undo: true });
    assertSame(undone.image, made.before);
  },
};

const staleCache: Case = {
  name: 'reads the table past a page cache that is stale',
  run: async () => {
    const { origin, snapshot, before } = snapshotOf(makeOrigin(), 4 * KIBIBYTE);
    const cow = mapperDevice(snapshot, 'cow');
    start('sleep', ['1000'], { stdinFile: cow });
    run('dd', [`if=${cow}`, 'of=/dev/null', 'bs=1M', 'status=none']);
    const writes = writeRandom(origin.device, { seed: 3, count: 100 });
    const dumped = await dumpOnto(before, snapshot.device);
    assert.deepEqual(dumped.ranges, chunksOf(writes, 4 * KIBIBYTE, SIZE));
    assertSame(dumped.image, contentsOf(origin.device));
  },
};

const dirtyPages: Case = {
  name: 'dumps what is written and still in the page cache',
  run: async () => {
    const { origin, snapshot, before } = snapshotOf(makeOrigin(), 4 * KIBIBYTE);
    start('sleep', ['1000'], { stdinFile: origin.device });
    run('sysctl', ['-qw', 'vm.dirty_writeback_centisecs=0']);
    const writes = writeRandom(origin.device, { seed: 4, count: 100, through: 'cache' });
    const dumped = await dumpOnto(before, snapshot.device);
    assert.deepEqual(dumped.ranges, chunksOf(writes, 4 * KIBIBYTE, SIZE));
    assertSame(dumped.image, contentsOf(origin.device));
    assert.deepEqual([dumped.consistent, dumped.remarks], [true, []]);
  },
};

const mounted: Case = {
  name: 'dumps a mounted origin with what its file system holds back, and says that it is no single moment',
  run: async () => {
    const origin = makeOrigin();
    run('mkfs.ext4', ['-q', origin.device]);
    run('mount', [origin.device, '/mnt']);
    const snapshot = makeThickSnapshot(origin, 'snap', { size: 2 * SIZE, chunkSize: 4 * KIBIBYTE });
    const before = contentsOf(snapshot.device);
    run('bash', ['-c', 'head -c 3000000 /dev/urandom >/mnt/file']);
    const dumped = await dumpOnto(before, snapshot.device);
    run('umount', ['/mnt']);
    assert.equal(dumped.consistent, false);
    assert.match(
      dumped.remarks.join(),
      /^vg\/origin is mounted read-write on \/mnt: .*--to .*--temporary-snapshot/,
    );
    run('bash', ['-c', `cat >${scratch}/image`], { stdin: dumped.image });
    run('mount', ['-o', 'loop', `${scratch}/image`, '/mnt']);
    assert.equal(run('stat', ['-c', '%s', '/mnt/file']).trim(), '3000000');
  },
};

const bothWritten: Case = {
  name: 'lists what was written to the snapshot too, with the data of the origin',
  run: async () => {
    const { origin, snapshot, before } = snapshotOf(makeOrigin(), 4 * KIBIBYTE);
    const writes = [
      ...writeRandom(snapshot.device, { seed: 5, count: 50 }),
      ...writeRandom(origin.device, { seed: 6, count: 50 }),
    ];
    const held = contentsOf(snapshot.device);
    assert.notDeepEqual(held, before);
    const dumped = await dumpOnto(held, snapshot.device);
    assert.deepEqual(dumped.ranges, chunksOf(writes, 4 * KIBIBYTE, SIZE));
    assertSame(dumped.image, contentsOf(origin.device));
    const undone = await dumpOnto(dumped.image, snapshot.device, { undo: true });
    assertSame(undone.image, held);
  },
};

const undo: Case = {
  name: 'undoes from the snapshot, also while the origin is written',
  run: async () => {
    const { origin, snapshot, before } = snapshotOf(makeOrigin(), 64 * KIBIBYTE);
    writeRandom(origin.device, { seed: 7, count: 100 });
    const now = contentsOf(origin.device);
    const undone = await dumpOnto(now, snapshot.device, { undo: true });
    assertSame(undone.image, before);
    assert.deepEqual([undone.result, undone.base], [`lv:${uuidOf(snapshot)}`, undefined]);
    assert.deepEqual([undone.consistent, undone.remarks], [true, []]);
    const hold = start('sleep', ['1000'], { stdoutFile: origin.device });
    const busy = await dumpOnto(now, snapshot.device, { undo: true });
    assertSame(busy.image, before);
    assert.match(busy.remarks.join(), /^vg\/origin is open for writing in process \d+ \(sleep 1000\): /);
    hold.process.kill();
  },
};

const otherSource: Case = {
  name: 'takes the data from another device or an image, if it is large enough',
  run: async () => {
    const { origin, snapshot, before } = snapshotOf(makeOrigin(), 4 * KIBIBYTE);
    const copy = makeVolume({ vg: 'vg' }, 'copy', SIZE);
    writeRandom(origin.device, { seed: 8, count: 100 });
    const then = contentsOf(origin.device);
    run('dd', [
      `if=${origin.device}`,
      `of=${copy.device}`,
      'bs=1M',
      'iflag=direct',
      'oflag=direct',
      'status=none',
    ]);
    run('dd', [`if=${origin.device}`, `of=${scratch}/image`, 'bs=1M', 'iflag=direct', 'status=none']);
    start('sleep', ['1000'], { stdoutFile: origin.device });
    for (const dataSource of [copy.device, `${scratch}/image`]) {
      const dumped = await dumpOnto(before, snapshot.device, { dataSource });
      assertSame(dumped.image, then);
      assert.deepEqual([dumped.consistent, dumped.result, dumped.remarks], [true, undefined, []]);
    }
    const short = makeVolume({ vg: 'vg' }, 'short', 4 * MEBIBYTE);
    assert.match(
      await refusalOf(snapshot.device, { dataSource: short.device }),
      /^RefusedError: \/dev\/vg\/short: has 4194304 bytes, and the origin \d+/,
    );
  },
};

const full: Case = {
  name: 'dumps all of a snapshot, an origin or a plain volume',
  run: async () => {
    const { origin, snapshot, before } = snapshotOf(makeOrigin(), 4 * KIBIBYTE);
    writeRandom(origin.device, { seed: 9, count: 10 });
    const plain = makeVolume({ vg: 'vg' }, 'plain', MEBIBYTE);
    const ofSnapshot = await dumpOnto(Buffer.alloc(0), snapshot.name, { full: true });
    assertSame(ofSnapshot.image, before);
    assert.deepEqual([ofSnapshot.base, ofSnapshot.result], [undefined, `lv:${uuidOf(snapshot)}`]);
    for (const volume of [origin, plain]) {
      const dumped = await dumpOnto(Buffer.alloc(0), volume.name, { full: true });
      assertSame(dumped.image, contentsOf(volume.device));
      assert.match(dumped.result ?? '', /^uuid:/);
      assert.equal(dumped.consistent, true);
    }
  },
};

const extended: Case = {
  name: 'takes all that an origin was extended by for changed',
  run: async () => {
    const { origin, snapshot, before } = snapshotOf(makeOrigin(), 4 * KIBIBYTE);
    const writes = writeRandom(origin.device, { seed: 10, count: 50 });
    run('lvchange', ['-an', origin.name]);
    run('lvextend', ['--quiet', '--size', `${SIZE + MEBIBYTE}b`, origin.name]);
    run('lvchange', ['-ay', origin.name]);
    writeRandom(origin.device, { seed: 11, count: 5 });
    const dumped = await dumpOnto(before, snapshot.device);
    const tail = { offset: SIZE, length: MEBIBYTE };
    const wanted = [...writes, ...writeRandom(origin.device, { seed: 11, count: 5 }), tail];
    assert.deepEqual(dumped.ranges, chunksOf(wanted, 4 * KIBIBYTE, SIZE + MEBIBYTE));
    assertSame(dumped.image, contentsOf(origin.device));
    const second = makeThickSnapshot(origin, 'second', { size: SIZE, chunkSize: 4 * KIBIBYTE });
    const between = await dumpOnto(before, snapshot.device, { to: second.device });
    assertSame(between.image, dumped.image);
    const back = await dumpOnto(dumped.image, second.device, { to: snapshot.device });
    assertSame(back.image, before);
    const undone = await dumpOnto(dumped.image, snapshot.device, { undo: true });
    assertSame(undone.image, before);
  },
};

const command: Case = {
  name: 'dumps to a file that carries the origin over, and back',
  timeoutSeconds: 400,
  run: () => {
    const { origin, snapshot } = snapshotOf(makeOrigin(), 4 * KIBIBYTE);
    const target = makeVolume({ vg: 'vg' }, 'target', SIZE);
    run('dd', [`if=${snapshot.device}`, `of=${target.device}`, 'bs=1M', 'oflag=direct', 'status=none']);
    writeRandom(origin.device, { seed: 12, count: 100 });
    const wanted = sha256(origin.device);
    const succeeds = (...args: string[]): void => {
      const { status, stdout, stderr } = lvstream(args);
      assert.deepEqual(
        [status, stderr.replace(/^.*(applied|written|wrote).*\n/gm, '')],
        [0, ''],
        stdout.toString(),
      );
    };
    succeeds('dump', snapshot.name, '--base-digests', '-o', `${scratch}/changes.lvs`);
    succeeds('apply', `${scratch}/changes.lvs`, target.device, '--quiet');
    assert.equal(sha256(target.device), wanted);
    succeeds(
      'dump',
      snapshot.name,
      '--undo',
      '--base-digests',
      '--format',
      'lvs',
      '-o',
      `${scratch}/undo.lvs`,
    );
    succeeds('apply', `${scratch}/undo.lvs`, target.device, '--quiet');
    assert.equal(sha256(target.device), sha256(snapshot.device));
    succeeds('dump', snapshot.name, '--format', 'lvmsync', '-o', `${scratch}/plain`);
    succeeds('apply', `${scratch}/plain`, target.device, '--quiet');
    assert.equal(sha256(target.device), wanted);
    assert.deepEqual(readdirSync(scratch).sort(), ['changes.lvs', 'plain', 'undo.lvs']);
  },
};

const nothing: Case = {
  name: 'dumps nothing where nothing was written',
  run: async () => {
    const { snapshot, before } = snapshotOf(makeOrigin(), 4 * KIBIBYTE);
    const dumped = await dumpOnto(before, snapshot.device);
    assert.deepEqual([dumped.ranges, dumped.records, dumped.consistent], [[], [], true]);
    assertSame(dumped.image, before);
  },
};

const refusals: Case = {
  name: 'refuses what is no snapshot, inactive, suspended or overflowed, each with a way out',
  run: async () => {
    const { origin, snapshot } = snapshotOf(makeOrigin(), 4 * KIBIBYTE);
    const plain = makeVolume({ vg: 'vg' }, 'plain', MEBIBYTE);
    const small = makeThickSnapshot(origin, 'small', { size: MEBIBYTE, chunkSize: 4 * KIBIBYTE });
    assert.match(await refusalOf('vg/nothing'), /^LvmError: vg\/nothing: there is no such logical volume/);
    assert.match(await refusalOf(disks[0]!), /^LvmError: \/dev\/\w+: it is no logical volume/);
    assert.match(
      await refusalOf(origin.device),
      /^LvmError: vg\/origin: it is not a snapshot \| its snapshots are (vg\/snap, vg\/small|vg\/small, vg\/snap)$/,
    );
    assert.match(
      await refusalOf(plain.device),
      /^LvmError: vg\/plain: it is not a snapshot \| lvcreate --snapshot/,
    );

    run('dmsetup', ['suspend', mapperDevice(snapshot)]);
    assert.match(
      await refusalOf(snapshot.name),
      /^LvmError: vg\/snap: its device vg-snap is suspended \| .*dmsetup resume/,
    );
    run('dmsetup', ['resume', mapperDevice(snapshot)]);

    writeRandom(origin.device, { seed: 1, count: 400 });
    for (const options of [{}, { undo: true }, { full: true }, { to: snapshot.name }])
      assert.match(
        await refusalOf(small.name, options),
        /^LvmError: vg\/small: .*(invalid|overflowed).* \| .*lost for good/,
      );
    assert.match(
      await refusalOf(snapshot.name, { to: small.name }),
      /^LvmError: vg\/small: .*(invalid|overflowed)/,
    );

    run('lvchange', ['-an', origin.name]);
    assert.match(
      await refusalOf(snapshot.name),
      /^LvmError: vg\/\w+: it is not active \| lvchange -ay vg\/\w+ activates it$/,
    );
    run('lvchange', ['-ay', origin.name]);
    assert.match(await refusalOf(small.name), /^LvmError: vg\/small: .*invalid/);
  },
};

const merging: Case = {
  name: 'refuses a snapshot that is being merged or will be, and the others of its origin',
  run: async () => {
    const { origin, snapshot } = snapshotOf(makeOrigin(), 4 * KIBIBYTE);
    const other = makeThickSnapshot(origin, 'other', { size: SIZE, chunkSize: 4 * KIBIBYTE });
    writeRandom(origin.device, { seed: 1, count: 400 });
    const hold = start('sleep', ['1000'], { stdinFile: origin.device });
    run('lvconvert', ['--quiet', '--merge', snapshot.name]);
    const refusesBoth = async (): Promise<void> => {
      assert.match(
        await refusalOf(snapshot.name),
        /^LvmError: vg\/snap: it is being merged into its origin \| wait/,
      );
      assert.match(
        await refusalOf(other.name),
        /^LvmError: vg\/other: a snapshot is being merged into vg\/origin \| wait/,
      );
    };
    await refusesBoth();
    hold.process.kill();
    await hold.ended;
  },
};

export const cases: readonly Case[] = [
  ...[4, 64, 512].map((size) => ofChunks(size * KIBIBYTE)),
  kinds,
  names,
  partialChunk,
  staleCache,
  dirtyPages,
  mounted,
  bothWritten,
  undo,
  otherSource,
  full,
  extended,
  command,
  nothing,
  refusals,
  merging,
];
