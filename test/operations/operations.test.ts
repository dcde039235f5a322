import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatExpectation } from '../vectors/generate.js';
import { operationVectors } from './cases.js';
import { operationsFolder, writeOperationVectors } from './generate.js';

beforeAll(() => {
  if (process.env['WRITE_VECTORS'] === '1') writeOperationVectors();
});

describe('the vectors of operations', () => {
  const vectors = operationVectors();

  it('are the folders that the generator makes, byte for byte', () => {
    expect(readdirSync(operationsFolder).sort()).toEqual(vectors.map(({ name }) => name));
    for (const { name, files, expect: expectation } of vectors) {
      const folder = path.join(operationsFolder, name);
      expect(readdirSync(folder).sort()).toEqual([...Object.keys(files), 'expect.json'].sort());
      for (const [file, bytes] of Object.entries(files))
        expect(Buffer.compare(readFileSync(path.join(folder, file)), bytes), `${name}/${file}`).toBe(0);
      expect(readFileSync(path.join(folder, 'expect.json'), 'utf8'), name).toBe(
        formatExpectation(expectation),
      );
    }
  });
});
