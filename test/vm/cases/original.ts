import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Case } from '../case.js';
import { fillRandom, sha256, writeRandom } from '../contents.js';
import { disks } from '../places.js';
import { lvmsync, run, type RunOptions, type RunResult } from '../run.js';
import {
  makeThickSnapshot,
  makeThinPool,
  makeThinSnapshot,
  makeThinVolume,
  makeVolume,
  makeVolumeGroup,
  volumeNamed,
  type Volume,
} from '../volumes.js';

/** What people do with the original's command line, on one host. */

const MEBIBYTE = 2 ** 20;
const SIZE = 16 * MEBIBYTE;

/** A volume that is copied, one that it is copied to, and how to take a snapshot of the first. */
interface Pair {
  readonly origin: Volume;
  readonly replica: Volume;
  readonly snap: (name: string) => Volume;
}

const kinds: readonly { readonly kind: string; readonly make: () => Pair }[] = [
  {
    kind: 'thick',
    make: () => {
      const origin = makeVolume(makeVolumeGroup('vg0', [disks[0]!]), 'lv', SIZE);
      const replica = makeVolume(makeVolumeGroup('vg1', [disks[1]!]), 'lv', SIZE);
      const options = { size: 8 * MEBIBYTE, chunkSize: 4096 };
      return { origin, replica, snap: (name) => makeThickSnapshot(origin, name, options) };
    },
  },
  {
    kind: 'thin',
    make: () => {
      const pool = makeThinPool(makeVolumeGroup('vg0', [disks[0]!]), 'pool', {
        size: 128 * MEBIBYTE,
        chunkSize: 65536,
      });
      const origin = makeThinVolume(pool, 'lv', SIZE);
      const replica = makeVolume(makeVolumeGroup('vg1', [disks[1]!]), 'lv', SIZE);
      return { origin, replica, snap: (name) => makeThinSnapshot(origin, name, { active: false }) };
    },
  },
];

/** The origin filled, the replica a copy of it, and the first snapshot taken at that moment. */
function begin(make: () => Pair): Pair & { readonly first: Volume } {
  const pair = make();
  fillRandom(pair.origin.device, 7);
  run('dd', [
    `if=${pair.origin.device}`,
    `of=${pair.replica.device}`,
    'bs=1M',
    'oflag=direct',
    'status=none',
  ]);
  return { ...pair, first: pair.snap('snap') };
}

function succeed(args: readonly string[], options?: RunOptions): RunResult {
  const result = lvmsync(args, options);
  assert.equal(result.status, 0, result.stderr);
  return result;
}

const temporary = (): string => mkdtempSync(path.join(tmpdir(), 'case-'));
const both = (name: string, run: (make: () => Pair) => void): Case[] =>
  kinds.map(({ kind, make }) => ({
    name: `${kind}: ${name}`,
    run: () => {
      run(make);
    },
  }));

