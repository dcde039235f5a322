import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const hours = 3_600_000;

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/mutation/**/*.test.ts'],
    globalSetup: ['test/temporary-folder.ts', 'test/fault-table.ts'],
    testTimeout: 6 * hours,
    disableConsoleIntercept: true,
  },
});
