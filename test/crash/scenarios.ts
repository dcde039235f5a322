import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Action, FollowUp, Scenario } from './commands.js';
import { simulate, startCounts, type Counts, type Tamper } from './simulate.js';
import { FORMATS, SHAPES } from './world.js';

/** Memory where there is such a folder: a simulated power cut needs no disk. */
const FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const CUTS = 2;

/** What is cut short, and what is run after each cut. */
export const FOLLOWED: readonly (readonly [Action, readonly FollowUp[]])[] = [
  ['apply', ['the same', 'another name', 'a newer stream', 'the next stream']],
  ['apply without a snapback', ['the same', 'a newer stream', 'the next stream']],
  ['roll back', ['the same']],
  ['roll back with a snapback', ['the same', 'another name', 'a newer stream', 'the next stream']],
];

/** Goes round all formats and shapes, each time in a new world, until so many states have been tried. */
export async function tryStates(
  action: Action,
  followUps: readonly FollowUp[],
  { states, firstSeed = 1, tamper }: { states: number; firstSeed?: number; tamper?: Tamper },
): Promise<Counts> {
  const scenarios = scenariosOf(action, followUps);
  const counts = startCounts();
  for (let seed = firstSeed; counts.states < states; seed++) {
    const before = counts.states;
    await simulate(FOLDER, seed, scenarios[seed % scenarios.length]!, CUTS, counts, tamper);
    if (counts.states === before) throw new Error(`${action}: nothing follows`);
  }
  return counts;
}

function scenariosOf(action: Action, followUps: readonly FollowUp[]): Scenario[] {
  return FORMATS.flatMap((format) => SHAPES.map((shape) => ({ format, shape, action, followUps })));
}
