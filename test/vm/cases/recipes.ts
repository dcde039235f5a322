import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Case } from '../case.js';
import { fillRandom, sha256, writeRandom } from '../contents.js';
import { disks, scratch } from '../places.js';
import { attempt, lvmsync, lvstream, run } from '../run.js';
import {
  makeThickSnapshot,
  makeThinPool,
  makeThinSnapshot,
  makeThinVolume,
  makeVolume,
  makeVolumeGroup,
  type Volume,
} from '../volumes.js';

/** The recipes of the README as they stand there, from hour to hour, with each of their steps failing or killed in turn. */

const MEBIBYTE = 2 ** 20;
const SIZE = 16 * MEBIBYTE;
const SNAPBACKS = '/var/snapbacks';
const FAKES = path.join(scratch, 'fakes');
const CALLS = path.join(scratch, 'calls');
const FAULT = path.join(scratch, 'fault');
const PROGRAMS = ['flock', 'lvcreate', 'lvremove', 'lvrename', 'lvs', 'lvstream', 'lvmsync'];

type Kind = 'thick' | 'thin';
type Fault = 'failing' | 'killed' | 'midway';

/** The README's `vg/vm`, and `/dev/backup/vm`, which holds something else. */
interface Pair {
  readonly origin: Volume;
  readonly replica: Volume;
  readonly snap: (name: string) => Volume;
}

function makePair(kind: Kind): Pair {
  const group = makeVolumeGroup('vg', [disks[0]!]);
  const origin =
    kind === 'thick' ? makeVolume(group, 'vm', SIZE) : makeThinVolume(makePool(group), 'vm', SIZE);
  const replica = makeVolume(makeVolumeGroup('backup', [disks[1]!]), 'vm', SIZE);
  fillRandom(origin.device, 7);
  const thick = { size: 8 * MEBIBYTE, chunkSize: 4096 };
  const snap = (name: string): Volume =>
    kind === 'thick'
      ? makeThickSnapshot(origin, name, thick)
      : makeThinSnapshot(origin, name, { active: false });
  return { origin, replica, snap };
}

const makePool = (group: ReturnType<typeof makeVolumeGroup>): Volume =>
  makeThinPool(group, 'pool', { size: 96 * MEBIBYTE, chunkSize: 65536 });

/** The blocks of shell commands in the README's section, with what a small machine has in place of its sizes. */
function readRecipes(kind: Kind): string[] {
  const [, section = ''] = /^### An hourly archive(.*?)^## /ms.exec(readFileSync('README.md', 'utf8')) ?? [];
  return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) =>
    block.replaceAll('--size 5G ', kind === 'thick' ? '--size 8M ' : '').replace(/^PATH=/m, `PATH=${FAKES}:`),
  );
}

/** What a recipe calls is counted, and the call of a number fails, is killed with all of the recipe, or killed midway. */
function makeFakes(): void {
  const programs = path.resolve('bin');
  const fake = `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
name=\${0##*/}
echo "$name" >>${CALLS}
read -r at how <${FAULT}
real() { case $name in lvstream | lvmsync) exec ${process.execPath} ${programs}/$name.js "$@" ;; *) exec $name "$@" ;; esac; }
[ "$(wc -l <${CALLS})" = "$at" ] || real "$@"
case $how in
  failing) echo "$name: made to fail" >&2; exit 5 ;;
  killed) kill -9 0 ;;
  midway)
    real "$@" & pid=$!
    while kill -0 $pid 2>/dev/null && [ -z "$(find ${SNAPBACKS} -name '*.partial' -size +32k)" ]; do sleep 0.02; done
    kill -9 0 ;;
esac
`;
  mkdirSync(FAKES, { recursive: true });
  writeFileSync(path.join(FAKES, 'fake'), fake);
  chmodSync(path.join(FAKES, 'fake'), 0o755);
  for (const name of PROGRAMS) symlinkSync('fake', path.join(FAKES, name));
}

