import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { SourceMapPayload } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { listMutants, type Mutant } from './mutants.js';
import explained from './survivors.json' with { type: 'json' };

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What tests write to or what is resolved from where it lies is copied, the rest is linked to. */
const COPIED = ['bin', 'dist', 'package.json', 'src', 'test', 'tsconfig.json'];
const LINKED = ['fixtures', 'node_modules', 'spec'];

/** A mutant that no test noticed, and why that is right. */
interface Explanation {
  readonly before: string;
  readonly after: string;
  readonly reason: string;
}

export interface Tried {
  readonly tried: number;
  readonly killed: number;
  /** Survivors that nobody has explained. */
  readonly survivors: readonly string[];
  /** Explanations of what does not survive, or is not in the file. */
  readonly stale: readonly string[];
}

/**
 * Runs the tests of a compiled file, such as `algebra/follows`, with each `every`-th of its mutants from the one of number
 * `first` on, in a copy of the checkout. Throws if the tests fail without a mutant.
 */
export async function tryMutants(
  subject: string,
  tests: readonly string[],
  { every = 1, first = 0 } = {},
): Promise<Tried> {
  const copy = copyCheckout();
  try {
    const file = path.join(copy, 'dist', `${subject}.js`);
    const text = readFileSync(file, 'utf8');
    const map = JSON.parse(readFileSync(`${file}.map`, 'utf8')) as SourceMapPayload;
    const mutants = listMutants(text, map);
    const sample = mutants.filter((_, i) => i % every === first % every);
    const begun = performance.now();
    if (!(await passes(copy, tests, 600_000))) throw new Error(`${subject}: its tests fail without a mutant`);
    const patience = 10_000 + 5 * (performance.now() - begun);
    const survivors: Mutant[] = [];
    for (const mutant of sample) {
      writeFileSync(file, mutant.text);
      if (await passes(copy, tests, patience)) survivors.push(mutant);
    }
    return judge(subject, mutants, sample, survivors);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function copyCheckout(): string {
  const copy = mkdtempSync(path.join(tmpdir(), 'mutation-'));
  for (const name of COPIED) cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  for (const name of LINKED) symlinkSync(path.join(root, name), path.join(copy, name));
  return copy;
}

/** Runs tests in a process group of their own, which is killed if they take too long: that counts as noticed. */
async function passes(copy: string, tests: readonly string[], patience: number): Promise<boolean> {
  const temporary = path.join(copy, 'tmp');
  mkdirSync(temporary);
  const vitest = path.join(copy, 'node_modules', 'vitest', 'vitest.mjs');
  const args = ['run', '--bail=1', '--config', 'test/vitest.config.ts', ...tests];
  const { PATH, HOME } = process.env;
  const run = spawn(process.execPath, [vitest, ...args], {
    cwd: copy,
    detached: true,
    stdio: 'ignore',
    env: { PATH, HOME, TMPDIR: temporary },
  });
  const timer = setTimeout(() => process.kill(-run.pid!, 'SIGKILL'), patience);
  const status = await new Promise((resolve, reject) => run.on('close', resolve).on('error', reject));
  clearTimeout(timer);
  rmSync(temporary, { recursive: true });
  return status === 0;
}

function judge(
  subject: string,
  mutants: readonly Mutant[],
  sample: readonly Mutant[],
  survivors: readonly Mutant[],
): Tried {
  const explanations: readonly Explanation[] = (explained as Record<string, Explanation[]>)[subject] ?? [];
  const has = (list: readonly Mutant[], { before, after }: Explanation | Mutant) =>
    list.some((each) => each.before === before && each.after === after);
  const isExplained = (mutant: Mutant) =>
    explanations.some(({ before, after }) => before === mutant.before && after === mutant.after);
  const isStale = (each: Explanation) => (has(sample, each) ? !has(survivors, each) : !has(mutants, each));
  return {
    tried: sample.length,
    killed: sample.length - survivors.length,
    survivors: survivors
      .filter((mutant) => !isExplained(mutant))
      .map(({ line, before, after }) => `src/${subject}.ts:${line}: ${before} → ${after}`),
    stale: explanations.filter(isStale).map(({ before, after }) => `${subject}: ${before} → ${after}`),
  };
}
