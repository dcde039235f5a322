import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { assertSame, contentsOf, dumpOnto, refusalOf } from '../changes.js';
import type { Case } from '../case.js';
import { fillRandom, writeRandom } from '../contents.js';
import { disks, scratch } from '../places.js';
import { attempt, run, start, startLvstream } from '../run.js';
import { activeDevices, fieldOf, heldRoot, poolDevice, release, reserve } from '../thin-volumes.js';
import { until } from '../until.js';
import {
  makeThinPool,
  makeThinSnapshot,
  makeThinVolume,
  makeVolumeGroup,
  mapperDevice,
  type Volume,
  volumeNamed,
} from '../volumes.js';

const MEBIBYTE = 2 ** 20;
const SIZE = 8 * MEBIBYTE;

interface Made {
  readonly pool: Volume;
  readonly origin: Volume;
  readonly snapshot: Volume;
  readonly before: Buffer;
  readonly after: Buffer;
}

function makeSnapshot(): Made {
  const group = makeVolumeGroup('vg', disks);
  const pool = makeThinPool(group, 'pool', { size: 64 * MEBIBYTE, chunkSize: 65536 });
  const origin = makeThinVolume(pool, 'origin', SIZE);
  fillRandom(origin.device, 1);
  const before = contentsOf(origin.device);
  const snapshot = makeThinSnapshot(origin, 'snap', { active: false });
  writeRandom(origin.device, { seed: 2, count: 30 });
  return { pool, origin, snapshot, before, after: contentsOf(origin.device) };
}

const metadataDevice = (pool: Volume): string => mapperDevice(volumeNamed(pool.vg, `${pool.lv}_tmeta`));

/**
 * A folder with a `dmsetup` that does something when it is called with a word of that kind: `$PPID` is lvstream, `"$@"`
 * what it wants, `real` does that.
 */
function wrapDmsetup(word: string, action: string): string {
  const folder = `${scratch}/wrapped`;
  mkdirSync(folder, { recursive: true });
  const found = run('bash', ['-c', 'command -v dmsetup']).trim();
  const script = `#!/bin/bash\nreal() { ${found} "$@"; }\ncase " $* " in *" ${word} "*) ${action} ;; *) real "$@" ;; esac\n`;
  writeFileSync(`${folder}/dmsetup`, script, { mode: 0o755 });
  return `${folder}:${process.env['PATH'] ?? ''}`;
}

const dumpTo = (snapshot: Volume, file: string): string[] => ['dump', snapshot.name, '-o', file];
const file = `${scratch}/changes.lvs`;

/** The next run gives what it should, says what it found, and leaves nothing. */
async function worksAfterwards({ pool, snapshot, before, after }: Made, found: boolean): Promise<void> {
  const dumped = await dumpOnto(before, snapshot.name);
  assertSame(dumped.image, after);
  const remark = /vg\/pool: an lvstream that was killed had left a metadata snapshot/;
  assert.equal(remark.test(dumped.remarks.join()), found);
  assert.equal(dumped.consistent, true);
  assert.equal(heldRoot(pool), '-');
  assert.equal(readFileSync(`/var/lib/lvstream/${fieldOf(pool, 'lv_uuid')}.lock`, 'utf8'), '');
}

const killedAt = (word: string, moment: string, action: string, found: boolean): Case => ({
  name: `works after kill -9 ${moment}, and leaves nothing reserved`,
  run: async () => {
    const made = makeSnapshot();
    const path = wrapDmsetup(word, action);
    const { signal } = await startLvstream(dumpTo(made.snapshot, file), { env: { PATH: path } }).ended;
    assert.equal(signal, 'SIGKILL');
    assert.ok(!existsSync(file));
    // The wrapper may go on when lvstream is dead.
    await until(() => (heldRoot(made.pool) !== '-') === found, `the metadata is ${found ? '' : 'not '}held`);
    await worksAfterwards(made, found);
  },
});

const BEFORE = 'kill -KILL $PPID; real "$@"';
const AFTER = 'real "$@"; kill -KILL $PPID';
/** Two come before the metadata is reserved: the pool is looked at first, and again under the lock. */
const THIRD = `echo >>${scratch}/seen; if [ "$(wc -l <${scratch}/seen)" = 3 ]; then kill -KILL $PPID; fi; real "$@"`;

