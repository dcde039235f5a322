import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readInput } from './read-input.js';
import { formatExpectation, generateVectors, LARGE, vectorsFolder, writeVectors } from './generate.js';

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
      const stored = input.length > LARGE ? `${file}.zst` : file;
      expect(readdirSync(folder).sort()).toEqual(['expect.json', stored]);
      expect(Buffer.compare(readInput(folder), input), name).toBe(0);
      expect(readFileSync(path.join(folder, 'expect.json'), 'utf8'), name).toBe(
        formatExpectation(expectation),
      );
    }
  });

  it('are small', () => {
    const files = vectors.flatMap(({ name }) => {
      const folder = path.join(vectorsFolder, name);
      return readdirSync(folder).map((file) => path.join(folder, file));
    });
    const size = files.reduce((sum, file) => sum + statSync(file).size, 0);
    expect(size).toBeLessThan(2 * 2 ** 20);
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
