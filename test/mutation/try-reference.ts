import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { SourceMapPayload } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { tmpdir } from 'node:os';
import ts from 'typescript';
import { vectorsFolder } from '../vectors/generate.js';
import { listMutants, type Mutant } from './mutants.js';

const referenceFolder = fileURLToPath(new URL('../reference', import.meta.url));
const judgeScript = fileURLToPath(new URL('judge-vectors.js', import.meta.url));
const modulesFolder = fileURLToPath(new URL('../../node_modules', import.meta.url));
/** A vector that never ends has noticed the mistake too. */
const PATIENCE = 60_000;

/** The modules of the reference decoder by name. */
export const referenceModules: readonly string[] = readdirSync(referenceFolder)
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => name.slice(0, -'.ts'.length));

export interface TriedReference {
  readonly tried: number;
  /** Mutants on which the vectors agree as if nothing were wrong. */
  readonly survivors: readonly Mutant[];
}

/** Runs all vectors against each `every`-th mutant of one module of the reference decoder. */
export async function tryReference(module: string, every = 1): Promise<TriedReference> {
  const folder = mkdtempSync(path.join(tmpdir(), 'reference-'));
  try {
    for (const name of referenceModules) writeFileSync(path.join(folder, `${name}.js`), compile(name).text);
    writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
    symlinkSync(modulesFolder, path.join(folder, 'node_modules'));
    if (!(await agrees(folder))) throw new Error('the reference decoder disagrees with a vector');
    const { text, map } = compile(module);
    const mutants = listMutants(text, map).filter((_, i) => i % every === 0);
    const survives = await Promise.all(spread(mutants, folder, module));
    return { tried: mutants.length, survivors: survives.flat() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Two at a time, each in a folder of its own. */
function spread(mutants: readonly Mutant[], folder: string, module: string): Promise<Mutant[]>[] {
  return [0, 1].map(async (lane) => {
    const own = mkdtempSync(path.join(tmpdir(), 'reference-'));
    try {
      cpSync(folder, own, { recursive: true, verbatimSymlinks: true });
      const survivors: Mutant[] = [];
      for (const mutant of mutants.filter((_, i) => i % 2 === lane)) {
        writeFileSync(path.join(own, `${module}.js`), mutant.text);
        if (await agrees(own)) survivors.push(mutant);
      }
      return survivors;
    } finally {
      rmSync(own, { recursive: true });
    }
  });
}

function compile(module: string): { text: string; map: SourceMapPayload } {
  const source = readFileSync(path.join(referenceFolder, `${module}.ts`), 'utf8');
  const { outputText, sourceMapText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, sourceMap: true },
    fileName: `${module}.ts`,
  });
  return { text: outputText, map: JSON.parse(sourceMapText!) as SourceMapPayload };
}

async function agrees(folder: string): Promise<boolean> {
  const run = spawn(process.execPath, [judgeScript, folder, vectorsFolder], {
    stdio: 'ignore',
    timeout: PATIENCE,
    killSignal: 'SIGKILL',
  });
  const status = await new Promise((resolve, reject) => run.on('close', resolve).on('error', reject));
  return status === 0;
}
