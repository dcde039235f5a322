import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { BIN, type Run } from './run-lvstream.js';

/** A system call that `lvstream` made, as strace tells of it. */
export interface SystemCall {
  readonly name: string;
  /** What the descriptor that it got leads to. */
  readonly path: string;
  /** Its arguments and result, as strace writes them. */
  readonly text: string;
  readonly succeeded: boolean;
}

const CALLS = 'write,pwrite64,fallocate,fsync,fdatasync,getdents64';

/** Runs `lvstream` under strace; `trace` is where to keep what that says, `inject` a fault to make (strace(1), -e inject). */
export async function traced(
  args: readonly string[],
  trace: string,
  inject?: string,
): Promise<Run & { readonly calls: readonly SystemCall[] }> {
  const fault = inject === undefined ? [] : ['-e', `inject=${inject}`];
  const options = ['-f', '-y', '-qq', '-s', '200', '-o', trace, '-e', `trace=${CALLS}`, ...fault];
  const run = await execa('strace', [...options, process.execPath, BIN, ...args], {
    input: '',
    reject: false,
    stripFinalNewline: false,
  });
  const { exitCode: status, stdout: text, stderr: errors } = run;
  return { status, output: Buffer.from(text), text, errors, calls: parse(readFileSync(trace, 'utf8')) };
}

/** Calls in the order in which they ended; what another thread's call interrupts is put together again. */
function parse(trace: string): SystemCall[] {
  const begun = new Map<string, string>();
  const calls: SystemCall[] = [];
  for (const line of trace.split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(rest);
    if (unfinished) begun.set(pid, unfinished[1]!);
    const end = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const call = /^(\w+)\(\d+<(.*?)>(?=[,)]).* = (-?\d+)/.exec(
      end ? `${begun.get(pid) ?? ''}${end[1]!}` : rest,
    );
    if (!unfinished && call)
      calls.push({ name: call[1]!, path: call[2]!, text: call[0], succeeded: !call[3]!.startsWith('-') });
  }
  return calls;
}
