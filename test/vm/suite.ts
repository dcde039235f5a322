import { afterAll, describe, it, type TestContext } from 'vitest';
import { report } from '../fault-table.js';
import type { Case, CaseResult } from './case.js';
import { runInVm } from './vm.js';

export interface SuiteOptions {
  /** Bytes of each empty disk; two of 1 GiB unless said. */
  readonly disks?: readonly number[];
  /** 1536 unless said. */
  readonly memoryMebibytes?: number;
  /** After so long the machine is switched off; 2400 unless said. */
  readonly timeoutSeconds?: number;
  /** A folder of the host to be mounted for writing, at the same path: tests behind this suite may look into it. */
  readonly shared?: string;
}

const GIBIBYTE = 2 ** 30;
const SUITE_TIMEOUT_SECONDS = 2400;

/**
 * Makes each case of `cases/NAME.ts` a test of its own. They run in one virtual machine, in their order; it boots with
 * the first test, and runs only those that vitest was asked for (`-t`).
 */
export function describeInVm(name: string, cases: readonly Case[], options: SuiteOptions = {}): void {
  const names = new Set(cases.map((each) => each.name));
  if (names.size < cases.length) throw new Error(`two cases of ${name} have one name`);
  describe(name, () => {
    let guest: Guest | undefined;
    for (const each of cases) {
      it(each.name, async ({ task }) => {
        guest ??= boot(name, wantedNames(task), options);
        const { faults, failure } = await guest.results.get(each.name)!;
        faults.forEach(report);
        if (failure !== undefined) throw inGuest(failure);
      });
    }
    afterAll(() => guest?.ended);
  });
}

/** The names of the tests beside this one that are to run. */
const wantedNames = (task: TestContext['task']): string[] =>
  (task.suite?.tasks ?? [])
    .filter(({ mode }) => mode === 'run' || mode === 'queued')
    .map((each) => each.name);

interface Guest {
  /** How each case ends; rejected if the guest ends before. */
  readonly results: ReadonlyMap<string, Promise<CaseResult>>;
  /** Fulfilled when it is gone, however. */
  readonly ended: Promise<unknown>;
}

function boot(suite: string, wanted: readonly string[], options: SuiteOptions): Guest {
  const settle = new Map<string, (result: CaseResult) => void>();
  let reported = 0;
  const results = wanted.map((name) => new Promise<CaseResult>((resolve) => settle.set(name, resolve)));
  const ended = runInVm([process.execPath, 'test/vm/guest.js', suite, ...wanted], {
    disks: [GIBIBYTE, GIBIBYTE],
    timeoutSeconds: SUITE_TIMEOUT_SECONDS,
    ...options,
    onReport: (line) => {
      const result = JSON.parse(line) as CaseResult;
      settle.get(result.name)?.(result);
      reported += 1;
    },
  }).then(({ status, stdout, stderr }) => {
    process.stderr.write(stdout + stderr);
    throw new Error(`the guest ended with status ${status} before all cases did\n${stderr}`);
  });
  // Cases run in their order, so the one behind the last report is to blame; the others need not tell it again.
  const endedBefore = (index: number): Promise<never> =>
    ended.catch((error: unknown) => {
      throw index === reported ? error : new Error('the guest ended in a case before this one');
    });
  const races = results.map((result, index) => Promise.race([result, endedBefore(index)]));
  return {
    results: new Map(wanted.map((name, index) => [name, races[index]!])),
    ended: Promise.allSettled([ended, ...races]),
  };
}

/** The guest's stack says where; this one's would only say here. */
function inGuest(failure: string): Error {
  const error = new Error(failure);
  error.stack = failure;
  return error;
}
