import { writeSync, openSync } from 'node:fs';
import type { FaultRow } from '../fault-table.js';
import type { Case, CaseResult } from './case.js';
import { cleanUp } from './clean-up.js';

/**
 * Runs cases inside the guest: `node guest.js SUITE NAME…`. Each one's result is written to the report port as it ends.
 */

const [, , suite = '', ...wanted] = process.argv;
const DEFAULT_TIMEOUT_SECONDS = 360;
const report = openSync(process.env['REPORT_PORT']!, 'w');

const { cases } = (await import(`./cases/${suite}.js`)) as { readonly cases: readonly Case[] };
await cleanUp();
for (const each of cases) {
  if (!wanted.includes(each.name)) continue;
  const result = await runCase(each);
  writeSync(report, `${JSON.stringify(result)}\n`);
}
process.exit(0);

/** What a case could not have removed is its own fault. */
async function runCase({ name, run, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS }: Case): Promise<CaseResult> {
  const begin = performance.now();
  const failures: string[] = [];
  const faults: FaultRow[] = [];
  const note = (error: unknown): void => void failures.push(describe(error));
  await withTimeout(() => run((row) => void faults.push(row)), timeoutSeconds).catch(note);
  await cleanUp().catch(note);
  const seconds = Math.round(performance.now() - begin) / 1000;
  const failure = failures.length === 0 ? {} : { failure: failures.join('\n\n') };
  return { name, seconds, faults, ...failure };
}

async function withTimeout(run: () => void | Promise<void>, timeoutSeconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = (): void => reject(new Error(`the case took more than ${timeoutSeconds} s`));
    timer = setTimeout(fail, timeoutSeconds * 1000);
  });
  try {
    await Promise.race([Promise.resolve().then(run), late]);
  } finally {
    clearTimeout(timer);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
