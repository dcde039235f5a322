import { readFileSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** Loaded before a command that is measured: at its end, notes the most memory that it had (proc(5), VmHWM, in KiB). */
const path = process.env.LVSTREAM_PEAK_FILE;
if (isMainThread && path) {
  process.on('exit', () => {
    const [, peak] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    writeFileSync(path, peak);
  });
}
