import { constants } from 'node:os';
import { exitAtOnce } from '../device/syscalls.js';
import { FormatError, formatSentence, LvstreamError, RefusedError, UsageError } from '../errors.js';
import { runInterruptActions } from '../files/interrupt.js';
import { ClosedOutputError } from '../files/sink.js';
import { visible, visibleLines } from './print/visible.js';
import { nameOf } from './remedies.js';

const FAILED = 1;
/** Done, but for what was left out: damage, or what lies past a device's end. */
export const LEFT_OUT = 5;
/** The answer is no. */
export const DIFFERENT = 6;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Runs a program to its end: what it throws becomes a message on standard error, and all of it an exit status. What has
 * to be taken back is, however it ends, also when nobody reads standard error any more.
 */
export async function runToExit(name: string, program: () => Promise<number>): Promise<never> {
  for (const signal of SIGNALS) process.on(signal, () => interrupt(signal, name));
  process.stderr.on('error', () => undefined);
  process.on('exit', end);
  try {
    return process.exit(await program());
  } catch (error) {
    if (!(error instanceof ClosedOutputError)) reportError(name, error);
    return process.exit(exitStatus(error));
  }
}

/**
 * The last thing that runs. Node would now wait for its threads: for one that reads from a terminal until somebody types, and
 * for its compiler's for ever if one of them waits for a garbage collection, which this thread does not make any more
 * (nodejs/node#54918).
 */
function end(status: number): void {
  runInterruptActions();
  exitAtOnce(status);
}

/** The exit status that stands for an error. */
export function exitStatus(error: unknown): number {
  if (error instanceof ClosedOutputError) return 128 + constants.signals.SIGPIPE;
  if (error instanceof UsageError) return 2;
  if (error instanceof FormatError) return 3;
  if (error instanceof RefusedError) return 4;
  return FAILED;
}

/** Graver statuses first: damage and refusals need somebody to act, whatever else was found. */
const BY_GRAVITY = [3, 4, FAILED, DIFFERENT, LEFT_OUT, 0];

/** The one status that stands for several things done. */
export function gravestStatus(statuses: readonly number[]): number {
  return BY_GRAVITY.find((status) => statuses.includes(status)) ?? Math.max(0, ...statuses);
}

/** Says on standard error what went wrong and the way out; of what was not expected, all that is known. */
export function reportError(name: string, error: unknown): void {
  if (!(error instanceof LvstreamError)) {
    process.stderr.write(`${name}: ${describeUnexpected(error)}\n`);
    return;
  }
  process.stderr.write(`${name}: ${visible(describeError(error))}\n`);
  const hint = hintOf(error);
  if (hint !== undefined) process.stderr.write(`${name}: hint: ${visible(hint)}\n`);
  if (process.argv.includes('--debug')) process.stderr.write(`${visibleLines(stackOf(error))}\n`);
}

/** A system call can fail wherever there is one: no more is known then, and nothing is gained by where in the program. */
function describeUnexpected(error: unknown): string {
  if (isSystemError(error) && !process.argv.includes('--debug')) return visible(error.message);
  const stack = error instanceof Error ? error.stack! : String(error);
  return `this is a bug in lvstream, please report it: ${visibleLines(stack)}`;
}

function isSystemError(error: unknown): error is Error {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).errno === 'number';
}

/** What an error and the expected errors behind it say, the same thing once. */
export function describeError(error: LvstreamError): string {
  const { message, cause } = error;
  if (!(cause instanceof LvstreamError)) return message;
  const inner = describeError(cause);
  return message.includes(inner) ? message : `${message}: ${inner}`;
}

/** The way out that an error, or an expected error behind it, names; `name`: what the program calls remedies. */
export function hintOf({ wayOut, cause }: LvstreamError, name = nameOf): string | undefined {
  if (wayOut !== undefined) return formatSentence(wayOut, name);
  return cause instanceof LvstreamError ? hintOf(cause, name) : undefined;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.stack! : `${error.stack!}\ncaused by ${stackOf(error.cause)}`;
}

function interrupt(signal: (typeof SIGNALS)[number], name: string): never {
  for (const word of runInterruptActions()) reportError(name, word);
  return process.exit(128 + constants.signals[signal]);
}
