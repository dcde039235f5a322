import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Range } from '../vectors/container.js';
import { operationsFolder } from './generate.js';
import type { Run } from './model.js';
import { readResult, type ResultPiece } from './result.js';

/** Every vector of an operation, given to the command that does it; the reference decoder reads what comes out. */

const PROGRAM = new URL('../../bin/lvstream.js', import.meta.url).pathname;

interface Expectation {
  readonly operation: string;
  readonly inputs: readonly string[];
  readonly device?: string;
  readonly ranges?: readonly (readonly [number, number])[];
  readonly verdict: 'made' | 'refused' | 'equal' | 'different';
  readonly bytes: readonly Run[];
  readonly pieces: readonly (readonly [number, number, string])[];
  readonly different: readonly (readonly [number, number])[];
}

const STATUS = { made: 0, refused: 4, equal: 0, different: 6 } as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'operations-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function argumentsFor({ operation, inputs, device, ranges = [] }: Expectation): string[] {
  const cuts = ranges.flatMap(([offset, length]) => ['--range', `${offset}..${offset + length}`]);
  const base = device === undefined ? [] : ['--base', device];
  return [operation === 'coalesce' ? 'merge' : operation, ...inputs, ...cuts, ...base];
}

const expectationOf = (name: string): Expectation =>
  JSON.parse(readFileSync(path.join(operationsFolder, name, 'expect.json'), 'utf8')) as Expectation;

describe.each(readdirSync(operationsFolder))('%s', (name) => {
  const expected = expectationOf(name);
  const output = () => path.join(folder, `${name}.lvs`);
  const run = (...more: string[]) =>
    execa(process.execPath, [PROGRAM, ...argumentsFor(expected), ...more], {
      cwd: path.join(operationsFolder, name),
      reject: false,
    });

  it.runIf(expected.operation === 'compare')('compares', async () => {
    const { exitCode, stdout } = await run('--json');
    expect(exitCode).toBe(STATUS[expected.verdict]);
    const { different } = JSON.parse(stdout) as { readonly different: { readonly ranges: readonly Range[] } };
    expect(different.ranges.map(({ offset, length }) => [offset, length])).toEqual(expected.different);
  });

  it.runIf(expected.verdict === 'refused')('is refused, and nothing is made', async () => {
    const { exitCode, stderr } = await run('-o', output());
    expect([exitCode, existsSync(output())], stderr).toEqual([4, false]);
  });

  it.runIf(expected.verdict === 'made')('makes what the model does', async () => {
    const { exitCode, stderr } = await run('-o', output());
    expect(exitCode, stderr).toBe(0);
    const result = readResult(readFileSync(output()));
    expect(result.bytes).toEqual(expected.bytes);
    expect(expected).toMatchObject(result.ends);
    for (const piece of result.pieces)
      expect(isRight(piece, expected.pieces), JSON.stringify(piece)).toBe(true);
  });
});

/** A piece that is listed has its digest; any other is unknown, or zeros inside of one that is zeros. */
function isRight({ offset, length, expected }: ResultPiece, known: Expectation['pieces']): boolean {
  const same = known.find(([start, size]) => start === offset && size === length);
  if (same) return same[2] === expected;
  if (expected === 'unknown') return true;
  const around = known.find(([start, size]) => start <= offset && offset + length <= start + size);
  return expected === 'zero' && around?.[2] === 'zero';
}
