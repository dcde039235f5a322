import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ApplyOptions } from '#src/apply/work.js';
import { RefusedError } from '#src/errors.js';
import { readLvsHeader } from '#src/files/lvs-header.js';
import { applyHere, describeError } from './apply-here.js';
import { isEqual, type Command } from './commands.js';
import type { Disk } from './disk.js';
import { putDisk, takeDisk } from './folder.js';

/** Where commands run, and what must stay within reach. */
export interface Place {
  readonly folder: string;
  /** What all that was done must be able to be rolled back to; undefined: nothing is kept for that. */
  readonly oldest: Uint8Array | undefined;
  readonly options: Partial<ApplyOptions>;
}

/** Runs a command on the folder's device; returns the error that it ended with. */
export function attempt(
  place: Place,
  { stream, snapback, options }: Pick<Command, 'stream' | 'snapback' | 'options'>,
): Promise<unknown> {
  return applyHere({
    stream,
    device: join(place.folder, 'device'),
    snapback: snapback && join(place.folder, snapback),
    options: { ...place.options, ...options },
  });
}

export type Judgement = 'done' | 'refused' | { readonly lost: string };

/** A command that was run in what a power cut of another left, or of the same. */
interface Run {
  readonly crashed: Command;
  /** The one that was cut short would have been refused. */
  readonly wasRefused: boolean;
  readonly command: Command;
}

/**
 * Judges what a command did that ended with `error`. Success must have made the device right, with all ways back; a refusal
 * must have left it as it was, with a way out, and be of another command; nothing else may be.
 */
export async function judge(
  place: Place,
  left: Disk,
  { crashed, wasRefused, command }: Run,
  error: unknown,
): Promise<Judgement> {
  if (error === undefined) {
    const why = isRight(place, command) ? await whyNotBack(place) : 'done, and the device is wrong';
    return why === undefined ? 'done' : { lost: why };
  }
  if (!(error instanceof RefusedError)) return { lost: `ended with ${describeError(error)}` };
  if (command === crashed && !wasRefused && command.isRepeatable)
    return { lost: `the same command is refused: ${error.message}` };
  const seen = takeDisk(place.folder);
  if (!isEqual(deviceOf(left), deviceOf(seen))) return { lost: `refused, and has written: ${error.message}` };
  const why = await whyNoWayOut(place, seen, [command, crashed]);
  return why === undefined ? 'refused' : { lost: `refused: ${error.message}; then ${why}` };
}

const deviceOf = ({ files, names }: Disk): Uint8Array => files.get(names.get('device')!)!;

function isRight({ folder }: Place, command: Command): boolean {
  return command.isRight(readFileSync(join(folder, 'device')));
}

/** Rolls back all that there is, the newest first, insisting where that is refused. */
async function whyNotBack(place: Place): Promise<string | undefined> {
  if (place.oldest === undefined) return undefined;
  for (const path of await snapbacksIn(place.folder)) {
    const insisting = [{}, { finish: true }, { finish: true, outOfOrder: true }];
    const error = await attemptOr(place, path, insisting);
    if (error !== undefined) return `${path} can't be rolled back: ${describeError(error)}`;
  }
  const isBack = isEqual(readFileSync(join(place.folder, 'device')), place.oldest);
  return isBack ? undefined : 'rolled back, and the device is wrong';
}

async function snapbacksIn(folder: string): Promise<string[]> {
  const found: { path: string; sequence: number }[] = [];
  for (const name of takeDisk(folder).names.keys()) {
    if (name === 'device' || name.endsWith('.partial')) continue;
    const path = join(folder, name);
    const header = await readLvsHeader(path);
    if (header?.kind === 'snapback') found.push({ path, sequence: header.sequence ?? 0 });
  }
  return found.sort((a, b) => b.sequence - a.sequence).map(({ path }) => path);
}

/** Tries each set of options until one is not refused; returns the last error. */
async function attemptOr(
  place: Place,
  stream: string,
  sets: readonly Partial<ApplyOptions>[],
): Promise<unknown> {
  let error: unknown;
  for (const options of sets) {
    error = await attempt(place, { stream, snapback: undefined, options });
    if (!(error instanceof RefusedError)) break;
  }
  return error;
}

/** Tries what hints name: to roll back what is there, to finish what was begun, to take back the part that was done. */
async function whyNoWayOut(
  place: Place,
  seen: Disk,
  commands: readonly Command[],
): Promise<string | undefined> {
  const reasons: string[] = [];
  const ways = [
    ...(place.oldest === undefined ? [] : [() => whyNotBack(place)]),
    ...commands.flatMap((command) => waysToFinish(place, command)),
    ...partialsOf(seen).map((name) => () => whyNotTakenBack(place, name)),
  ];
  for (const tryWay of ways) {
    putDisk(place.folder, seen);
    const why = await tryWay();
    if (why === undefined) return undefined;
    reasons.push(why);
  }
  return reasons.join('; ');
}

/** Without a snapback there is nothing to lose that a whole run doesn't write. */
function waysToFinish(place: Place, command: Command): (() => Promise<string | undefined>)[] {
  const last = place.oldest === undefined ? [{ baseCheck: false }] : [];
  return [{}, { finish: true }, ...last].map((options) => async () => {
    const error = await attempt(place, { ...command, options });
    if (error !== undefined) return `${command.label}: ${describeError(error)}`;
    return isRight(place, command) ? whyNotBack(place) : `${command.label}: the device is wrong`;
  });
}

const partialsOf = ({ names }: Disk): string[] =>
  [...names.keys()].filter((name) => name.endsWith('.partial'));

async function whyNotTakenBack(place: Place, name: string): Promise<string | undefined> {
  const path = join(place.folder, name);
  const error = await attemptOr(place, path, [{ salvage: true }, { salvage: true, finish: true }]);
  if (error !== undefined) return `${name}: ${describeError(error)}`;
  rmSync(path);
  return whyNotBack(place);
}