export const cases: readonly Case[] = [
  ...both('SNAPSHOT DEVICE carries the changes to another volume group', (make) => {
    const { origin, replica, first } = begin(make);
    writeRandom(origin.device, { seed: 1, count: 200 });
    writeRandom(origin.device, { seed: 2, count: 20, through: 'cache' });
    const { stderr, stdout } = succeed([first.device, replica.device]);
    assert.equal(sha256(replica.device), sha256(origin.device));
    assert.match(stderr, /^Transferred \d+ bytes in \d+\.\d\d seconds$/m);
    assert.match(stderr, /^You transferred your changes \d+\.\d\dx faster than a full dd!$/m);
    assert.equal(stdout.length, 0);
  }),

  ...both('an hourly archive of snapbacks goes back three rounds', (make) => {
    const { origin, replica, snap } = begin(make);
    const folder = temporary();
    const moments = [sha256(replica.device)];
    for (let hour = 1; hour <= 3; hour += 1) {
      writeRandom(origin.device, { seed: hour, count: 100 });
      const next = snap('next');
      succeed(['vg0/snap', replica.device, '--snapback', path.join(folder, `vm.${hour}`)]);
      run('lvremove', ['--quiet', '--yes', 'vg0/snap']);
      run('lvrename', ['--quiet', next.name, 'vg0/snap']);
      moments.push(sha256(origin.device));
      assert.equal(sha256(replica.device), moments[hour]);
    }
    for (let hour = 3; hour >= 1; hour -= 1) {
      succeed(['--apply', path.join(folder, `vm.${hour}`), replica.device]);
      assert.equal(sha256(replica.device), moments[hour - 1]);
    }
  }),

  ...both('--stdout keeps the changes as a file, and --apply writes them', (make) => {
    const { origin, replica, first } = begin(make);
    const file = path.join(temporary(), 'changes');
    writeRandom(origin.device, { seed: 3, count: 150 });
    const { stderr } = succeed(['--stdout', first.name], { stdoutFile: file });
    assert.equal(readFileSync(file).subarray(0, 17).toString(), 'lvmsync PROTO[3]\n');
    assert.match(stderr, /^Transferred \d+ bytes/m);
    succeed(['--apply', file, replica.device]);
    assert.equal(sha256(replica.device), sha256(origin.device));
  }),

  ...both('--stdout passes a device by, and a pipe carries the changes', (make) => {
    const { origin, replica, first } = begin(make);
    writeRandom(origin.device, { seed: 4, count: 50 });
    const bin = path.resolve('bin/lvmsync.js');
    const pipe = 'set -o pipefail; node "$1" --stdout "$2" /dev/ignored | node "$1" --apply - "$3"';
    run('bash', ['-c', pipe, 'pull', bin, first.device, replica.device]);
    assert.equal(sha256(replica.device), sha256(origin.device));
  }),

  ...both('--data-source reads the data from a second snapshot', (make) => {
    const { origin, replica, first, snap } = begin(make);
    writeRandom(origin.device, { seed: 5, count: 50 });
    const second = snap('second');
    activate(second);
    const moment = sha256(second.device);
    writeRandom(origin.device, { seed: 6, count: 50 });
    succeed(['-r', second.device, first.device, replica.device]);
    assert.equal(sha256(replica.device), moment);
  }),

  ...both('a second run of an interrupted one finishes it, and its snapback undoes both', (make) => {
    const { origin, replica, first } = begin(make);
    const folder = temporary();
    const before = sha256(replica.device);
    const snapback = path.join(folder, 'undo');
    writeRandom(origin.device, { seed: 8, count: 400 });
    killDuring([first.device, replica.device, '--snapback', snapback], `${snapback}.partial`);
    succeed([first.device, replica.device, '--snapback', snapback]);
    assert.equal(sha256(replica.device), sha256(origin.device));
    succeed(['--apply', snapback, replica.device]);
    assert.equal(sha256(replica.device), before);
    assert.deepEqual(readdirSync(folder), ['undo']);
  }),

  ...both('the origin itself is no target', (make) => {
    const { origin, first } = begin(make);
    writeRandom(origin.device, { seed: 9, count: 10 });
    const { status, stderr } = lvmsync([first.device, origin.device]);
    assert.equal(status, 1);
    assert.match(stderr, /^FATAL ERROR: .*is what the changes are read from/m);
  }),

  ...both('what is no snapshot is refused', (make) => {
    const { replica } = begin(make);
    const { status, stderr } = lvmsync([replica.device, volumeNamed('vg1', 'lv').device]);
    assert.equal(status, 1);
    assert.match(stderr, /^FATAL ERROR: vg1\/lv: .*snapshot/m);
  }),
];

/** A thin snapshot is made inactive; a thick one is active with its origin. */
function activate({ name, device }: Volume): void {
  if (!existsSync(device)) run('lvchange', ['--quiet', '-ay', '-K', name]);
}

/** Kills a run once its snapback has begun. */
function killDuring(args: readonly string[], partial: string): void {
  const script =
    '"$@" & pid=$!; while kill -0 $pid && ! [ -s "$PARTIAL" ]; do sleep 0.02; done; kill -9 $pid; wait';
  const command = ['-c', script, 'kill', process.execPath, path.resolve('bin/lvmsync.js'), ...args];
  run('bash', [...command], { env: { PARTIAL: partial } });
  assert.ok(statSync(partial).size > 0);
}
