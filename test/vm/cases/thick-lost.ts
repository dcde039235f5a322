import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatSentence } from '#src/errors.js';
import { assertSame, contentsOf, openChanges, takeAll } from '../changes.js';
import type { Case } from '../case.js';
import { fillRandom, writeRandom } from '../contents.js';
import { disks, scratch } from '../places.js';
import { attempt, lvmsync, lvstream, run, type RunningProgram, startLvstream } from '../run.js';
import { makeThickSnapshot, makeVolume, makeVolumeGroup, type Volume } from '../volumes.js';

const KIBIBYTE = 2 ** 10;
const MEBIBYTE = 2 ** 20;
const SIZE = 8 * MEBIBYTE;

interface Made {
  readonly origin: Volume;
  readonly snapshot: Volume;
}

/** A snapshot with changes, and with room for not many more. */
function makeChanged(): Made {
  const origin = makeVolume(makeVolumeGroup('vg', disks), 'origin', SIZE);
  fillRandom(origin.device, 1);
  const snapshot = makeThickSnapshot(origin, 'snap', { size: 4 * MEBIBYTE, chunkSize: 4 * KIBIBYTE });
  writeRandom(origin.device, { seed: 2, count: 300 });
  return { origin, snapshot };
}

const overflow = ({ origin }: Made): void => fillRandom(origin.device, 3);
const remove = ({ snapshot }: Made): unknown =>
  run('lvremove', ['--quiet', '--force', '--yes', snapshot.name]);
const replace = (made: Made): void => {
  remove(made);
  makeThickSnapshot(made.origin, 'snap', { size: 4 * MEBIBYTE, chunkSize: 4 * KIBIBYTE });
};

/** A dump that has read the table and stands still, with its file begun. */
async function stoppedDump(...more: string[]): Promise<RunningProgram> {
  const program = startLvstream(['dump', 'vg/snap', '-o', `${scratch}/changes.lvs`, ...more]);
  while (readdirSync(scratch).length === 0) {
    assert.equal(program.process.exitCode, null, 'it has ended too early');
    await sleep(1);
  }
  program.process.kill('SIGSTOP');
  return program;
}

const lostWhileRead = (name: string, lose: (made: Made) => unknown): Case => ({
  name: `fails a dump whose snapshot ${name} meanwhile`,
  run: async () => {
    const made = makeChanged();
    const before = contentsOf(made.snapshot.device);
    const changes = await openChanges(made.snapshot.name);
    lose(made);
    await assert.rejects(takeAll(changes, before), /the snapshot was lost while it was read/);
    changes.close();
    changes.close();
  },
});

const noFile: Case = {
  name: 'leaves no file of a dump whose snapshot overflows',
  run: async () => {
    const made = makeChanged();
    const program = await stoppedDump();
    overflow(made);
    program.process.kill('SIGCONT');
    const { status, stderr } = await program.ended;
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^lvstream: the snapshot was lost while it was read: vg\/snap: the snapshot is invalid/m,
    );
    assert.match(stderr, /hint: .*lost for good/);
    assert.deepEqual(readdirSync(scratch), []);
  },
};

const refusedAtOnce: Case = {
  name: 'refuses a snapshot that has overflowed, in a line and another that says what is left, and makes no file',
  run: () => {
    overflow(makeChanged());
    for (const command of [['dump'], ['dump', '--undo'], ['dump', '--full'], ['changes']]) {
      const { status, stderr } = lvstream([...command, 'vg/snap', '-o', `${scratch}/changes.lvs`]);
      assert.equal(status, 1, stderr);
      assert.match(
        stderr,
        /^lvstream: vg\/snap: .*(?:invalid|overflowed).*\nlvstream: hint: .*lost for good.*\n$/,
      );
      assert.deepEqual(readdirSync(scratch), []);
    }
    const { status, stderr } = lvmsync(['vg/snap', '--stdout']);
    assert.equal(status, 1);
    assert.match(stderr, /^FATAL ERROR: vg\/snap: .*(?:invalid|overflowed)/m);
  },
};

const temporaries = (): string[] =>
  run('lvs', ['--noheadings', '--options', 'lv_name', '@lvstream.temporary']).split('\n').filter(Boolean);

const leftovers = (): string[] => [
  ...temporaries(),
  ...attempt('ls', ['-A', '/run/lvstream']).stdout.toString().split('\n').filter(Boolean),
  ...readdirSync(scratch),
];

const signals: Case = {
  name: 'leaves nothing of a dump with a temporary snapshot that a signal ends',
  timeoutSeconds: 400,
  run: async () => {
    makeChanged();
    for (const [signal, status] of [
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const) {
      const program = await stoppedDump('--temporary-snapshot', '8M');
      assert.equal(temporaries().length, 1);
      program.process.kill(signal);
      program.process.kill('SIGCONT');
      assert.equal((await program.ended).status, status);
      assert.deepEqual(leftovers(), []);
    }
  },
};

const killed: Case = {
  name: 'removes what a killed dump left behind, and not what one that runs needs',
  timeoutSeconds: 400,
  run: async () => {
    const { origin, snapshot } = makeChanged();
    const dead = await stoppedDump('--temporary-snapshot', '8M');
    dead.process.kill('SIGKILL');
    await dead.ended;
    run('bash', ['-c', `rm -f ${scratch}/.changes*`]);
    const [left] = temporaries();
    assert.ok(left !== undefined);

    const running = await openChanges(snapshot.name, { temporarySnapshot: 8 * MEBIBYTE });
    const remarks = running.remarks.map((remark) => formatSentence(remark, ({ name }) => name)).join();
    assert.match(remarks, new RegExp(`^vg/${left.trim()} was left behind .* is removed$`));
    assert.equal(temporaries().length, 1);
    const args = ['dump', snapshot.name, '--temporary-snapshot', '8M', '-o', `${scratch}/other.lvs`];
    const { status, stderr } = lvstream(args);
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /left behind/);
    assert.equal(temporaries().length, 1);
    const { image } = await takeAll(running, contentsOf(snapshot.device));
    assertSame(image, contentsOf(origin.device));
    running.close();
    assert.deepEqual(leftovers(), ['other.lvs']);
  },
};

export const cases: readonly Case[] = [
  lostWhileRead('overflows', overflow),
  lostWhileRead('is removed', remove),
  lostWhileRead('gives its name to another', replace),
  refusedAtOnce,
  noFile,
  signals,
  killed,
];
