import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { report } from '../fault-table.js';
import { RunFolder, smallRuns, type SmallRun } from './small-runs.js';
import { runTraced, type Call, type Ended } from './strace.js';

/** Every system call on the files of a small run fails once. */

const parent = mkdtempSync(path.join(tmpdir(), 'faults-'));
const folder = new RunFolder(path.join(parent, 'run'));
const log = path.join(parent, 'strace.log');
afterAll(() => {
  rmSync(parent, { recursive: true });
});

/** One system call that fails: the `when`th of its name. */
interface Fault {
  readonly call: string;
  readonly when: number;
  /** What strace makes of it. */
  readonly becomes: string;
}

const FAILED = 'error=EIO';
const FULL = 'error=ENOSPC';
const INTERRUPTED = 'error=EINTR';
/** No bytes have been read or written. */
const NOTHING = 'retval=0';

const OUTCOMES: Readonly<Record<string, readonly string[]>> = {
  openat: [FAILED, INTERRUPTED, FULL],
  read: [FAILED, INTERRUPTED, NOTHING],
  pread64: [FAILED, INTERRUPTED, NOTHING],
  write: [FAILED, INTERRUPTED, FULL, NOTHING],
  pwrite64: [FAILED, INTERRUPTED, FULL, NOTHING],
  fsync: [FAILED, INTERRUPTED, FULL],
  fdatasync: [FAILED, INTERRUPTED, FULL],
  ftruncate: [FAILED, INTERRUPTED],
  fallocate: [FAILED, INTERRUPTED, FULL, 'error=EOPNOTSUPP'],
  flock: [FAILED, INTERRUPTED],
  link: [FAILED, FULL, 'error=EPERM'],
  rename: [FAILED, FULL],
  close: [FAILED, INTERRUPTED],
};
/** A run that goes on after the failure of one of these has not done what it says. */
const VITAL = ['read', 'pread64', 'write', 'pwrite64', 'fsync', 'fdatasync'];
/** What makes a result last. */
const LASTING = ['fsync', 'fdatasync', 'link', 'rename', 'unlink', 'ftruncate'];

function faultsOf(calls: readonly Call[]): Fault[] {
  const names = [...new Set(calls.map(({ name }) => name))];
  return names.flatMap((call) => {
    const threads = calls.filter(({ name }) => name === call).map(({ thread }) => thread);
    const most = Math.max(...threads.map((thread) => threads.filter((other) => other === thread).length));
    return (OUTCOMES[call] ?? [FAILED]).flatMap((becomes) =>
      Array.from({ length: most }, (_, i) => ({ call, when: i + 1, becomes })),
    );
  });
}

/** A busy machine takes long for the many runs of one test. */
const PATIENCE_MS = 3_600_000;
/** Where not all of them are asked for, one in so many of a run. */
const ONE_IN = process.env['SLOW'] === undefined ? 300 : 1;
const met = new Set<string>();

/** Also the first of its kind in all runs, and in each run what keeps the result from lasting. */
function isSampled({ call, becomes }: Fault, index: number): boolean {
  const kind = `${call} ${becomes}`;
  const isNew = !met.has(kind);
  met.add(kind);
  return isNew || index % ONE_IN === 0 || (LASTING.includes(call) && becomes === FAILED);
}

/** What was wrong; undefined if nothing was, or if the run got by without the call. */
async function failOnce(run: SmallRun, fault: Fault): Promise<'survived' | 'not met' | Error> {
  folder.fill(run.given);
  const { call, when, becomes } = fault;
  const failed = await runTraced(folder.program(run), log, `${call}:${becomes}:when=${when}`);
  const injected = failed.calls.find(({ text }) => text.includes('(INJECTED)'));
  if (!injected) return 'not met';
  try {
    await judge(run, failed, fault, isOfNote(injected.text) || isOfFolder(run, injected.text));
    return 'survived';
  } catch (cause) {
    const what = `${call} ${when} ${becomes}: status ${failed.status}: ${failed.errors}`;
    return new Error(`${what}\n${(cause as Error).message}`, { cause });
  }
}

/** An apply without a snapback goes on without its note (§6.5) where there can be none, and leaves it where it fails. */
const isOfNote = (text: string): boolean => /\.applying\b/.test(text);

/** Where nothing is made, the folder is synced for the note alone. */
const isOfFolder = ({ makes }: SmallRun, text: string): boolean => makes === undefined && /\/run>/.test(text);

async function judge(run: SmallRun, failed: Ended, { call, becomes }: Fault, ofNote: boolean): Promise<void> {
  if (failed.status === (run.status ?? 0)) {
    if (!ofNote && (becomes === FAILED || becomes === FULL)) expect(VITAL).not.toContain(call);
    await folder.expectDone(run, failed);
    return;
  }
  expect(becomes).not.toBe(INTERRUPTED);
  expect(failed.status === 1 || (becomes === NOTHING && [3, 4].includes(failed.status!))).toBe(true);
  expectPlain(run, failed);
  const left = folder.names().filter((name) => run.given[name] === undefined);
  const isKept = (name: string) => name === `${run.makes?.name ?? ''}.partial` || isOfNote(name);
  expect(left.filter((name) => !isKept(name))).toEqual([]);
  await folder.expectDone(run, await folder.run(run));
}

/** Standard error is one line, and perhaps one with a way out. */
function expectPlain({ program = 'lvstream' }: SmallRun, { errors }: Ended): void {
  const [what, hint, ...rest] = errors.split('\n');
  expect(what).toMatch(new RegExp(`^(${program}|FATAL ERROR): (?!hint: )`));
  if (hint !== undefined) expect(hint).toMatch(new RegExp(`^${program}: hint: `));
  expect(rest).toEqual([]);
  expect(errors).not.toMatch(/this is a bug|undefined|ERR_/);
}

test.each(await smallRuns(folder))('$name', { timeout: PATIENCE_MS }, async (run) => {
  folder.fill(run.given);
  const whole = await runTraced(folder.program(run), log);
  await folder.expectDone(run, whole);
  const outcomes: (string | Error)[] = [];
  for (const fault of faultsOf(whole.calls).filter(isSampled)) outcomes.push(await failOnce(run, fault));
  const wrong = outcomes.filter((outcome) => outcome instanceof Error);
  const survived = outcomes.filter((outcome) => outcome === 'survived').length;
  report({ fault: 'system call failed', tried: survived + wrong.length, survived, lost: wrong.length });
  expect(wrong.map(({ message }) => message).join('\n')).toBe('');
  expect(survived).toBeGreaterThan(0);
});