const kills = [
  killedAt('reserve_metadata_snap', 'beside the message that reserves', BEFORE, true),
  killedAt('reserve_metadata_snap', 'when the metadata snapshot is reserved', AFTER, true),
  killedAt('status', 'before it notes what is reserved', THIRD, true),
  killedAt('release_metadata_snap', 'beside the message that releases', BEFORE, false),
  killedAt('release_metadata_snap', 'before the message that releases', 'kill -KILL $PPID', true),
  killedAt('release_metadata_snap', 'when the metadata snapshot is released', AFTER, false),
];

/** Runs a program that reads the metadata snapshot, and dies while it does. */
function dieReading({ pool }: Made): void {
  const program = `
    import { listVolumes } from '#src/lvm/logical-volumes.js';
    import { readMetadataSnapshot } from '#src/lvm/thin/metadata-snapshot.js';
    import { findThinPool } from '#src/lvm/thin/thin-pool.js';
    const pool = findThinPool(listVolumes(), '${fieldOf(pool, 'lv_uuid')}');
    await readMetadataSnapshot(pool, 0, () => process.kill(process.pid, 'SIGKILL'));`;
  const { signal } = attempt(process.execPath, ['--input-type=module', '--eval', program]);
  assert.equal(signal, 'SIGKILL');
  assert.notEqual(heldRoot(pool), '-');
}

const killedReading: Case = {
  name: 'releases at once what was left behind by kill -9 while it was read, unless somebody reads it',
  run: async () => {
    const made = makeSnapshot();
    dieReading(made);
    const reader = start('sleep', ['1000'], { stdinFile: metadataDevice(made.pool) });
    const refusal = await refusalOf(made.snapshot.name, { waitSeconds: 0 });
    assert.match(refusal, /LvmError: vg\/pool: somebody else holds/);
    reader.process.kill('SIGKILL');
    await reader.ended;
    await worksAfterwards(made, true);
  },
};

const takenOver: Case = {
  name: 'leaves alone what somebody else reserved after one of ours was lost',
  run: async () => {
    const made = makeSnapshot();
    dieReading(made);
    release(made.pool);
    makeThinSnapshot(made.origin, 'later', { active: false });
    reserve(made.pool);
    const held = heldRoot(made.pool);
    assert.match(await refusalOf(made.snapshot.name, { waitSeconds: 0 }), /somebody else holds/);
    assert.equal(heldRoot(made.pool), held);
    release(made.pool);
    await worksAfterwards(made, false);
  },
};

const foreign: Case = {
  name: "waits for somebody else's metadata snapshot, and names it in the end",
  run: async () => {
    const made = makeSnapshot();
    reserve(made.pool);
    const held = heldRoot(made.pool);
    const refusal = await refusalOf(made.snapshot.name, { waitSeconds: 0 });
    assert.match(refusal, new RegExp(`vg/pool: somebody else holds .*block ${held}\\) \\| .*--wait`));
    const way = new RegExp(`dmsetup message vg-pool-tpool 0 release_metadata_snap`);
    assert.match(refusal, way);
    const begin = performance.now();
    await refusalOf(made.snapshot.name, { waitSeconds: 3 });
    assert.ok(performance.now() - begin >= 3000);
    assert.equal(heldRoot(made.pool), held);
    start('bash', [
      '-c',
      'sleep 2; dmsetup message "$1" 0 release_metadata_snap',
      'later',
      poolDevice(made.pool),
    ]);
    const dumped = await dumpOnto(made.before, made.snapshot.name, { waitSeconds: 60 });
    assertSame(dumped.image, made.after);
    assert.deepEqual(dumped.remarks, []);
    assert.equal(heldRoot(made.pool), '-');
  },
};

const terminated: Case = {
  name: 'releases the metadata snapshot when a signal comes while it is held',
  run: async () => {
    const made = makeSnapshot();
    const path = wrapDmsetup('release_metadata_snap', 'kill -TERM $PPID; sleep 1; real "$@"');
    const { status } = await startLvstream(dumpTo(made.snapshot, file), { env: { PATH: path } }).ended;
    assert.equal(status, 143);
    assert.equal(heldRoot(made.pool), '-');
    assert.ok(!existsSync(file));
    await worksAfterwards(made, false);
  },
};

