import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { filesWithoutTools } from './tools.js';

const slow = process.env['SLOW'] === '1';
const seconds = 1000;

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/temporary-folder.ts', 'test/fault-table.ts'],
    exclude: [
      ...configDefaults.exclude,
      'test/vm/**',
      'test/mutation/**',
      ...(slow ? [] : ['test/long/**']),
      ...filesWithoutTools(),
    ],
    // Most of the time is that of commands, one after the other. What the long tests measure is measured alone.
    maxWorkers: slow ? 1 : availableParallelism(),
    testTimeout: (slow ? 900 : 120) * seconds,
    hookTimeout: (slow ? 900 : 120) * seconds,
    // Node itself loads the compiled output, so that workers, import.meta.url and addons are as shipped.
    server: { deps: { external: [/\/dist\//] } },
  },
});
