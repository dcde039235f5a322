import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatExpectation, generateVectors, vectorsFolder, writeVectors } from './generate.js';

const vectors = generateVectors();

beforeAll(() => {
  if (process.env['WRITE_VECTORS'] === '1') writeVectors();
});

describe('the conformance vectors', () => {
  it('are the folders that the generator makes', () => {
    expect(readdirSync(vectorsFolder).sort()).toEqual(vectors.map(({ name }) => name));
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length);
    expect(vectors.length).toBeGreaterThanOrEqual(80);
  });

  it('are what the generator makes, byte for byte', () => {
    for (const { name, file, input, expect: expectation } of vectors) {
      const folder = path.join(vectorsFolder, name);
      expect(readdirSync(folder).sort()).toEqual(['expect.json', file]);
      expect(Buffer.compare(readFileSync(path.join(folder, file)), input), name).toBe(0);
      expect(readFileSync(path.join(folder, 'expect.json'), 'utf8'), name).toBe(
        formatExpectation(expectation),
      );
    }
  });

  it('are small', () => {
    const sizes = vectors.map(({ name, file }) => statSync(path.join(vectorsFolder, name, file)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(3 * 2 ** 20);
  });

  it('are named by their fault', () => {
    for (const { name, expect: expectation } of vectors) {
      expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      const verdict = expectation['verdict'] as 'good' | { readonly fault: string };
      const prefix = verdict === 'good' ? 'good' : verdict.fault;
      expect(`${name}-`.startsWith(`${prefix}-`), `${name}: ${prefix}`).toBe(true);
    }
  });
});