interface Ran {
  readonly isDone: boolean;
  readonly calls: readonly string[];
  readonly said: string;
}

/** Runs a recipe as cron does: with nothing of this process's environment, in a process group of its own. */
function runRecipe(recipe: string, fault?: { readonly at: number; readonly how: Fault }): Ran {
  const script = path.join(scratch, 'recipe');
  writeFileSync(script, recipe);
  writeFileSync(CALLS, '');
  writeFileSync(FAULT, fault === undefined ? 'none\n' : `${fault.at} ${fault.how}\n`);
  const clean = ['env', '-i', `PATH=${FAKES}:/usr/bin:/bin`, 'HOME=/root', 'SHELL=/bin/sh'];
  const { status, stderr, stdout } = attempt('setsid', ['--wait', ...clean, 'sh', script]);
  const calls = readFileSync(CALLS, 'utf8').split('\n').slice(0, -1);
  return { isDone: status === 0, calls, said: saidOf(stdout.toString() + stderr) };
}

/** The guest has no backups of LVM's metadata, of which LVM warns. */
const saidOf = (text: string): string =>
  text.replace(/^ *WARNING: This metadata update is NOT backed up\.\n/gm, '');

/** The first copy, whose last step is killed once and run again, as the README says. */
function firstCopy(recipe: string, { origin, replica }: Pair): void {
  rmSync(SNAPBACKS, { recursive: true, force: true });
  makeFakes();
  const steps = recipe.trim().split('\n');
  const last = steps.pop()!;
  const first = runRecipe(['set -e', ...steps].join('\n'));
  assert.ok(first.isDone, first.said);
  assert.equal(runRecipe(last, { at: 1, how: 'midway' }).isDone, false);
  const again = runRecipe(last);
  assert.ok(again.isDone, again.said);
  assert.equal(sha256(replica.device), sha256(origin.device));
}

/** Hours in which one step after the other meets the fault, each followed by one in which none does. */
function hoursOf(pair: Pair, hourly: string, how: Exclude<Fault, 'midway'>): string[] {
  const { origin, replica } = pair;
  const moments = [sha256(origin.device)];
  let seed = 1;
  const hour = (fault?: Parameters<typeof runRecipe>[1]): Ran => {
    writeRandom(origin.device, { seed: seed++, count: 40 });
    moments.push(sha256(origin.device));
    const ran = runRecipe(hourly, fault);
    if (ran.isDone) assert.equal(sha256(replica.device), moments.at(-1), JSON.stringify([fault, ran]));
    return ran;
  };
  let isBeyond = false;
  for (let at = 1; !isBeyond; at += 1) {
    const struck = hour({ at, how });
    isBeyond = struck.calls.length < at;
    assert.ok(isBeyond || how !== 'killed' || !struck.isDone, `killed at ${at}: ${JSON.stringify(struck)}`);
    const next = hour();
    assert.ok(next.isDone, `after ${how} at ${at}: ${JSON.stringify([struck, next])}`);
    if (isBeyond) assert.deepEqual([struck.said, next.said], ['', '']);
    if (struck.calls.at(-1) !== 'lvstream' || how !== 'killed') continue;
    hour({ at, how: 'midway' });
    const third = hour();
    assert.ok(third.isDone, third.said);
  }
  return moments;
}

/** Takes the replica back by all snapbacks, the newest first: to moments that there were, to the first one, and passing by none that a run reached. */
function takeBack({ replica }: Pair, moments: readonly string[]): void {
  const names = readdirSync(SNAPBACKS)
    .filter((name) => name.startsWith('backup-vm.'))
    .sort();
  assert.deepEqual(
    names.filter((name) => !name.endsWith('.undo.lvs')),
    [],
  );
  let at = moments.indexOf(sha256(replica.device));
  assert.equal(at, moments.length - 1);
  for (const name of names.slice(1).reverse()) {
    const { status, stderr } = lvstream(['apply', path.join(SNAPBACKS, name), replica.device]);
    assert.equal(status, 0, stderr);
    const reached = moments.lastIndexOf(sha256(replica.device), at);
    assert.ok(reached >= at - 2 && reached >= 0, `${name} leads from moment ${at} to ${reached}`);
    at = reached;
  }
  assert.equal(at, 0);
}

