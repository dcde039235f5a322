import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { StreamOptions } from '#src/format/open-stream.js';
import type { ExpectedRecord, Verdict } from '../vectors/container.js';
import { vectorsFolder } from '../vectors/generate.js';

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
  const input = path.join(
    folder,
    readdirSync(folder).find((file) => file.startsWith('input.'))!,
  );
  const expected = JSON.parse(readFileSync(path.join(folder, 'expect.json'), 'utf8')) as Expectation;
  return { name, path: input, input: readFileSync(input), expected };
});

/** The input of one vector. */
export function vectorInput(name: string): Uint8Array {
  const vector = vectorFiles.find((each) => each.name === name);
  if (!vector) throw new Error(`there is no vector ${name}`);
  return Uint8Array.from(vector.input);
}
