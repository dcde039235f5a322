import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The tests that a mutant is tried with, as StrykerJS runs them in a copy of the checkout. */

const tests = (process.env['MUTANTS_TESTS'] ?? '').split(' ');
const seconds = 1000;

class AsListed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => tests.findIndex((test) => moduleId.endsWith(test));
    return [...files].sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: tests,
    setupFiles: ['test/mutation/same-cases.ts'],
    testTimeout: 60 * seconds,
    sequence: { sequencer: AsListed },
    server: { deps: { external: [/\/dist\//] } },
  },
});
