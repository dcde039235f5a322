import { fstatSync } from 'node:fs';
import { setPipeSize } from '../device/syscalls.js';

const STDIN = 0;
const STDOUT = 1;
/** What any user may ask for (pipe(7), /proc/sys/fs/pipe-max-size). */
const PIPE_SIZE = 1 << 20;

/**
 * Asks for larger pipes where standard input and output are pipes: a batch then passes at once and not 64 KiB at a
 * time, each with two wake-ups. Where that is not allowed they stay as they are.
 */
export function widenPipes(): void {
  for (const fd of [STDIN, STDOUT]) {
    try {
      if (fstatSync(fd).isFIFO()) setPipeSize(fd, PIPE_SIZE);
    } catch {
      continue;
    }
  }
}
