import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Area } from './areas.js';
import { judge, type MutationReport, type Tried } from './judge.js';
import { giveOwnBlocks } from './own-blocks.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What is changed, or resolved from where it lies, is copied; the rest is linked to. */
const COPIED = ['bin', 'dist', 'package.json', 'src', 'test', 'tsconfig.json'];
const LINKED = ['fixtures', 'node_modules', 'spec'];
const REPORT = 'mutants.json';

/** Texts of messages, lists and options of a call: what goes wrong there is seen, and loses nothing. */
const LEFT_ALONE = ['ArrayDeclaration', 'ObjectLiteral', 'OptionalChaining', 'Regex', 'StringLiteral'];

/**
 * Tries the mutants of some modules of an area with StrykerJS, in a copy of the checkout. Throws if the tests fail without a
 * mutant.
 */
export async function tryArea({ tests }: Area, modules: readonly string[]): Promise<Tried> {
  const copy = copyCheckout();
  try {
    for (const module of modules) rewrite(path.join(copy, 'src', `${module}.ts`), giveOwnBlocks);
    writeFileSync(path.join(copy, 'stryker.json'), JSON.stringify(optionsFor(modules)));
    await runStryker(copy, tests);
    return judge(JSON.parse(readFileSync(path.join(copy, REPORT), 'utf8')) as MutationReport);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function copyCheckout(): string {
  const copy = mkdtempSync(path.join(tmpdir(), 'mutation-'));
  for (const name of COPIED) cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  for (const name of LINKED) symlinkSync(path.join(root, name), path.join(copy, name));
  mkdirSync(path.join(copy, 'tmp'));
  return copy;
}

function rewrite(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

function optionsFor(modules: readonly string[]): object {
  return {
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: 'test/mutation/with-mutants.config.ts', related: false },
    mutate: modules.map((module) => `src/${module}.ts`),
    mutator: { excludedMutations: LEFT_ALONE },
    buildCommand: 'node node_modules/typescript/bin/tsc --noCheck',
    inPlace: true,
    coverageAnalysis: 'perTest',
    reporters: ['json', 'progress-append-only'],
    jsonReporter: { fileName: REPORT },
    timeoutMS: 20_000,
    allowEmpty: true,
  };
}

async function runStryker(copy: string, tests: readonly string[]): Promise<void> {
  const { PATH, HOME } = process.env;
  const script = path.join(copy, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js');
  const run = spawn(process.execPath, [script, 'run', 'stryker.json'], {
    cwd: copy,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH, HOME, TMPDIR: path.join(copy, 'tmp'), MUTANTS_TESTS: tests.join(' ') },
  });
  const status = await new Promise((resolve, reject) => run.on('close', resolve).on('error', reject));
  if (status !== 0) throw new Error(`stryker ended with status ${String(status)}: see above`);
}
