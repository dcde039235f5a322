import { expect, it } from 'vitest';
import { report } from '../fault-table.js';
import { fuzz } from '../fuzz/fuzz.js';
import { targets } from '../fuzz/targets.js';

/** Each fuzzer, from other numbers each time: `FUZZ_SEED` repeats a run, as far as the time it takes allows. */

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 600);
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);

it.each(Object.values(targets))(
  'no mutated and resealed input breaks the $name decoder',
  async (target) => {
    const { tried, corpus, outcomes, finds } = await fuzz(target, { seed, seconds: SECONDS });
    console.log(`${target.name}, seed ${seed}: ${tried} inputs, ${corpus} kept, ${outcomes.size} outcomes`);
    report({ fault: `fuzzed ${target.name}`, tried, survived: tried - finds.length, lost: finds.length });
    expect(finds).toEqual([]);
  },
  (SECONDS + 300) * 1000,
);
