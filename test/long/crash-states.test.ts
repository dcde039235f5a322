import { expect, test } from 'vitest';
import { FOLLOWED, tryStates } from '../crash/scenarios.js';
import { report } from '../fault-table.js';

const STATES = 100_000;
const HOUR = 3_600_000;

test.each(FOLLOWED)(
  'power cut in: %s; then %j',
  async (action, followUps) => {
    const states = Math.ceil(STATES / FOLLOWED.length);
    const counts = await tryStates(action, followUps, { states, firstSeed: 1_000_000 });
    const lost = counts.lost.length;
    report({ fault: `power cut (${action})`, tried: counts.states, survived: counts.states - lost, lost });
    expect(counts.lost).toEqual([]);
  },
  HOUR,
);
