import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const bin = fileURLToPath(new URL('../../bin/lvstream.js', import.meta.url));
const hook = new URL('../bench/note-peak.js', import.meta.url).href;
const processors = new URL('./set-processors.js', import.meta.url).href;

export interface Measured {
  readonly status: number | undefined;
  readonly out: string;
  readonly err: string;
  readonly seconds: number;
  /** The most memory that the process had, MiB. */
  readonly peakMib: number;
}

/** Runs `lvstream` as a process of its own and notes what it took. */
export function runMeasured(...argv: readonly string[]): Promise<Measured> {
  return runMeasuredOn(undefined, ...argv);
}

/** The same as if the machine had so many processors. */
export async function runMeasuredOn(
  count: number | undefined,
  ...argv: readonly string[]
): Promise<Measured> {
  const folder = mkdtempSync(path.join(tmpdir(), 'measured-'));
  const peakFile = path.join(folder, 'peak');
  const begun = performance.now();
  const run = await execa(process.execPath, ['--import', hook, '--import', processors, bin, ...argv], {
    reject: false,
    stdin: 'ignore',
    env: { LVSTREAM_PEAK_FILE: peakFile, PROCESSORS: String(count ?? '') },
  });
  const seconds = (performance.now() - begun) / 1000;
  const peakMib = Number(readFileSync(peakFile, 'utf8')) / 1024;
  rmSync(folder, { recursive: true });
  return { status: run.exitCode, out: run.stdout, err: run.stderr, seconds, peakMib };
}
