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
    modules: ['device/write-batch', 'device/write-counter'],
    tests: ['test/device/write-batch.test.ts', 'test/device/write-counter.test.ts'],
  },
  verdict: {
    modules: ['device/piece-runs', 'device/verdict'],
    tests: ['test/device/verdict.test.ts'],
  },
  journal: {
    modules: ['device/journal', 'device/partial-file', 'device/pre-images'],
    tests: [
      'test/device/partial-file.test.ts',
      'test/device/pre-images.test.ts',
      'test/device/journal-life.test.ts',
      'test/device/journal.test.ts',
    ],
  },
  lost: {
    modules: ['device/journal-damage'],
    tests: ['test/device/journal-life.test.ts', 'test/device/journal.test.ts'],
  },
  lock: {
    modules: ['device/lock-file'],
    tests: ['test/device/lock-file.test.ts'],
  },
  left: {
    modules: ['device/left-journal'],
    tests: ['test/device/left-journal.test.ts'],
  },
  note: {
    modules: ['device/apply-note'],
    tests: ['test/device/apply-note.test.ts'],
  },
  done: {
    modules: ['device/finished', 'device/way-back'],
    tests: ['test/device/way-back.test.ts', 'test/device/finished.test.ts'],
  },
  recorder: {
    modules: ['device/recorder'],
    tests: ['test/device/recorder.test.ts', 'test/device/left-journal.test.ts'],
  },
  recorded: {
    modules: ['device/cut-range', 'device/recorded'],
    tests: ['test/device/recorded-ranges.test.ts'],
  },
  chain: {
    modules: ['device/chain-head'],
    tests: ['test/device/chain-head.test.ts'],
  },
  comparisons: {
    modules: ['device/compare', 'device/digest-pieces', 'device/survey'],
    tests: ['test/device/comparisons.test.ts'],
  },
  apply: {
    modules: ['device/apply'],
    tests: [
      'test/device/apply-steps.test.ts',
      'test/device/refusals.test.ts',
      'test/device/room.test.ts',
      'test/device/apply-note.test.ts',
    ],
  },
  uses: {
    modules: [
      'device/device-mapper',
      'device/in-use',
      'device/mounts',
      'device/open-files',
      'device/open-for-writing',
      'device/refuse-itself',
      'device/stacked-devices',
      'device/subject',
    ],
    tests: [
      'test/device/device-mapper.test.ts',
      'test/device/uses.test.ts',
      'test/device/target-calls.test.ts',
    ],
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
    modules: ['codec/temporary-file', 'files/descriptor', 'files/source', 'files/temporary-name'],
    tests: [
      'test/codec/temporary-file.test.ts',
      'test/files/descriptor.test.ts',
      'test/files/temporary-name.test.ts',
      'test/files/source.test.ts',
    ],
  },
};
