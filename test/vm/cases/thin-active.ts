import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { assertSame, contentsOf, dumpOnto, openChanges } from '../changes.js';
import type { Case } from '../case.js';
import { fillRandom, writeRandom } from '../contents.js';
import { disks, scratch } from '../places.js';
import { attempt, run, type RunningProgram, start, startLvstream } from '../run.js';
import { activeDevices } from '../thin-volumes.js';
import {
  makeThinPool,
  makeThinSnapshot,
  makeThinVolume,
  makeVolumeGroup,
  mapperDevice,
  type Volume,
  volumeNamed,
} from '../volumes.js';

/** Snapshots that are not active until somebody reads them, and whoever made them active. */

const MEBIBYTE = 2 ** 20;
const SIZE = 8 * MEBIBYTE;

interface Made {
  readonly origin: Volume;
  readonly snapshot: Volume;
  readonly before: Buffer;
}

function makeInactive(): Made {
  const pool = makeThinPool(makeVolumeGroup('vg', disks), 'pool', { size: 64 * MEBIBYTE, chunkSize: 65536 });
  const origin = makeThinVolume(pool, 'origin', SIZE);
  fillRandom(origin.device, 1);
  const before = contentsOf(origin.device);
  const snapshot = makeThinSnapshot(origin, 'snap', { active: false });
  writeRandom(origin.device, { seed: 2, count: 30 });
  return { origin, snapshot, before };
}

const isActive = (volume: Volume): boolean =>
  activeDevices().some((name) => `/dev/mapper/${name}` === mapperDevice(volume));
const notes = (): string[] => (existsSync('/run/lvstream') ? readdirSync('/run/lvstream') : []);

/** Undoes the changes to the origin, and returns what was remarked. */
async function undo({ origin, snapshot, before }: Made): Promise<readonly string[]> {
  const { image, remarks } = await dumpOnto(contentsOf(origin.device), snapshot.name, { undo: true });
  assertSame(image, before);
  return remarks;
}

const LEFT_ACTIVE =
  'vg/snap: an lvstream that was killed had left it active; it is deactivated when it has been read';

/** A dump of the whole snapshot to a pipe that nobody empties, once it reads. */
async function blockedDump(snapshot: Volume): Promise<RunningProgram> {
  const command = [
    process.execPath,
    'bin/lvstream.js',
    'dump',
    snapshot.name,
    '--full',
    '--format',
    'lvmsync',
  ];
  const pipe = 'exec 3> >(exec sleep 1000 >/dev/null 2>&1); exec "$@" >&3';
  const dump = start('bash', ['-c', pipe, 'bash', ...command]);
  for (let left = 100; !isActive(snapshot) && left > 0; left -= 1) await delay(100);
  await delay(2000);
  assert.ok(isActive(snapshot));
  return dump;
}

async function killDump(snapshot: Volume): Promise<void> {
  const dump = await blockedDump(snapshot);
  dump.process.kill('SIGKILL');
  assert.equal((await dump.ended).signal, 'SIGKILL');
  assert.ok(isActive(snapshot));
}

const shared: Case = {
  name: 'stays active until the last of several dumps has read it, whoever activated it',
  run: async () => {
    const made = makeInactive();
    for (const [earlier, later] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const dumps = [
        await openChanges(made.snapshot.name, { undo: true }),
        await openChanges(made.snapshot.name, { undo: true }),
      ];
      assert.deepEqual(dumps[1]!.remarks, []);
      dumps[earlier]!.close();
      assert.ok(isActive(made.snapshot));
      dumps[later]!.close();
      assert.ok(!isActive(made.snapshot));
      assert.deepEqual(notes(), []);
    }
  },
};

const atOnce: Case = {
  name: 'is not active any more after several dumps at once',
  run: async () => {
    const { snapshot } = makeInactive();
    const dumps = [1, 2, 3].map((count) =>
      startLvstream(['dump', snapshot.name, '--undo', '-o', `${scratch}/${count}.lvs`]),
    );
    for (const { ended } of dumps) {
      const { status, stderr } = await ended;
      assert.equal(status, 0, stderr);
    }
    assert.ok(!isActive(snapshot));
    assert.deepEqual(notes(), []);
  },
};

