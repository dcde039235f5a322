import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Arena } from '#src/algebra/sort/arena.js';

const numRuns = process.env['SLOW'] === '1' ? 1000 : 20;

it('an arena keeps what it is given until it is emptied, in memory that is used again', () => {
  const lengths = fc.array(fc.oneof(fc.nat(3000), fc.integer({ min: 1 << 19, max: 3 << 20 })), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(lengths, lengths, (first, second) => {
      const arena = new Arena();
      for (const each of [first, second, first]) {
        const kept = each.map((length, i) => {
          const bytes = new Uint8Array(length).fill(i + 1);
          return { bytes, place: arena.keep(bytes) };
        });
        const total = each.reduce((sum, length) => sum + length, 0);
        expect(arena.filled).toBeGreaterThanOrEqual(total);
        for (const { bytes, place } of kept)
          expect(Buffer.compare(arena.at(place, bytes.length), bytes)).toBe(0);
        arena.empty();
        expect(arena.filled).toBe(0);
      }
    }),
    { numRuns },
  );
});
