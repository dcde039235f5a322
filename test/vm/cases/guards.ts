import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Case } from '../case.js';
import { assertSame, contentsOf, dumpOnto, refusalOf } from '../changes.js';
import { fillRandom, sha256, writeRandom } from '../contents.js';
import { disks, scratch } from '../places.js';
import { attempt, lvmsync, lvstream, run, start } from '../run.js';
import { fieldOf, release, reserve } from '../thin-volumes.js';
import { until } from '../until.js';
import {
  makeThickSnapshot,
  makeThinPool,
  makeThinSnapshot,
  makeThinVolume,
  makeVolume,
  makeVolumeGroup,
  type Volume,
} from '../volumes.js';

/** What somebody else does at the wrong moment, or has set up in an unusual way. */

const MEBIBYTE = 2 ** 20;
const SIZE = 8 * MEBIBYTE;
const STORE = { size: 8 * MEBIBYTE, chunkSize: 4096 };

function makeThick(): { origin: Volume; snapshot: Volume } {
  const origin = makeVolume(makeVolumeGroup('vg', disks), 'vm', SIZE);
  fillRandom(origin.device, 1);
  return { origin, snapshot: makeThickSnapshot(origin, 'snap', STORE) };
}

function makeThin(): { pool: Volume; origin: Volume; snapshot: Volume } {
  const pool = makeThinPool(makeVolumeGroup('vg', disks), 'pool', { size: 64 * MEBIBYTE, chunkSize: 65536 });
  const origin = makeThinVolume(pool, 'vm', SIZE);
  fillRandom(origin.device, 1);
  return { pool, origin, snapshot: makeThinSnapshot(origin, 'snap', { active: false }) };
}

/** A snapshot to be merged, with changes before it and behind it. */
function mergeLater(origin: Volume): Volume {
  writeRandom(origin.device, { seed: 2, count: 20 });
  const merged = makeThinSnapshot(origin, 'merged', { active: false });
  writeRandom(origin.device, { seed: 3, count: 20 });
  return merged;
}

/** Takes the origin back to the snapshot, writes to it, and makes a snapshot of that. */
function mergeNow(origin: Volume, merged: Volume): Volume {
  run('lvconvert', ['--quiet', '--merge', '--yes', merged.name]);
  writeRandom(origin.device, { seed: 4, count: 20 });
  return makeThinSnapshot(origin, 'last');
}

/** A second snapshot, and the same block written to the first one and to the origin before it was taken. */
async function leavesOutNothingNew(origin: Volume, first: Volume, snap: () => Volume): Promise<void> {
  const copy = contentsOf(first.device);
  for (const { device } of [first, origin]) writeRandom(device, { seed: 4, count: 5 });
  writeRandom(origin.device, { seed: 5, count: 5 });
  const second = snap();
  const { image, remarks } = await dumpOnto(copy, first.name, { to: second.name });
  assertSame(image, contentsOf(second.device));
  assert.match(remarks.join(), /vg\/snap has been written to, so what is equal in both is kept/);
}

