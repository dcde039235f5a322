import { readFileSync } from 'node:fs';
import { execa } from 'execa';

/** A program and its arguments, of which the files are named by their whole paths. */
export interface Program {
  readonly bin: string;
  readonly args: readonly string[];
  /** Whose system calls count. `$$` stands for the program's process id. */
  readonly files: readonly string[];
}

/** One system call on one of the files. */
export interface Call {
  readonly thread: string;
  readonly name: string;
  /** Its arguments and its result, as strace writes them. */
  readonly text: string;
}

/** How a program ended, and what it said. */
export interface Ended {
  readonly status: number | undefined;
  readonly output: string;
  readonly errors: string;
}

export interface TracedRun extends Ended {
  readonly calls: readonly Call[];
}

/**
 * Runs a program under strace(1). `inject`: what becomes of a call instead, such as `fsync:error=EIO:when=2`; strace counts
 * the calls of each thread for itself, so there is only one that reads and writes beside the main one.
 */
export async function runTraced(
  { bin, args, files }: Program,
  log: string,
  inject?: string,
): Promise<TracedRun> {
  const paths = files.flatMap((file) => ['-P', file.split('$$').join(`'"$$"'`)]);
  const injected = inject === undefined ? [] : ['-e', `inject=${inject}`];
  const words = ['strace', '-D', '-f', '-qq', '-y', '-s', '0', '-o', log, ...paths, ...injected];
  const command = [...words, process.execPath, bin, ...args].map((word) => `'${word}'`).join(' ');
  const env = { UV_THREADPOOL_SIZE: '1' };
  const run = await execa('sh', ['-c', `exec ${command}`], { env, stdin: 'ignore', reject: false });
  return {
    status: run.exitCode,
    output: run.stdout,
    errors: run.stderr,
    calls: parseLog(readFileSync(log, 'utf8')),
  };
}

/** A call that another thread's came into the middle of stands in two lines; the first has its arguments. */
function parseLog(log: string): Call[] {
  return log.split('\n').flatMap((line) => {
    const [, thread, name, text] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? [];
    return thread === undefined ? [] : [{ thread, name: name!, text: text! }];
  });
}
