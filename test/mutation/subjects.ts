/** Files in which a mistake loses data, and the tests that must notice one. */
export const subjects: Readonly<Record<string, readonly string[]>> = {
  'algebra/follows': ['test/algebra/follows.test.ts', 'test/algebra/state-between.test.ts'],
  'device/recorded': ['test/device/recorded.test.ts', 'test/device/journal.test.ts'],
  'device/verdict': ['test/device/verdicts.test.ts'],
  'device/write-batch': ['test/device/apply.test.ts', 'test/device/target.test.ts'],
  'files/sink': ['test/cli/outputs.test.ts', 'test/cli/modes.test.ts'],
};
