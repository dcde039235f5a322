import { expect, it } from 'vitest';
import { report } from '../fault-table.js';
import { fuzz } from './fuzz.js';
import { targets } from './targets.js';

/** A short run of each fuzzer, from the same numbers each time; the long one is `test/long/fuzz.test.ts`. */

it.each([
  ['lvs', 500],
  ['lvmsync', 500],
  ['thick', 700],
  ['thin', 400],
] as const)(
  'no mutated and resealed input breaks the %s decoder',
  async (name, inputs) => {
    const { tried, corpus, finds } = await fuzz(targets[name], { seed: 1, seeds: 60, inputs });
    report({ fault: `fuzzed ${name}`, tried, survived: tried - finds.length, lost: finds.length });
    expect(finds).toEqual([]);
    expect(tried).toBe(inputs);
    expect(corpus).toBeGreaterThan(20);
  },
  300_000,
);
