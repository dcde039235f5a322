import { type ChildProcess, fork } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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
  const judges = [new Judge(), new Judge()];
  try {
    writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
    symlinkSync(modulesFolder, path.join(folder, 'node_modules'));
    const { text, map } = compile(module);
    const write = decoderWriter(folder, module);
    const patience = await measurePatience(judges[0]!, write('unchanged', text));
    const mutants = listMutants(text, map).filter((_, i) => i % every === 0);
    const survivors: Mutant[] = [];
    const waiting = mutants.entries();
    const judgeAll = async (judge: Judge) => {
      for (const [i, mutant] of waiting)
        if (await survives(judge, write(String(i), mutant.text), patience)) survivors.push(mutant);
    };
    await Promise.all(judges.map(judgeAll));
    return { tried: mutants.length, survivors };
  } finally {
    for (const judge of judges) judge.end();
    rmSync(folder, { recursive: true });
  }
}

const SIZES = ['small', 'large'] as const;
type Size = (typeof SIZES)[number];
/** Milliseconds for the vectors of a size. */
type Patience = Readonly<Record<Size, number>>;

async function measurePatience(judge: Judge, decoder: string): Promise<Patience> {
  const patience = { small: Infinity, large: Infinity };
  for (const size of SIZES) {
    const begun = performance.now();
    if (!(await judge.agrees(decoder, size)))
      throw new Error('the reference decoder disagrees with a vector');
    patience[size] = 5_000 + 5 * (performance.now() - begun);
  }
  return patience;
}

async function survives(judge: Judge, decoder: string, patience: Patience): Promise<boolean> {
  for (const size of SIZES) if (!(await judge.agrees(decoder, size, patience[size]))) return false;
  return true;
}

/** Writes the decoder with another text of one of its modules into a folder of its own, and returns that. */
function decoderWriter(folder: string, module: string): (name: string, text: string) => string {
  const others = referenceModules.map((name) => [name, compile(name).text] as const);
  return (name, text) => {
    const own = path.join(folder, name);
    mkdirSync(own);
    for (const [other, usual] of others)
      writeFileSync(path.join(own, `${other}.js`), other === module ? text : usual);
    return own;
  };
}

function compile(module: string): { text: string; map: SourceMapPayload } {
  const source = readFileSync(path.join(referenceFolder, `${module}.ts`), 'utf8');
  const { outputText, sourceMapText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, sourceMap: true },
    fileName: `${module}.ts`,
  });
  return { text: outputText, map: JSON.parse(sourceMapText!) as SourceMapPayload };
}

/** A process that has read the vectors, for one decoder after the other; a new one where it had to be killed. */
class Judge {
  #child: ChildProcess | undefined;

  /** A decoder that is not through in `patience` milliseconds, or brings the process down, does not agree. */
  async agrees(decoder: string, size: Size, patience = Infinity): Promise<boolean> {
    const child = (this.#child ??= this.#start());
    const timer = patience < Infinity ? setTimeout(() => child.kill('SIGKILL'), patience) : undefined;
    const agrees = await ask(child, { decoder, size });
    clearTimeout(timer);
    return agrees;
  }

  end(): void {
    this.#child?.kill('SIGKILL');
  }

  #start(): ChildProcess {
    const execArgv = ['--max-old-space-size=1024'];
    const child = fork(judgeScript, [vectorsFolder], {
      execArgv,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.once('exit', () => (this.#child = undefined));
    return child;
  }
}

/** Whether the decoder agrees with the vectors; false if the process ends before it has said so. */
function ask(child: ChildProcess, request: { decoder: string; size: Size }): Promise<boolean> {
  return new Promise((resolve) => {
    const onExit = () => resolve(false);
    child.once('exit', onExit);
    child.once('message', ({ name }: { name?: string }) => {
      child.off('exit', onExit);
      resolve(name === undefined);
    });
    child.send(request);
  });
}
