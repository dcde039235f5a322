/** What is mutated together, and the tests that must notice. */
export interface Area {
  /** Modules of `src/` in which a mistake loses data. */
  readonly modules: readonly string[];
  /** Quickest first, since the first test that fails ends the trial of a mutant. */
  readonly tests: readonly string[];
}

export const areas: Readonly<Record<string, Area>> = {
  follows: {
    modules: ['algebra/follows'],
    tests: ['test/algebra/state-between.test.ts', 'test/algebra/follows.test.ts'],
  },
  writing: {
    modules: ['apply/write-batch', 'device/usage/write-counter'],
    tests: ['test/apply/write-batch.test.ts', 'test/device/usage/write-counter.test.ts'],
  },
  verdict: {
    modules: ['algebra/records/expected-pieces', 'compare/verdict'],
    tests: ['test/compare/verdict.test.ts'],
  },
  journal: {
    modules: ['chain/journal', 'chain/partial-file', 'compare/pre-images'],
    tests: [
      'test/chain/partial-file.test.ts',
      'test/compare/pre-images.test.ts',
      'test/chain/journal-life.test.ts',
      'test/chain/journal.test.ts',
    ],
  },
  lost: {
    modules: ['chain/journal-damage'],
    tests: ['test/chain/journal-life.test.ts', 'test/chain/journal.test.ts'],
  },
  lock: {
    modules: ['device/lock-file'],
    tests: ['test/device/lock-file.test.ts'],
  },
  left: {
    modules: ['chain/left-journal'],
    tests: ['test/chain/left-journal.test.ts'],
  },
  note: {
    modules: ['apply/apply-note'],
    tests: ['test/apply/apply-note.test.ts'],
  },
  done: {
    modules: ['apply/finished', 'chain/way-back'],
    tests: ['test/chain/way-back.test.ts', 'test/apply/finished.test.ts'],
  },
  recorder: {
    modules: ['chain/open-recorder', 'chain/recorder'],
    tests: ['test/chain/recorder.test.ts', 'test/chain/left-journal.test.ts'],
  },
  recorded: {
    modules: ['compare/held', 'compare/recorded-ranges'],
    tests: ['test/compare/held.test.ts', 'test/compare/recorded-ranges.test.ts'],
  },
  chain: {
    modules: ['chain/chain-head'],
    tests: ['test/chain/chain-head.test.ts'],
  },
  comparisons: {
    modules: ['compare/result-comparison', 'compare/digest-pieces', 'compare/survey'],
    tests: ['test/compare/comparisons.test.ts'],
  },
  apply: {
    modules: ['apply/apply', 'apply/plan', 'apply/execute', 'apply/work'],
    tests: [
      'test/apply/apply-steps.test.ts',
      'test/apply/refusals.test.ts',
      'test/device/room.test.ts',
      'test/apply/apply-note.test.ts',
    ],
  },
  uses: {
    modules: [
      'device/device-mapper',
      'device/usage/in-use',
      'device/usage/mounts',
      'device/usage/open-files',
      'device/open-for-writing',
      'apply/refuse-itself',
      'device/usage/stacked-devices',
      'device/usage/subject',
    ],
    tests: [
      'test/device/device-mapper.test.ts',
      'test/device/usage/uses.test.ts',
      'test/device/target-calls.test.ts',
    ],
  },
  flush: {
    modules: ['device/flush', 'device/medium'],
    tests: ['test/device/flush-steps.test.ts', 'test/device/flush.test.ts'],
  },
  target: {
    modules: ['device/target'],
    tests: ['test/device/target-calls.test.ts'],
  },
  outputs: {
    modules: ['files/sink', 'files/write-output'],
    tests: ['test/files/sink.test.ts'],
  },
  image: {
    modules: ['device/image'],
    tests: ['test/device/image-opened.test.ts', 'test/device/image.test.ts'],
  },
  direct: {
    modules: ['device/direct'],
    tests: ['test/device/direct.test.ts'],
  },
  syscalls: {
    modules: ['device/syscalls'],
    tests: ['test/device/load-syscalls.test.ts', 'test/device/syscalls.test.ts'],
  },
  ahead: {
    modules: ['device/read-ranges-ahead'],
    tests: ['test/device/read-ahead-memory.test.ts', 'test/device/read-ranges-ahead.test.ts'],
  },
  inputs: {
    modules: ['codec/scratch-file', 'files/descriptor', 'files/source', 'files/unfinished-output'],
    tests: [
      'test/codec/scratch-file.test.ts',
      'test/files/descriptor.test.ts',
      'test/files/unfinished-output.test.ts',
      'test/files/source.test.ts',
    ],
  },
};
