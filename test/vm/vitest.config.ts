import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const seconds = 1000;

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/vm/*.test.ts'],
    globalSetup: 'test/fault-table.ts',
    // The first test of a suite waits for the machine to boot; the machine has a time limit of its own.
    testTimeout: 2500 * seconds,
    // A machine has one processor and 1.5 GiB of memory.
    maxWorkers: 2,
    server: { deps: { external: [/\/dist\//] } },
  },
});
