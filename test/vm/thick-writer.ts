import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningProgram, start } from './run.js';

/** Writes and counts the writes in a file, so that a case knows that it is at work. */
const WRITER = `
const fs = require('node:fs');
const [device, size, counter] = process.argv.slice(1);
const fd = fs.openSync(device, fs.constants.O_WRONLY | fs.constants.O_DSYNC);
let count = 0;
const next = () => {
  const data = Buffer.alloc(4096, Math.floor(Math.random() * 256));
  fs.writeSync(fd, data, 0, data.length, Math.floor(Math.random() * (size / 4096)) * 4096);
  count += 1;
  if (count % 4 === 0) fs.writeFileSync(counter, String(count));
  setTimeout(next, 10);
};
next();
`;

export interface Writer extends RunningProgram {
  /** Waits until so many more writes were made. */
  readonly writes: (more: number) => Promise<void>;
}

/**
 * Keeps writing 4096 bytes at random places of the first `size` bytes until it is killed, with time in between for
 * others: there is one processor.
 */
export function startWriter(device: string, size: number, counter: string): Writer {
  const program = start(process.execPath, ['-e', WRITER, device, String(size), counter]);
  const count = (): number => (existsSync(counter) ? Number(readFileSync(counter, 'utf8')) : 0);
  return {
    ...program,
    writes: async (more) => {
      const wanted = count() + more;
      while (count() < wanted) await sleep(10);
    },
  };
}
