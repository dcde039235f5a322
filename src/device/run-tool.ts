import { spawnSync } from 'node:child_process';
import { DeviceError } from '../errors.js';

/** What a program said. */
export interface ToolResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Reports of hosts with thousands of volumes. */
const MAX_OUTPUT = 1 << 28;

/** `spawnSync` takes it, though the types do not know. */
const OWN_SESSION = { detached: true };

/**
 * cron's PATH leaves the sbin directories out, and an empty one is the current folder; nothing must be translated. LVM
 * would complain of every descriptor that it inherits (lvm(8)).
 */
const ENVIRONMENT = {
  LC_ALL: 'C',
  LVM_SUPPRESS_FD_WARNINGS: '1',
  PATH: [process.env['PATH'] || '/usr/bin:/bin', '/usr/sbin', '/sbin'].join(':'),
};

/**
 * Runs a program to its end. No other work of this process, and no signal's handler, comes in between; a signal to all
 * processes of the terminal does not reach it.
 * Throws `DeviceError` if it can't be run; `debian` is the package that has it. The program gets these open files beside its
 * standard ones, and with them their locks.
 */
export function runTool(
  command: string,
  args: readonly string[],
  debian: string,
  files: readonly number[] = [],
): ToolResult {
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe', ...files],
    ...OWN_SESSION,
    maxBuffer: MAX_OUTPUT,
    env: { ...process.env, ...ENVIRONMENT },
  });
  if (error !== undefined) throw cannotRun(command, error, debian);
  if (status === null) throw new DeviceError(`${command} was ended by ${String(signal)}`);
  return { status, stdout, stderr };
}

function cannotRun(command: string, cause: Error, debian: string): DeviceError {
  const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const why = missing ? 'it is not installed' : cause.message;
  const hint = missing ? `install it (Debian package ${debian})` : undefined;
  return new DeviceError(`${command} can't be run: ${why}`, { cause, hint });
}

/** What a program complains of, on one line. */
export function complaintOf({ status, stderr }: ToolResult): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '').join('; ') || `exit status ${status}`;
}