export const cases: readonly Case[] = [
  {
    name: 'a device that lies on the stream is no target',
    run: () => {
      const file = path.join(scratch, 'stream');
      const record = Buffer.alloc(12 + MEBIBYTE);
      record.writeUInt32BE(MEBIBYTE, 8);
      writeFileSync(file, Buffer.concat([Buffer.from('lvmsync PROTO[3]\n'), record]));
      const loop = run('losetup', ['--find', '--show', file]).trim();
      run('dmsetup', ['create', 'upper', '--table', `0 2048 linear ${loop} 0`]);
      run('dmsetup', ['mknodes', 'upper']);
      const before = readFileSync(file);
      const { status, stderr } = lvstream(['apply', file, '/dev/mapper/upper', '--in-use']);
      assert.equal(status, 4, stderr);
      assert.match(stderr, /is the stream itself/);
      assert.ok(readFileSync(file).equals(before));
      run('dmsetup', ['remove', 'upper']);
      run('losetup', ['--detach', loop]);
    },
  },
  {
    name: 'a thin merge that was put off is not begun by a dump',
    run: async () => {
      const { origin, snapshot } = makeThin();
      const old = sha256(origin.device);
      writeRandom(origin.device, { seed: 2, count: 20 });
      const holder = start('sleep', ['60'], { stdinFile: origin.device });
      run('lvconvert', ['--quiet', '--merge', '--yes', snapshot.name]);
      holder.process.kill();
      await holder.ended;
      run('lvchange', ['--quiet', '-an', origin.name]);
      assert.match(
        await refusalOf(snapshot.name),
        /^LvmError: vg\/snap: it is being merged into its origin \| wait/,
      );
      assert.match(
        await refusalOf(origin.name, { full: true }),
        /^LvmError: vg\/vm: a snapshot is being merged/,
      );
      assert.equal(fieldOf(origin, 'lv_active'), '');
      run('lvchange', ['--quiet', '-ay', origin.name]);
      assert.equal(sha256(origin.device), old, 'the merge was still to come');
    },
  },
  {
    name: 'thin: what is read behind a merge does not follow what was read before it',
    run: () => {
      const { origin, snapshot } = makeThin();
      const [replica, other] = ['replica', 'other'].map((name) => path.join(scratch, name));
      writeFileSync(replica!, contentsOf(origin.device));
      const merged = mergeLater(origin);
      const middle = makeThinSnapshot(origin, 'middle', { active: false });
      const [first, second, undo, later] = ['1.lvs', '2.lvs', '1.undo.lvs', '2.undo.lvs'].map((name) =>
        path.join(scratch, name),
      );
      succeed('dump', snapshot.name, '--to', middle.name, '-o', first!);
      succeed('apply', first!, replica!, '--snapback', undo!);
      const last = mergeNow(origin, merged);
      succeed('dump', snapshot.name, '--to', last.name, '--keep-equal', '-o', second!);
      const { status, stderr } = lvstream(['apply', second!, replica!, '--snapback', later!]);
      assert.deepEqual([status, existsSync(later!)], [4, false], stderr);
      assert.match(stderr, /^lvstream: the stream starts from lv:\S+, but by \S+ the device is at lv:\S+\n/);
      copyFileSync(replica!, other!);
      succeed('apply', second!, other!, '--no-base-check');
      assert.notEqual(digestOf(other!), sha256(last.device), 'the refusal is needed');
      succeed('apply', undo!, replica!);
      succeed('apply', second!, replica!, '--snapback', later!);
      assert.equal(digestOf(replica!), sha256(last.device));
    },
  },
  {
    name: 'thin: maps from before and behind a merge give one that leads on',
    run: () => {
      const { origin, snapshot } = makeThin();
      const replica = path.join(scratch, 'replica');
      writeFileSync(replica, contentsOf(origin.device));
      const merged = mergeLater(origin);
      const middle = makeThinSnapshot(origin, 'middle', { active: false });
      const [one, two, both, stream] = ['1.map', '2.map', 'both.map', 'vm.lvs'].map((name) =>
        path.join(scratch, name),
      );
      succeed('changes', snapshot.name, '--to', middle.name, '-o', one!);
      const last = mergeNow(origin, merged);
      succeed('changes', middle.name, '--to', last.name, '-o', two!);
      assert.equal(lvstream(['merge', two!, one!, '-o', both!]).status, 4);
      succeed('merge', one!, two!, '-o', both!);
      succeed('dump', '--map', both!, '--data-source', last.device, '-o', stream!);
      assert.equal(consistency(stream!), true);
      succeed('apply', stream!, replica);
      assert.equal(digestOf(replica), sha256(last.device));
    },
  },
  {
    name: 'a replica that is mounted is no target, through whatever node, and in whatever namespace',
    run: async () => {
      const { origin, snapshot } = makeThick();
      writeRandom(origin.device, { seed: 2, count: 20 });
      const replica = makeVolume({ vg: 'vg' }, 'replica', SIZE);
      const stream = path.join(scratch, 'vm.lvs');
      succeed('dump', snapshot.name, '-o', stream);
      run('mkfs.ext4', ['-q', replica.device]);
      const before = sha256(replica.device);
      const node = path.join(scratch, 'node');
      const number = run('stat', ['--dereference', '--format', '%Hr %Lr', replica.device]).trim().split(' ');
      run('mknod', [node, 'b', ...number]);
      const point = path.join(scratch, 'point');
      mkdirSync(point);
      run('mount', ['-o', 'ro,noload', replica.device, point]);
      for (const device of [replica.device, node]) {
        const { status, stderr } = lvstream(['apply', stream, device, '--snapback', `${scratch}/undo.lvs`]);
        assert.equal(status, 4, stderr);
        assert.match(stderr, /^lvstream: \S+: is mounted on \S+point\nlvstream: hint: unmount it first/);
      }
      const dropIn = lvmsync([snapshot.name, replica.device]);
      assert.equal(dropIn.status, 1);
      assert.match(dropIn.stderr, /^FATAL ERROR: \S+: is mounted on/m);
      run('umount', [point]);
      const hide = 'mount -o ro,noload "$1" "$2" && echo mounted && exec sleep 1000';
      const hidden = ['--mount', 'bash', '-c', hide, 'hide', replica.device, point];
      const elsewhere = start('unshare', hidden);
      await once(elsewhere.process.stdout!, 'data');
      const { status, stderr } = lvstream(['apply', stream, replica.device]);
      assert.equal(status, 4, stderr);
      assert.match(
        stderr,
        /^lvstream: \/dev\/vg\/replica: is open elsewhere: .*\nlvstream: hint: end that use/,
      );
      elsewhere.process.kill();
      await elsewhere.ended;
      assert.equal(sha256(replica.device), before);
      assert.deepEqual(readdirSync(scratch).sort(), ['node', 'point', 'vm.lvs']);
    },
  },
  {
    name: 'a thin snapshot that another one took the number of meanwhile is noticed',
    run: async () => {
      const { pool, origin, snapshot } = makeThin();
      writeRandom(origin.device, { seed: 2, count: 20 });
      reserve(pool);
      const opening = refusalOf(snapshot.name, { waitSeconds: 60 });
      const lock = `/var/lib/lvstream/${fieldOf(pool, 'lv_uuid')}.lock`;
      await until(() => existsSync(lock), 'the dump waits for the metadata snapshot');
      run('lvremove', ['--quiet', '--yes', snapshot.name]);
      makeThinSnapshot(origin, 'snap', { active: false });
      release(pool);
      assert.match(await opening, /^LvmError: vg\/pool: volumes of the pool were made or removed meanwhile/);
    },
  },
  {
    name: 'thick: what a snapshot was given after it was copied is not left out for being equal',
    run: async () => {
      const { origin, snapshot } = makeThick();
      await leavesOutNothingNew(origin, snapshot, () => makeThickSnapshot(origin, 'next', STORE));
    },
  },
  {
    name: 'thin: what a snapshot was given after it was copied is not left out for being equal',
    run: async () => {
      const { origin, snapshot } = makeThin();
      run('lvchange', ['--quiet', '-ay', '-K', snapshot.name]);
      await leavesOutNothingNew(origin, snapshot, () => makeThinSnapshot(origin, 'next'));
    },
  },
  {
    name: 'a snapshot is no target of its own changes',
    run: () => {
      const { origin, snapshot } = makeThick();
      const other = makeThickSnapshot(origin, 'other', STORE);
      writeRandom(origin.device, { seed: 2, count: 20 });
      for (const target of [snapshot, other, origin]) {
        const before = sha256(target.device);
        const { status, stderr } = lvmsync([snapshot.name, target.device]);
        assert.equal(status, 1);
        assert.match(stderr, /^FATAL ERROR: .*is what the changes are read from/m);
        assert.equal(sha256(target.device), before);
      }
    },
  },
  {
    name: 'impatient Ctrl-C leaves no temporary snapshot, whenever it comes',
    run: async () => {
      const { origin, snapshot } = makeThick();
      writeRandom(origin.device, { seed: 2, count: 200 });
      for (const milliseconds of [1200, 1800, 2400, 3200]) {
        await interrupted(snapshot, milliseconds);
        assert.deepEqual(volumesIn('vg'), ['snap', 'vm']);
        assert.equal(run('bash', ['-c', 'ls -A /run/lvstream 2>/dev/null || true']), '');
      }
    },
    timeoutSeconds: 300,
  },
  {
    name: 'a map says whether it leads to a single moment',
    run: () => {
      const { origin, snapshot } = makeThick();
      const replica = path.join(scratch, 'replica');
      writeFileSync(replica, contentsOf(snapshot.device));
      writeRandom(origin.device, { seed: 2, count: 20 });
      const next = makeThickSnapshot(origin, 'next', STORE);
      const [moment, open, stream] = ['moment.map', 'open.map', 'vm.lvs'].map((name) =>
        path.join(scratch, name),
      );
      succeed('changes', snapshot.name, '--to', next.name, '-o', moment!);
      succeed('changes', snapshot.name, '-o', open!);
      run('lvremove', ['--quiet', '--yes', snapshot.name]);
      const later = path.join(scratch, 'later.map');
      succeed('changes', next.name, '-o', later);
      const merged = lvstream(['merge', later, moment!, '-o', path.join(scratch, 'merged.map')]);
      assert.equal(merged.status, 4);
      assert.match(merged.stderr, /moment\.map: (?:does not follow|begins earlier than) \S*later\.map/);
      writeRandom(origin.device, { seed: 3, count: 20 });
      const torn = succeed('dump', '--map', open!, '--data-source', origin.device, '-o', `${stream!}.torn`);
      assert.match(torn, /the map does not end at what \/dev\/vg\/vm holds/);
      assert.equal(consistency(`${stream!}.torn`), false);
      succeed('dump', '--map', moment!, '--data-source', origin.device, '-o', `${stream!}.other`);
      assert.equal(consistency(`${stream!}.other`), false);
      assert.equal(succeed('dump', '--map', moment!, '--data-source', next.device, '-o', stream!), '');
      assert.equal(consistency(stream!), true);
      succeed('apply', stream!, replica);
      assert.equal(digestOf(replica), sha256(next.device));
    },
  },
  {
    name: 'settings of lvm.conf that change reports change nothing',
    run: async () => {
      const { origin, snapshot } = makeThick();
      const copy = contentsOf(snapshot.device);
      writeRandom(origin.device, { seed: 2, count: 20 });
      const folder = path.join(scratch, 'lvm');
      mkdirSync(folder);
      const settings =
        'report { binary_values_as_numeric=1 prefixes=1 list_item_separator=";" time_format="%c" } log { prefix="!" } global { units="s" }';
      const plain = run('cat', ['/etc/lvm/lvm.conf']);
      writeFileSync(path.join(folder, 'lvm.conf'), `${plain}\n${settings}\n`);
      process.env['LVM_SYSTEM_DIR'] = folder;
      try {
        const { image, base } = await dumpOnto(copy, snapshot.name);
        assertSame(image, contentsOf(origin.device));
        assert.match(base!, /^lv:/);
      } finally {
        delete process.env['LVM_SYSTEM_DIR'];
      }
    },
  },
  {
    name: 'who is not root, and who lacks the tools, is told so',
    run: () => {
      makeThick();
      const bin = path.resolve('bin/lvstream.js');
      const asNobody = attempt('setpriv', [
        ...['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, bin, 'dump', 'vg/snap'],
      ]);
      assert.match(asNobody.stderr, /^lvstream: logical volumes can only be read by root\nlvstream: hint: /);
      for (const [tool, debian] of [
        ['lvs', 'lvm2'],
        ['dmsetup', 'dmsetup'],
      ] as const) {
        const { status, stderr } = withoutTool(tool);
        assert.equal(status, 1);
        assert.match(
          stderr,
          new RegExp(
            `^lvstream: ${tool} can't be run: .*\nlvstream: hint: install it \\(Debian package ${debian}\\)`,
          ),
        );
      }
    },
  },
];

/** In a mount namespace of its own, where the tool is hidden behind nothing that could be run. */
function withoutTool(tool: string) {
  const folders = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  const hide = folders.map(
    (folder) => `[ ! -e ${folder}/${tool} ] || mv ${folder}/${tool} ${folder}/${tool}.hidden`,
  );
  const show = folders.map(
    (folder) => `[ ! -e ${folder}/${tool}.hidden ] || mv ${folder}/${tool}.hidden ${folder}/${tool}`,
  );
  run('bash', ['-c', hide.join('; ')]);
  try {
    return lvstream(['dump', 'vg/snap', '-o', path.join(scratch, 'none')]);
  } finally {
    run('bash', ['-c', show.join('; ')]);
  }
}

const volumesIn = (vg: string): string[] =>
  run('lvs', ['--noheadings', '--options', 'lv_name', '--sort', 'lv_name', vg]).trim().split(/\s+/);

/** The terminal's Ctrl-C goes to all processes of the job, and comes twice. */
async function interrupted(snapshot: Volume, milliseconds: number): Promise<void> {
  const script =
    'setsid "$@" & pid=$!; sleep "$AFTER"; for i in 1 2; do kill -INT -- -$pid 2>/dev/null; sleep 0.4; done; wait $pid; echo $?';
  const bin = path.resolve('bin/lvstream.js');
  const args = [
    'dump',
    snapshot.name,
    '--temporary-snapshot',
    '8M',
    '-o',
    path.join(scratch, `${milliseconds}.lvs`),
  ];
  const env = { AFTER: String(milliseconds / 1000) };
  await start('bash', ['-c', script, 'job', process.execPath, bin, ...args], { env }).ended;
}

const digestOf = (file: string): string => run('sha256sum', [file]).slice(0, 64);

function succeed(...args: string[]): string {
  const { status, stderr } = lvstream(args);
  assert.equal(status, 0, stderr);
  return stderr;
}

function consistency(stream: string): unknown {
  const { stdout } = lvstream(['info', '--json', stream]);
  return (JSON.parse(stdout.toString()) as { consistent?: unknown }).consistent;
}
