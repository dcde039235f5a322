import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compress } from 'zstd-napi';
import { cutFiles } from './cut-files.js';
import { damagedFrames } from './damaged-frames.js';
import { damagedHeaders } from './damaged-headers.js';
import { damagedPages } from './damaged-pages.js';
import { goodFiles } from './good-files.js';
import { streams } from './streams.js';
import type { Vector } from './vector.js';

/**
 * The generator of the conformance vectors (§13). Expectations come from what a scenario put into its file, never
 * from a decoder. `WRITE_VECTORS=1 npx vitest run --config test/vitest.config.ts test/vectors` writes them anew.
 */

/** Where the vectors are. */
export const vectorsFolder = fileURLToPath(new URL('../../fixtures/vectors', import.meta.url));

/** Inputs that are larger lie there compressed (§13). */
export const LARGE = 2 ** 18;

/** All vectors by name; the same bytes on every run. */
export function generateVectors(): Vector[] {
  const vectors = [
    ...goodFiles(),
    ...streams(),
    ...damagedHeaders(),
    ...damagedFrames(),
    ...damagedPages(),
    ...cutFiles(),
  ];
  return vectors.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `expect.json` of a vector: a key a line, a record a line. */
export function formatExpectation(expect: Vector['expect']): string {
  const lines = Object.entries(expect).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${formatValue(value)}`,
  );
  return `{\n${lines.join(',\n')}\n}\n`;
}

function formatValue(value: unknown): string {
  if (!Array.isArray(value) || value.length === 0) return JSON.stringify(value);
  return `[\n${value.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`;
}

/** Puts all vectors in place of those that are there. */
export function writeVectors(): void {
  rmSync(vectorsFolder, { recursive: true, force: true });
  for (const { name, file, input, expect } of generateVectors()) {
    const folder = path.join(vectorsFolder, name);
    mkdirSync(folder, { recursive: true });
    const isLarge = input.length > LARGE;
    writeFileSync(path.join(folder, isLarge ? `${file}.zst` : file), isLarge ? compress(input) : input);
    writeFileSync(path.join(folder, 'expect.json'), formatExpectation(expect));
  }
}