const killed: Case = {
  name: 'is deactivated by the next dump after one was killed that had activated it',
  run: async () => {
    const made = makeInactive();
    await killDump(made.snapshot);
    assert.deepEqual(await undo(made), [LEFT_ACTIVE]);
    assert.ok(!isActive(made.snapshot));
    assert.deepEqual(notes(), []);
  },
};

/** `lvchange` first on PATH, which does `action`: `$PPID` is lvstream, `real` is what it wants. */
function wrapLvchange(action: string): string {
  const folder = `${scratch}/wrapped`;
  mkdirSync(folder, { recursive: true });
  const found = run('bash', ['-c', 'command -v lvchange']).trim();
  const script = `#!/bin/bash\nreal() { ${found} "$@"; }\n${action}\n`;
  writeFileSync(`${folder}/lvchange`, script, { mode: 0o755 });
  return `${folder}:${process.env['PATH'] ?? ''}`;
}

const killedActivating = (moment: string, action: string): Case => ({
  name: `is not left active for good by kill -9 ${moment}`,
  run: async () => {
    const made = makeInactive();
    const args = ['dump', made.snapshot.name, '--undo', '-o', `${scratch}/undo.lvs`];
    const { signal } = await startLvstream(args, { env: { PATH: wrapLvchange(action) } }).ended;
    assert.equal(signal, 'SIGKILL');
    await undo(made);
    assert.ok(!isActive(made.snapshot));
    assert.deepEqual(notes(), []);
  },
});

const ownedByUser: Case = {
  name: 'stays active where the user activated it, also after a dump was killed that had before',
  run: async () => {
    const made = makeInactive();
    const lvchange = (active: 'y' | 'n') =>
      run('lvchange', ['--quiet', '--activate', active, '--ignoreactivationskip', made.snapshot.name]);
    lvchange('y');
    await undo(made);
    assert.ok(isActive(made.snapshot));
    lvchange('n');
    await killDump(made.snapshot);
    await delay(200);
    lvchange('n');
    lvchange('y');
    assert.deepEqual(await undo(made), []);
    assert.ok(isActive(made.snapshot));
    assert.deepEqual(notes(), []);
  },
};

const renamed: Case = {
  name: 'is deactivated by whatever name it has by then, and not what has its name',
  run: async () => {
    const made = makeInactive();
    const changes = await openChanges(made.snapshot.name, { undo: true });
    run('lvrename', ['--quiet', made.snapshot.name, 'vg/earlier']);
    makeThinSnapshot(made.origin, made.snapshot.lv, { active: true });
    changes.close();
    assert.ok(!isActive(volumeNamed('vg', 'earlier')));
    assert.ok(isActive(made.snapshot));
    assert.deepEqual(notes(), []);
  },
};

const opened: Case = {
  name: 'stays active while somebody else has it open, without an error',
  run: async () => {
    const made = makeInactive();
    const changes = await openChanges(made.snapshot.name, { undo: true });
    const reader = start('sleep', ['1000'], { stdinFile: mapperDevice(made.snapshot) });
    changes.close();
    assert.ok(isActive(made.snapshot));
    reader.process.kill('SIGKILL');
    await reader.ended;
    await undo(made);
    assert.equal(attempt('ls', [mapperDevice(made.snapshot)]).status, 2);
    assert.deepEqual(notes(), []);
  },
};

export const cases: readonly Case[] = [
  shared,
  atOnce,
  killed,
  killedActivating('before it is activated', 'kill -KILL $PPID'),
  killedActivating('while it is activated', 'kill -KILL $PPID; sleep 3; real "$@"'),
  killedActivating('when it is active', 'real "$@"; kill -KILL $PPID'),
  ownedByUser,
  renamed,
  opened,
];
