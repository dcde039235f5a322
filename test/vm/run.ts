import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Programs that cases run in the guest. */

export interface RunOptions {
  /** What it reads; nothing unless said. */
  readonly stdin?: string | Uint8Array;
  /** Files or devices to read and to write instead; what is written there is not in the result. */
  readonly stdinFile?: string;
  readonly stdoutFile?: string;
  /** Beside the environment of the guest. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** 240 unless said. */
  readonly timeoutSeconds?: number;
}

export interface RunResult {
  /** Null if a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const DEFAULT_TIMEOUT_SECONDS = 240;

/** Runs a program to its end, whatever that is. Throws if there is none of that name, or if it takes too long. */
export function attempt(command: string, args: readonly string[], options: RunOptions = {}): RunResult {
  const { stdin, env, cwd, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = options;
  const { stdio, close } = openFiles(options);
  const settings = { env: { ...process.env, ...env }, timeout: timeoutSeconds * 1000, maxBuffer: 2 ** 30 };
  const result = spawnSync(command, args, {
    ...settings,
    ...(cwd !== undefined && { cwd }),
    ...(stdin !== undefined && { input: stdin }),
    killSignal: 'SIGKILL',
    stdio,
  });
  close();
  if (result.error !== undefined) throw new Error(`${command} ${args.join(' ')}`, { cause: result.error });
  const { status, signal, stderr } = result;
  // Null where it was written to a file.
  const stdout = result.stdout as Buffer | null;
  return { status, signal, stdout: stdout ?? Buffer.alloc(0), stderr: stderr.toString() };
}

/** Runs a program that has to succeed, and returns what it printed. Throws with its status and errors otherwise. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): string {
  const { status, signal, stdout, stderr } = attempt(command, args, options);
  if (status === 0) return stdout.toString();
  throw new Error(
    `${command} ${args.join(' ')}: ${signal ?? `status ${String(status)}`}\n${stdout.toString()}${stderr}`,
  );
}

/** A program that runs beside the case. The case may end before it: it is killed then. */
export interface RunningProgram {
  readonly process: ChildProcess;
  readonly ended: Promise<RunResult>;
}

/** Starts a program. `timeoutSeconds` is not kept. */
export function start(command: string, args: readonly string[], options: RunOptions = {}): RunningProgram {
  const { stdin, env, cwd } = options;
  const { stdio, close } = openFiles(options);
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
    stdio,
  });
  close();
  child.stdin?.on('error', () => undefined).end(stdin ?? '');
  return { process: child, ended: resultOf(child) };
}

type Stdio = ['pipe' | 'ignore' | number, 'pipe' | number, 'pipe'];

function openFiles({ stdin, stdinFile, stdoutFile }: RunOptions): { stdio: Stdio; close: () => void } {
  const input = stdinFile === undefined ? undefined : openSync(stdinFile, 'r');
  const output = stdoutFile === undefined ? undefined : openSync(stdoutFile, 'w');
  return {
    stdio: [input ?? (stdin === undefined ? 'ignore' : 'pipe'), output ?? 'pipe', 'pipe'],
    close: () => {
      for (const fd of [input, output]) if (fd !== undefined) closeSync(fd);
    },
  };
}

function resultOf(child: ChildProcess): Promise<RunResult> {
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on('data', (part: Buffer) => stdout.push(part));
  child.stderr?.on('data', (part: Buffer) => stderr.push(part));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      const text = Buffer.concat(stderr).toString();
      resolve({ status, signal, stdout: Buffer.concat(stdout), stderr: text });
    });
  });
}

const program = (name: string): string =>
  path.join(fileURLToPath(new URL('../..', import.meta.url)), 'bin', `${name}.js`);

const node = (name: string, args: readonly string[]): [string, string[]] => [
  process.execPath,
  [program(name), ...args],
];

/** Runs the `lvstream` command, as its user would. */
export const lvstream = (args: readonly string[], options: RunOptions = {}): RunResult =>
  attempt(...node('lvstream', args), options);

/** Runs the drop-in command. */
export const lvmsync = (args: readonly string[], options: RunOptions = {}): RunResult =>
  attempt(...node('lvmsync', args), options);

/** Starts `lvstream` beside the case. */
export const startLvstream = (args: readonly string[], options: RunOptions = {}): RunningProgram =>
  start(...node('lvstream', args), options);