const allTerminated = (word: string, moment: string): Case => ({
  name: `leaves nothing reserved when a signal ends dmsetup too, ${moment}: ${word}`,
  run: async () => {
    const made = makeSnapshot();
    const once = `if [ -e ${scratch}/seen ]; then real "$@"; else touch ${scratch}/seen; ${moment === 'at work' ? '' : 'real "$@"; '}kill -TERM $PPID $$; sleep 5; fi`;
    const path = wrapDmsetup(word, once);
    const { status, stderr } = await startLvstream(dumpTo(made.snapshot, file), { env: { PATH: path } })
      .ended;
    assert.equal(status, 143, stderr);
    assert.equal(heldRoot(made.pool), '-');
    assert.ok(!existsSync(file));
    await worksAfterwards(made, false);
  },
});

const failed: Case = {
  name: "says that nothing can be reserved, and takes nobody else's for its own afterwards",
  run: async () => {
    const made = makeSnapshot();
    const path = wrapDmsetup('reserve_metadata_snap', 'echo "Message failed: Invalid argument" >&2; exit 1');
    const { status, stderr } = await startLvstream(dumpTo(made.snapshot, file), { env: { PATH: path } })
      .ended;
    assert.equal(status, 1);
    assert.match(stderr, /vg\/pool: no metadata snapshot of the pool can be reserved: .*Invalid argument/);
    reserve(made.pool);
    assert.match(await refusalOf(made.snapshot.name, { waitSeconds: 4 }), /somebody else holds/);
    assert.notEqual(heldRoot(made.pool), '-');
    release(made.pool);
    await worksAfterwards(made, false);
  },
};

const together: Case = {
  name: 'takes turns with other lvstreams',
  run: async () => {
    const made = makeSnapshot();
    const path = wrapDmsetup('release_metadata_snap', 'sleep 0.5; real "$@"');
    const dumps = [1, 2, 3].map((count) =>
      startLvstream([...dumpTo(made.snapshot, `${file}${count}`), '--wait', '0'], { env: { PATH: path } }),
    );
    for (const { ended } of dumps) {
      const { status, stderr } = await ended;
      assert.equal(status, 0, stderr);
    }
    assert.equal(heldRoot(made.pool), '-');
  },
};

const deactivated: Case = {
  name: 'deactivates what it activated when a signal comes while it reads',
  run: async () => {
    const made = makeSnapshot();
    const active = activeDevices();
    const command = ['dump', made.snapshot.name, '--full', '--format', 'lvmsync'];
    const dump = start('bash', [
      '-c',
      'exec 3> >(exec sleep 1000 >/dev/null 2>&1); exec "$@" >&3',
      'bash',
      process.execPath,
      'bin/lvstream.js',
      ...command,
    ]);
    for (let left = 100; activeDevices().length === active.length && left > 0; left -= 1) await delay(100);
    assert.notDeepEqual(activeDevices(), active);
    await delay(1000);
    dump.process.kill('SIGTERM');
    const { status, stderr } = await dump.ended;
    assert.equal(status, 143, stderr);
    assert.deepEqual(activeDevices(), active);
    assert.equal(heldRoot(made.pool), '-');
    rmSync(file, { force: true });
  },
};

const ROUNDS = 12;

/** Prints when each dump was killed, so that a failure can be looked into. */
const killedAnywhere: Case = {
  name: 'works after kill -9 at any moments, one after the other',
  run: async () => {
    const made = makeSnapshot();
    const active = activeDevices();
    const begin = performance.now();
    await startLvstream(dumpTo(made.snapshot, `${scratch}/whole.lvs`)).ended;
    const whole = performance.now() - begin;
    for (let round = 0; round < ROUNDS; round += 1) {
      const dump = startLvstream(dumpTo(made.snapshot, file));
      const moment = ((round + Math.random()) / ROUNDS) * whole;
      await delay(moment);
      dump.process.kill('SIGKILL');
      await dump.ended;
      process.stdout.write(`killed after ${Math.round(moment)} of ${Math.round(whole)} ms\n`);
      rmSync(file, { force: true });
    }
    const dumped = await dumpOnto(made.before, made.snapshot.name);
    assertSame(dumped.image, made.after);
    assert.equal(heldRoot(made.pool), '-');
    assert.deepEqual(activeDevices(), active);
  },
};

export const cases: readonly Case[] = [
  ...kills,
  killedReading,
  takenOver,
  foreign,
  terminated,
  allTerminated('reserve_metadata_snap', 'at work'),
  allTerminated('reserve_metadata_snap', 'done'),
  allTerminated('release_metadata_snap', 'at work'),
  allTerminated('release_metadata_snap', 'done'),
  failed,
  together,
  deactivated,
  killedAnywhere,
];
