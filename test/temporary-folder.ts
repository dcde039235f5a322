import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * One folder for the temporary files of all tests, and of the commands that they start, removed behind the last one:
 * what a test's own process would remove at its exit stays, since vitest ends its processes without one.
 */
export default function setUp(): () => void {
  const folder = mkdtempSync(path.join(tmpdir(), 'lvstream-tests-'));
  process.env['TMPDIR'] = folder;
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
}
