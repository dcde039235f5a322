import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Test files that hold lvstream against programs of other projects, and the Debian package of each program. */
export const TOOLS = [
  {
    command: 'thin_restore',
    debian: 'thin-provisioning-tools',
    files: ['test/lvm/thin/generated.test.ts', 'test/lvm/thin/reads.test.ts'],
  },
  {
    command: 'zstd',
    debian: 'zstd',
    files: [
      'test/format/lvs/seekable.test.ts',
      'test/format/vectors.test.ts',
      'test/cli/streams.test.ts',
      'test/promises.test.ts',
      'test/fuzz/fuzz.test.ts',
      'test/long/fuzz.test.ts',
    ],
  },
  {
    command: 'strace',
    debian: 'strace',
    files: [
      'test/promises.test.ts',
      'test/cli/syncs.test.ts',
      'test/calls/faults.test.ts',
      'test/calls/lasting.test.ts',
      'test/cli/kill-at-calls.test.ts',
    ],
  },
  {
    command: 'file',
    debian: 'file',
    files: ['test/spec/file-magic.test.ts'],
  },
  {
    command: 'rbd',
    debian: 'ceph-common',
    files: ['test/interop/rbd-merge-diff.test.ts'],
  },
  {
    command: 'cc',
    debian: 'gcc',
    files: ['test/calls/short-counts.test.ts'],
  },
] as const;

/**
 * The test files to leave out because a program is missing here, said aloud. None in CI, where it is to be installed:
 * there they fail.
 */
export function filesWithoutTools(): string[] {
  if (process.env['CI'] !== undefined) return [];
  return TOOLS.filter(({ command }) => !isInstalled(command)).flatMap(({ command, debian, files }) => {
    console.warn(`LEFT OUT: ${files.join(', ')}: there is no ${command} here (Debian package ${debian})`);
    return files;
  });
}

function isInstalled(command: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, command)));
}
