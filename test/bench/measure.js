import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const hook = new URL('note-peak.js', import.meta.url).href;
const lvstream = fileURLToPath(new URL('../../bin/lvstream.js', import.meta.url));

/**
 * Runs a shell command, `lvstream` being ours, from the start of the shell to its end. Answers the milliseconds it took and
 * the KiB that lvstream had at most, undefined if it took no part. Throws if any part of it fails.
 */
export function measure(shell, places) {
  const peakFile = path.join(places.folder, 'peak');
  rmSync(peakFile, { force: true });
  const script = `set -e -o pipefail; lvstream() { "$node" --import "$hook" "$program" "$@"; }; ${shell}`;
  const env = {
    ...process.env,
    ...places,
    LVSTREAM_PEAK_FILE: peakFile,
    node: process.execPath,
    hook,
    program: lvstream,
  };
  const begun = performance.now();
  const { status, stderr, error } = spawnSync('bash', ['-c', script], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ms = performance.now() - begun;
  if (error) throw error;
  if (status !== 0) throw new Error(`status ${status} from: ${shell}\n${stderr}`);
  const peakKib = existsSync(peakFile) ? Number(readFileSync(peakFile, 'utf8')) : undefined;
  return { ms, peakKib };
}
