import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeviceError } from '../errors.js';
import { reason } from './reason.js';

/** Makes a new folder, which nobody else may enter, where TMPDIR says. The caller removes it. Throws `DeviceError`. */
export function makeTemporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'lvstream-'));
  } catch (cause) {
    throw noTemporaryFile(cause);
  }
}

/** The error of a temporary folder in which nothing can be made. */
export function noTemporaryFile(cause: unknown): DeviceError {
  const hint = 'TMPDIR names the folder for temporary files';
  return new DeviceError(`${tmpdir()}: no temporary file can be made there: ${reason(cause)}`, {
    cause,
    hint,
  });
}
