import { recordCalls, restartIds } from './record-calls.js';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomChoices } from './choices.js';
import { Commands, isEqual, type Command, type Scenario } from './commands.js';
import { cutPower, KEEP_ALL, type Call, type Disk } from './disk.js';
import { putDisk, takeDisk } from './folder.js';
import { attempt, judge, type Place } from './oracle.js';
import { Random } from './random.js';
import { makeWorld, type World } from './world.js';

/** Changes what was recorded before the power is cut: a test of the simulator leaves out syncs. */
export type Tamper = (calls: readonly Call[]) => readonly Call[];

/** States that power cuts left, and what the command after each did; `lost` has a line for each that lost something. */
export interface Counts {
  states: number;
  done: number;
  refused: number;
  readonly lost: string[];
}

export const startCounts = (): Counts => ({ states: 0, done: 0, refused: 0, lost: [] });

interface Simulation {
  readonly place: Place;
  readonly random: Random;
  readonly counts: Counts;
  readonly tamper: Tamper;
  /** What a line of `lost` begins with. */
  readonly name: string;
}

/**
 * Makes a world from a seed, cuts the power `cuts` times while the scenario's command runs in it, runs each follow-up in
 * what is left, and cuts the power there as well. Adds to the counts. `folder` is one to make folders in.
 */
export async function simulate(
  folder: string,
  seed: number,
  scenario: Scenario,
  cuts: number,
  counts: Counts,
  tamper: Tamper = (calls) => calls,
): Promise<void> {
  const own = mkdtempSync(join(folder, 'crash-'));
  const disk = join(own, 'disk');
  mkdirSync(disk);
  try {
    restartIds();
    const random = new Random(seed);
    const { format, shape, action } = scenario;
    const hasUndo = action !== 'apply without a snapback';
    // A note stands beside the stream, and only where there is no snapback.
    const world = await makeWorld(random, hasUndo ? own : disk, format, shape);
    const options = { skipPastEnd: shape === 'past the end' };
    const place = { folder: disk, oldest: hasUndo ? world.oldest : undefined, options };
    const name = `seed ${seed}: ${format}, ${shape}, ${action}`;
    await run({ place, random, counts, tamper, name }, world, new Commands(disk, world, scenario), cuts);
  } finally {
    rmSync(own, { recursive: true });
  }
}

async function run(
  simulation: Simulation,
  { oldest }: World,
  commands: Commands,
  cuts: number,
): Promise<void> {
  const { place, random, tamper } = simulation;
  const { files, names } = takeDisk(place.folder);
  putDisk(place.folder, {
    files: new Map([...files, [0, oldest]]),
    names: new Map([...names, ['device', 0]]),
  });
  for (const command of commands.history) await mustSucceed(place, command);
  const start = takeDisk(place.folder);
  const { first } = commands;
  const { calls } = await record(place, start, first);
  for (let i = 0; i < cuts; i++) {
    const left = cutSomewhere(random, start, tamper(calls));
    for (const second of commands.afterFirst()) {
      const next = await follow(simulation, left, { commands: [first, second], wasRefused: false });
      const third = random.pick(commands.afterSecond(second));
      const three = { commands: [first, second, third], wasRefused: next.isRefused };
      if (next.calls.length > 0)
        await follow(simulation, cutSomewhere(random, left, tamper(next.calls)), three);
    }
  }
}

async function mustSucceed(place: Place, command: Command): Promise<void> {
  const error = await attempt(place, command);
  if (error !== undefined) throw new Error(`${command.label} failed`, { cause: error });
}

function cutSomewhere(random: Random, disk: Disk, calls: readonly Call[]): Disk {
  return cutPower(disk, calls.slice(0, random.below(calls.length + 1)), randomChoices(random));
}

/** A command, behind those that were cut short, of which the last one was refused or not. */
interface Followed {
  readonly commands: readonly Command[];
  readonly wasRefused: boolean;
}

/** Runs the last of the commands in what a power cut of the one before it left; returns the calls that it made. */
async function follow(
  { place, counts, name }: Simulation,
  left: Disk,
  { commands, wasRefused }: Followed,
): Promise<{ readonly calls: readonly Call[]; readonly isRefused: boolean }> {
  const [crashed, command] = commands.slice(-2) as [Command, Command];
  const { calls, error } = await record(place, left, command);
  const judgement = await judge(place, left, { crashed, command, wasRefused }, error);
  counts.states++;
  if (judgement === 'done') counts.done++;
  else if (judgement === 'refused') counts.refused++;
  else counts.lost.push(`${name}: ${commands.map(({ label }) => label).join(' > ')}: ${judgement.lost}`);
  return { calls, isRefused: judgement === 'refused' };
}

/** Runs a command in a folder that is made to hold `disk`. Throws if it did something that the model doesn't see. */
async function record(place: Place, disk: Disk, command: Command) {
  putDisk(place.folder, disk);
  const { calls, outcome } = await recordCalls(place.folder, disk, () => attempt(place, command));
  if (!isSameDisk(cutPower(disk, calls, KEEP_ALL), takeDisk(place.folder)))
    throw new Error(`${command.label}: has changed files by calls that are not recorded`);
  return { calls, error: outcome };
}

function isSameDisk(a: Disk, b: Disk): boolean {
  return (
    a.names.size === b.names.size &&
    [...a.names].every(([name, file]) => {
      const other = b.names.get(name);
      return other !== undefined && isEqual(a.files.get(file)!, b.files.get(other)!);
    })
  );
}
