import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { applyHere } from '../../crash/apply-here.js';
import type { Case } from '../case.js';
import { makeCutApply, wordsOf, type CutApply, type Step } from '../cut-applies.js';
import { linear, reload, tableLine, withMappings, type Mapping } from '../mappings.js';
import { lvstream, startLvstream, type RunResult } from '../run.js';
import {
  copyOfPast,
  FILE_SYSTEMS,
  FOLDER_SIZE,
  PLAIN_TARGET,
  readTarget,
  target,
  TARGET_SIZE,
  targetDisk,
  withDisks,
  withFolder,
  withPast,
  type FileSystem,
} from '../two-disks.js';

/** Disks that fail writes, or swallow them (dm-flakey), and are mended. */

/** What dm-flakey does with writes: it answers with EIO, or says that they are done. Reads are as ever. */
type Fault = 'error_writes' | 'drop_writes';

const flakey = (start: number, size: number, device: string, from: number, fault: Fault) =>
  tableLine(start, size, 'flakey', `${device} ${from / 512} 0 3600 1 ${fault}`);

/** The first half takes writes. */
const failingTarget = (fault: Fault): Mapping => ({
  name: 'target',
  table: [
    linear(0, TARGET_SIZE / 2, targetDisk, 0),
    flakey(TARGET_SIZE / 2, TARGET_SIZE / 2, targetDisk, TARGET_SIZE / 2, fault),
  ],
});

const GOOD_FOLDER: Mapping = { name: 'folder', table: [linear(0, FOLDER_SIZE, '/dev/mapper/copy', 0)] };
const FAILING_FOLDER: Mapping = {
  name: 'folder',
  table: [flakey(0, FOLDER_SIZE, '/dev/mapper/copy', 0, 'error_writes')],
};

const run = (step: Step): RunResult => lvstream(['apply', ...wordsOf(step)]);

/** Status 1, one line that says what failed and where, perhaps one that says what to do; no stack. */
function assertFailed({ status, stderr }: RunResult, what: RegExp): void {
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^(?:lvstream: (?!hint: ).*: .*\n)(?:lvstream: hint: .*\n)?$/);
  assert.match(stderr, what);
}

function assertDone({ status, stderr }: RunResult, { wanted }: Step): void {
  assert.equal(status, 0, stderr);
  assert.ok(readTarget().equals(wanted));
}

async function assertHere({ stream, snapback, wanted }: Step): Promise<void> {
  assert.equal(await applyHere({ stream, snapback, device: target, options: { inUse: false } }), undefined);
  assert.ok(readTarget().equals(wanted));
}

const failingWrites = (action: 'apply' | 'apply of a plain stream' | 'roll back'): Case => ({
  name: `${action}: a target that fails writes in its second half is not done, until it is mended`,
  run: async () => {
    const { step, then } = await withPast('ext4', () => makeCutApply(action));
    await withDisks([failingTarget('error_writes'), copyOfPast('folder')], 'ext4', async () => {
      for (const _ of [1, 2]) {
        assertFailed(run(step), /^lvstream: \/dev\/mapper\/target: can't be (?:synced|written|zeroed)/);
        assert.ok(step.snapback === undefined || !existsSync(step.snapback));
      }
      reload(PLAIN_TARGET);
      assertDone(run(step), step);
      for (const each of then) await assertHere(each);
    });
  },
});

const droppedWrites: Case = {
  name: 'a target that swallows writes is found out by verify --against, and the same apply again mends it',
  run: async () => {
    const { step } = await withPast('ext4', () => makeCutApply('apply without a snapback'));
    await withDisks([failingTarget('drop_writes'), copyOfPast('folder')], 'ext4', () => {
      assert.equal(run(step).status, 0, 'the disk says that all is well');
      const against = ['verify', step.stream, '--against', target];
      const { status, stdout } = lvstream(against);
      assert.equal(status, 6, stdout.toString());
      reload(PLAIN_TARGET);
      assertDone(run(step), step);
      assert.equal(lvstream(against).status, 0);
    });
  },
};

const MOMENTS = 3;

/**
 * An apply under which the disk of its snapback begins to fail at some moment between the snapback's first appearance and
 * the end; then the disk is mended. Whatever the apply said, the same command finishes, and all is taken back.
 */
const failingSnapback = (type: FileSystem, count: number): Case => ({
  name: `${type}: a disk that fails under a snapback, at ${count} moments, loses nothing`,
  timeoutSeconds: 1200,
  run: async (report) => {
    const cut = await withPast(type, () => makeCutApply('apply'));
    const { milliseconds } = await failUnder(type, cut, Number.POSITIVE_INFINITY);
    const lost: string[] = [];
    for (let i = 0; i < count; i += 1)
      await failUnder(type, cut, (milliseconds * i) / count).catch((error: unknown) => {
        lost.push(String(error));
      });
    const fault = `disk fails under a snapback (${type})`;
    report({ fault, tried: count, survived: count - lost.length, lost: lost.length });
    assert.deepEqual(lost, []);
  },
});

/** Returns how long it took from the snapback's appearance on. */
async function failUnder(type: FileSystem, { step, before, then }: CutApply, after: number) {
  const disks = [PLAIN_TARGET, copyOfPast('copy'), GOOD_FOLDER];
  return withMappings(disks, async () => {
    writeFileSync(target, before);
    const result = await withFolder(type, () => runUntil(step, after, () => reload(FAILING_FOLDER)));
    reload(GOOD_FOLDER);
    await withFolder(type, async () => {
      for (const each of [step, ...then]) await assertHere(each);
    });
    return result;
  });
}

/** Runs it, and calls `fail` so long after its snapback has appeared. */
async function runUntil(step: Step, after: number, fail: () => void) {
  const program = startLvstream(['apply', ...wordsOf(step)]);
  while (!existsSync(`${step.snapback!}.partial`)) {
    assert.equal(program.process.exitCode, null, 'it has ended too early');
    await delay(1);
  }
  const begin = performance.now();
  const failing = after === Number.POSITIVE_INFINITY ? undefined : delay(after).then(fail);
  const result = await program.ended;
  const milliseconds = performance.now() - begin;
  await failing;
  if (after === 0 || result.status !== 0) assertFailed(result, /scratch\/folder/);
  return { milliseconds };
}

export const cases: readonly Case[] = [
  failingWrites('apply'),
  failingWrites('apply of a plain stream'),
  failingWrites('roll back'),
  droppedWrites,
  ...FILE_SYSTEMS.flatMap((type) => [failingSnapback(type, MOMENTS), failingSnapback(type, 5 * MOMENTS)]),
];
