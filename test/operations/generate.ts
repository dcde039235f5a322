import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatExpectation } from '../vectors/generate.js';
import { operationVectors } from './cases.js';

/**
 * The generator of the vectors of operations (§13). `WRITE_VECTORS=1 npx vitest run --config test/vitest.config.ts
 * test/operations` writes them anew.
 */

/** Where the vectors are. */
export const operationsFolder = fileURLToPath(new URL('../../fixtures/operations', import.meta.url));

/** Puts all vectors in place of those that are there. */
export function writeOperationVectors(): void {
  rmSync(operationsFolder, { recursive: true, force: true });
  for (const { name, files, expect } of operationVectors()) {
    const folder = path.join(operationsFolder, name);
    mkdirSync(folder, { recursive: true });
    for (const [file, bytes] of Object.entries(files)) writeFileSync(path.join(folder, file), bytes);
    writeFileSync(path.join(folder, 'expect.json'), formatExpectation(expect));
  }
}
