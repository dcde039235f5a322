import assert from 'node:assert/strict';
import type { FaultRow } from '../../fault-table.js';
import type { Case } from '../case.js';
import { ACTIONS, makeCutApply, type Action } from '../cut-applies.js';
import { cutAt, recordAgain, recordApply, somePoints } from '../power-cuts.js';
import { FILE_SYSTEMS, withPast, type FileSystem } from '../two-disks.js';

const SEED = 1;
const SOME = 2;

const howMany = (count?: number): string => (count === undefined ? 'every flush' : `${count} of its flushes`);

const cutCase = (type: FileSystem, action: Action, count?: number): Case => ({
  name: `${type}: ${action}, cut at ${howMany(count)}`,
  timeoutSeconds: 2000,
  run: async (report) => {
    const cut = await withPast(type, () => makeCutApply(action));
    const recording = await recordApply(type, cut);
    const points = somePoints(recording, count);
    const { tried, lost } = await cutAt(type, cut, recording, points, SEED);
    report(rowOf(`power cut on ${type} (${action})`, tried, lost));
    assert.deepEqual(lost, []);
  },
});

const rowOf = (fault: string, tried: number, lost: readonly string[]): FaultRow => ({
  fault,
  tried,
  survived: tried - lost.length,
  lost: lost.length,
});

/** At two thirds of the flushes it has written to the device, and not all. */
const cutTwice = (type: FileSystem, action: Action, count?: number): Case => ({
  name: `${type}: ${action}, cut and begun again, which is cut at ${howMany(count)}`,
  timeoutSeconds: 2000,
  run: async (report) => {
    const cut = await withPast(type, () => makeCutApply(action));
    const first = await recordApply(type, cut);
    const points = somePoints(first);
    const second = await recordAgain(type, cut, first, points[Math.floor((points.length * 2) / 3)]!);
    const { tried, lost } = await cutAt(type, cut, second, somePoints(second, count), SEED);
    report(rowOf(`second power cut on ${type} (${action})`, tried, lost));
    assert.deepEqual(lost, []);
  },
});

/** Pages are written late here, or a sync of the other disk would keep what nobody has synced. */
const seesLoss: Case = {
  name: 'an apply that does not sync the target loses it, and is seen to',
  run: async () => {
    const cut = await withPast('ext4', () => makeCutApply('apply'));
    const recording = await recordApply('ext4', cut, { isEager: false, options: ['--no-sync'] });
    const { lost } = await cutAt('ext4', cut, recording, [recording.end], SEED);
    assert.match(lost.join('\n'), /said to be done, and the device is wrong/);
  },
};

/** What a run has time for: a sample, and one of xfs. */
const SAMPLE = [
  ...ACTIONS.map((action) => cutCase('ext4', action, SOME)),
  cutCase('xfs', 'apply', SOME),
  cutTwice('ext4', 'apply', SOME),
];

export const cases: readonly Case[] = [
  ...SAMPLE,
  ...FILE_SYSTEMS.flatMap((type) =>
    ACTIONS.flatMap((action) => [cutCase(type, action), cutTwice(type, action)]),
  ),
  seesLoss,
];
