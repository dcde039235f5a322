import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { StreamOptions } from '#src/format/open-stream.js';
import type { ExpectedRecord, Verdict } from '../vectors/container.js';
import { vectorsFolder } from '../vectors/generate.js';
import { readInput } from '../vectors/read-input.js';

/** What `expect.json` holds (§13). */
export interface Expectation {
  readonly description: string;
  readonly format: 'lvs' | 'lvmsync1' | 'lvmsync2' | 'lvmsync3';
  readonly options?: StreamOptions;
  readonly verdict: Verdict;
  readonly records: readonly ExpectedRecord[];
  readonly ranges?: readonly (readonly [number, number])[];
  readonly header?: unknown;
  readonly closing?: unknown;
}

/** A committed conformance vector. */
export interface VectorFile {
  readonly name: string;
  readonly path: string;
  readonly input: Uint8Array;
  readonly expected: Expectation;
}

/** All vectors of `fixtures/vectors`, as any implementation would read them. */
export const vectorFiles: readonly VectorFile[] = readdirSync(vectorsFolder).map((name) => {
  const folder = path.join(vectorsFolder, name);
  const expected = JSON.parse(readFileSync(path.join(folder, 'expect.json'), 'utf8')) as Expectation;
  const input = readInput(folder);
  return { name, path: pathOf(folder, name, input), input, expected };
});

/** A file that holds the input as it is: its own, or a copy where that is compressed. */
function pathOf(folder: string, name: string, input: Uint8Array): string {
  const file = readdirSync(folder).find((each) => each.startsWith('input.'))!;
  if (!file.endsWith('.zst')) return path.join(folder, file);
  const copy = path.join(mkdtempSync(path.join(tmpdir(), 'vector-')), name);
  writeFileSync(copy, input);
  return copy;
}

/** The input of one vector. */
export function vectorInput(name: string): Uint8Array {
  const vector = vectorFiles.find((each) => each.name === name);
  if (!vector) throw new Error(`there is no vector ${name}`);
  return Uint8Array.from(vector.input);
}
