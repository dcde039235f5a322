import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NumberTable } from '#src/ranges/number-table.js';

/** Near each other, far from each other, and with the same lower bits. */
const keys = fc.oneof(
  fc.nat(40),
  fc.nat(40).map((i) => i * 8192),
  fc.nat(40).map((i) => i * 2 ** 32 + 7),
  fc.constantFrom(2 ** 53 - 1, 2 ** 32 - 1, 2 ** 31),
);
const steps = fc.array(fc.record({ key: keys, value: fc.option(fc.nat(9)) }), { maxLength: 300 });

it('is what a Map of the engine is', () => {
  fc.assert(
    fc.property(steps, fc.array(keys), (all, asked) => {
      const table = new NumberTable();
      const map = new Map<number, number>();
      for (const { key, value } of all) {
        if (value === null) expect(table.delete(key)).toBe(map.delete(key));
        else {
          table.set(key, value);
          map.set(key, value);
        }
      }
      for (const key of asked) expect(table.get(key)).toBe(map.get(key));
      expect(table.size).toBe(map.size);
      expect([...table.keys()]).toEqual([...map.keys()].sort((a, b) => a - b));
      for (const [key, value] of map) expect(table.get(key)).toBe(value);
    }),
    { numRuns: 500 },
  );
});
