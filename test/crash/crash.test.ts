import { expect, test } from 'vitest';
import { report } from '../fault-table.js';
import type { Call } from './disk.js';
import { FOLLOWED, tryStates } from './scenarios.js';

/** `CRASH_SEED=N` tries the world of that seed alone: a line of what was lost names it. */
const SEED = process.env['CRASH_SEED'];
const STATES = SEED === undefined ? Math.ceil(2000 / FOLLOWED.length) : 1;

test.each(FOLLOWED)(
  'power cut in: %s; then %j',
  async (action, followUps) => {
    const firstSeed = SEED === undefined ? 1 : Number(SEED);
    const { states, lost } = await tryStates(action, followUps, { states: STATES, firstSeed });
    report({
      fault: `power cut (${action})`,
      tried: states,
      survived: states - lost.length,
      lost: lost.length,
    });
    expect(lost).toEqual([]);
  },
  300_000,
);

const without =
  (isLeftOut: (call: Call) => boolean) =>
  (calls: readonly Call[]): readonly Call[] =>
    calls.filter((call) => !isLeftOut(call));

/** Of the files, the device alone gets the full fsync. */
test.each([
  ['of the journal', without(({ kind }) => kind === 'fdatasync')],
  ['of the device', without(({ kind }) => kind === 'fsync')],
  ['of the folder', without(({ kind }) => kind === 'fsync-folder')],
])('a program without the syncs %s would lose data, and is seen to', async (_, tamper) => {
  const { lost } = await tryStates('apply', ['the same'], { states: 100, tamper });
  expect(lost.length).toBeGreaterThan(0);
});