function hourly(
  kind: Kind,
  how: Exclude<Fault, 'midway'>,
  change: (script: string) => string = (s) => s,
): void {
  const pair = makePair(kind);
  const [first = '', script = ''] = readRecipes(kind);
  firstCopy(first, pair);
  takeBack(pair, hoursOf(pair, change(script), how));
}

/** The line of lvmsync that the README has in place of dump and apply. */
function withLvmsync(script: string): string {
  const [line = ''] = /^ +lvmsync .*--snapback.*$/m.exec(readFileSync('README.md', 'utf8')) ?? [];
  const changed = script.replace(/^ +lvstream dump .*\n +lvstream apply .*$/m, line);
  assert.ok(line !== '' && changed.includes(line) && !changed.includes('lvstream'));
  return changed;
}

/** A replica that is a copy of the first snapshot; the origin is written and snapshotted from hour to hour. */
function beginLive(
  kind: Kind,
): Pair & { readonly send: (snapshot: string, hour: number) => ReturnType<typeof lvmsync> } {
  const pair = makePair(kind);
  const { origin, replica } = pair;
  const [from, to] = [`if=${origin.device}`, `of=${replica.device}`];
  run('dd', [from, to, 'bs=1M', 'oflag=direct', 'status=none']);
  pair.snap('snap-0');
  const send = (snapshot: string, hour: number) =>
    lvmsync([`vg/${snapshot}`, replica.device, '--snapback', path.join(scratch, `undo.${hour}`)]);
  return { ...pair, send };
}

const kinds: readonly Kind[] = ['thick', 'thin'];

export const cases: readonly Case[] = [
  {
    name: 'thick: the hourly archive survives each step failing',
    timeoutSeconds: 1200,
    run: () => {
      hourly('thick', 'failing');
    },
  },
  {
    name: 'thin: the hourly archive survives being killed at each step',
    timeoutSeconds: 1200,
    run: () => {
      hourly('thin', 'killed');
    },
  },
  {
    name: 'thick: the hourly archive by lvmsync survives each step failing',
    timeoutSeconds: 1200,
    run: () => {
      hourly('thick', 'failing', withLvmsync);
    },
  },

  ...kinds.map((kind): Case => ({
    name: `${kind}: lvmsync refuses to go on behind an hour that was lost, and writes nothing`,
    run: () => {
      const { origin, replica, snap, send } = beginLive(kind);
      writeRandom(origin.device, { seed: 1, count: 40 });
      assert.equal(send('snap-0', 1).status, 0);
      const before = sha256(replica.device);
      writeRandom(origin.device, { seed: 2, count: 40 });
      snap('snap-1');
      run('lvremove', ['--quiet', '--yes', 'vg/snap-0']);
      writeRandom(origin.device, { seed: 3, count: 40 });
      const { status, stderr } = send('snap-1', 3);
      assert.equal(status, 1);
      assert.match(stderr, /^FATAL ERROR: the stream starts from .*, but by .* the device is at/m);
      assert.equal(sha256(replica.device), before);
    },
  })),

  {
    name: 'thick: lvmsync goes on from a snapshot that was there when the last run began, or from an older one',
    run: () => {
      const { origin, replica, snap, send } = beginLive('thick');
      writeRandom(origin.device, { seed: 1, count: 40 });
      snap('snap-1');
      writeRandom(origin.device, { seed: 2, count: 40 });
      for (const [index, from] of ['snap-0', 'snap-1', 'snap-0'].entries()) {
        const { status, stderr } = send(from, index);
        assert.equal(status, 0, stderr);
        assert.equal(sha256(replica.device), sha256(origin.device));
        writeRandom(origin.device, { seed: 3 + index, count: 40 });
      }
    },
  },
];
