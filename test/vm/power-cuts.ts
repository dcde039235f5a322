import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { applyHere, describeError, type ApplyArguments } from '../crash/apply-here.js';
import { randomChoices } from '../crash/choices.js';
import { Random } from '../crash/random.js';
import {
  cutPoints,
  folderWrites,
  stateAt,
  tornStateAt,
  type CutState,
  type Recording,
} from './cut-states.js';
import { wordsOf, type CutApply, type Step } from './cut-applies.js';
import { recordWrites } from './record-writes.js';
import { lvstream } from './run.js';
import { addToPast, inState, readTarget, target, type FileSystem } from './two-disks.js';

/** Logs the writes of a run of the command, which must succeed. */
export function recordApply(
  type: FileSystem,
  { step }: CutApply,
  { isEager = true, options = [] }: { readonly isEager?: boolean; readonly options?: readonly string[] } = {},
): Promise<Recording> {
  return recordWrites(type, isEager, () => {
    const { status, stderr } = lvstream(['apply', ...wordsOf(step), ...options]);
    assert.equal(status, 0, stderr);
  });
}

/** Cuts the power at a point of the recording, for good, and logs the writes of the same command in what is left. */
export async function recordAgain(
  type: FileSystem,
  cut: CutApply,
  recording: Recording,
  point: number,
): Promise<Recording> {
  addToPast(folderWrites(recording, 0, point));
  await inState(type, stateAt(recording, point), () => undefined);
  return recordApply(type, cut);
}

export interface Tried {
  tried: number;
  /** A line for each state in which something was lost. */
  readonly lost: string[];
}

/**
 * Cuts the power at `points` of the recording, and once more beside each, in a state that is torn. In each state the same
 * command must finish; and all that it did can be taken back.
 */
export async function cutAt(
  type: FileSystem,
  cut: CutApply,
  recording: Recording,
  points: readonly number[],
  seed: number,
): Promise<Tried> {
  const result: Tried = { tried: 0, lost: [] };
  let stable = 0;
  for (const point of points) {
    addToPast(folderWrites(recording, stable, point));
    stable = point;
    const isDone = point === recording.end;
    await tryState(`behind write ${point}`, stateAt(recording, point), isDone);
    const choices = randomChoices(new Random(seed + point));
    await tryState(`torn behind write ${point}`, tornStateAt(recording, point, choices), isDone);
  }
  return result;

  async function tryState(name: string, state: CutState, isDone: boolean): Promise<void> {
    const isSaved = cut.step.snapback !== undefined;
    for (const follow of [finish, ...(isSaved ? [takeBack] : []), ...(isDone ? [isThere] : [])]) {
      const why = await inState(type, state, () => follow(cut));
      result.tried += 1;
      if (why !== undefined) result.lost.push(`${name} of ${recording.end}: ${why}`);
    }
  }
}

/** All points, or so many of them, the last among them. */
export function somePoints(recording: Recording, count = Number.POSITIVE_INFINITY): number[] {
  const points = cutPoints(recording);
  if (points.length <= count) return points;
  return Array.from(
    { length: count },
    (_, i) => points[Math.round(((i + 1) * (points.length - 1)) / count)]!,
  );
}

/** The same command, and then all that can be done behind it. Returns what went wrong. */
async function finish({ step, then }: CutApply): Promise<string | undefined> {
  for (const each of [step, ...then]) {
    const error = await applyHere({ ...argumentsOf(each), device: target });
    if (error !== undefined) return `${each.stream}: ${describeError(error)}`;
    if (!readTarget().equals(each.wanted)) return `${each.stream}: done, and the device is wrong`;
  }
  return undefined;
}

/** Takes back what was done so far: by the snapback or what there is of it. Nothing of it: nothing was done. */
async function takeBack({ step: { snapback }, before }: CutApply): Promise<string | undefined> {
  const errors: string[] = [];
  for (const { stream, options } of waysBack(snapback!)) {
    if (readTarget().equals(before)) return undefined;
    errors.push(describeError(await applyHere({ stream, device: target, options })));
  }
  return readTarget().equals(before) ? undefined : `what was done can't be taken back: ${errors.join('; ')}`;
}

function waysBack(snapback: string): Omit<ApplyArguments, 'device'>[] {
  if (existsSync(snapback)) return [{ stream: snapback, options: { inUse: false } }];
  const stream = `${snapback}.partial`;
  if (!existsSync(stream)) return [];
  const options = { inUse: false, salvage: true };
  return [
    { stream, options },
    { stream, options: { ...options, finish: true } },
  ];
}

/** What the command said to be done is done. */
function isThere({ step: { snapback, wanted } }: CutApply): string | undefined {
  if (!readTarget().equals(wanted)) return 'said to be done, and the device is wrong';
  return snapback === undefined || existsSync(snapback) ? undefined : 'said to be done, without the snapback';
}

function argumentsOf({ stream, snapback }: Step): Omit<ApplyArguments, 'device'> {
  return { stream, snapback, options: { inUse: false } };
}
