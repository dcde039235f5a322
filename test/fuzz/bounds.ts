import { Worker } from 'node:worker_threads';

/** The most that reading one input may take of time and, beyond what was there before, of memory. */
const MAX_SECONDS = 20;
const MAX_MEMORY = 256 * 2 ** 20;
const MAX_INPUT = 2 ** 24;

/**
 * Runs in a thread of its own, since a loop without end lets nothing else run: when the count stands still, it says
 * which input that was and ends the process.
 */
const watch = `
const { workerData } = require('node:worker_threads');
const { writeFileSync } = require('node:fs');
const { state, input, path, seconds } = workerData;
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
for (let seen = 0, still = 0; ; pause(1000)) {
  const now = Atomics.load(state, 0);
  still = now === seen && now % 2 === 1 ? still + 1 : 0;
  seen = now;
  if (still < seconds) continue;
  writeFileSync(path, input.subarray(0, Atomics.load(state, 1)));
  process.stderr.write('\\nan input took more than ' + seconds + ' s: ' + path + '\\n');
  process.kill(process.pid, 'SIGKILL');
}`;

interface Bounds {
  /** Throws where `act` took more memory than is allowed; ends the process where it takes more time. */
  hold(input: Uint8Array, act: () => Promise<string>): Promise<string>;
  stop(): Promise<void>;
}

/** `path`: where an input that takes too long is left. */
export function startBounds(path: string): Bounds {
  const state = new Int32Array(new SharedArrayBuffer(8));
  const shared = new Uint8Array(new SharedArrayBuffer(MAX_INPUT));
  const workerData = { state, input: shared, path, seconds: MAX_SECONDS };
  const worker = new Worker(watch, { eval: true, workerData });
  const turn = () => {
    Atomics.add(state, 0, 1);
  };
  return {
    hold: async (input, act) => {
      shared.set(input);
      Atomics.store(state, 1, input.length);
      const before = memory();
      turn();
      const outcome = await act().finally(turn);
      const grown = Math.max(...memory().map((now, i) => now - before[i]!));
      if (grown > MAX_MEMORY) throw new Error(`an input took ${grown} bytes of memory`);
      return outcome;
    },
    stop: async () => {
      await worker.terminate();
    },
  };
}

/** The process's peak so far, and what its arrays take, touched or not. */
function memory(): number[] {
  return [process.resourceUsage().maxRSS * 1024, process.memoryUsage().arrayBuffers];
}
