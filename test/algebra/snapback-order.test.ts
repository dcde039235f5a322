import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mergeable } from '#src/algebra/consecutive.js';
import { orderSnapbacks } from '#src/algebra/snapback-order.js';
import { RefusedError } from '#src/errors.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';

const numRuns = process.env['SLOW'] === '1' ? 10_000 : 200;
const target = { path: '/dev/replica', size: 4096 };

/** A snapback that leads back from one state to another. */
function undo(from: number, to: number, more: Partial<StreamHeader> = {}): Mergeable {
  const [base, result] = [{ id: `lv:${from}` }, { id: `lv:${to}` }];
  const header = {
    kind: 'snapback',
    requires: [],
    order: 'disjoint',
    target,
    base,
    result,
    ...more,
  } as const;
  const closing = { size: 17, records: 0, data: 0, zeros: 0, low: 0, high: 0 };
  return { name: `${from}-${to}`, header, closing, ends: { base: header.base, result: header.result } };
}

function refusal(...snapbacks: readonly Mergeable[]): string | undefined {
  try {
    orderSnapbacks(snapbacks);
    return undefined;
  } catch (error) {
    if (error instanceof RefusedError) return error.message;
    throw error;
  }
}

describe('snapbacks', () => {
  it('are put in the order in which they are rolled back, whatever order they come in', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.double({ noNaN: true })), (count, keys) => {
        const chain = Array.from({ length: count }, (_, i) => undo(count - i, count - i - 1));
        const shuffled = chain.toSorted(
          (a, b) => (keys[chain.indexOf(a)] ?? 0) - (keys[chain.indexOf(b)] ?? 0),
        );
        expect(orderSnapbacks(shuffled)).toEqual(chain);
      }),
      { numRuns },
    );
  });

  it('are ordered however many they are', () => {
    const chain = Array.from({ length: 2000 }, (_, i) => undo(2000 - i, 1999 - i));
    expect(orderSnapbacks(chain.toReversed())).toEqual(chain);
  });

  it('that leave a gap are refused with the names of its ends', () => {
    expect(refusal(undo(2, 1), undo(5, 4), undo(4, 3))).toBe(
      'the snapbacks are no chain: 2-1, 4-3: nothing leads on from them',
    );
  });

  it('that part, or come together, are refused with both names', () => {
    expect(refusal(undo(3, 2), undo(2, 1), undo(3, 1))).toBe('3-2, 3-1: both begin at lv:3');
    expect(refusal(undo(2, 1), undo(3, 1))).toBe('2-1, 3-1: both lead to lv:1');
    expect(refusal(undo(2, 1), undo(2, 1))).toBe('2-1, 2-1: both begin at lv:2');
  });

  it('that lead in a circle begin with the one saved last, and are refused where that is not known', () => {
    const [one, two] = [undo(2, 1, { sequence: 1 }), undo(1, 2, { sequence: 2 })];
    expect(orderSnapbacks([one, two])).toEqual([two, one]);
    expect(orderSnapbacks([two, one])).toEqual([two, one]);
    expect(refusal(undo(2, 1), undo(1, 2))).toBe('the snapbacks are no chain: they lead in a circle');
    expect(refusal(undo(2, 1), undo(1, 2), undo(4, 3), undo(3, 4))).toBe(
      'the snapbacks are no chain: they lead in a circle',
    );
  });

  it('of another device are refused, by its id where both have one', () => {
    const other = { ...target, path: '/dev/other' };
    expect(refusal(undo(3, 2), undo(2, 1, { target: other }))).toBe(
      '2-1: is of /dev/other, and 3-2 of /dev/replica',
    );
    const ids = [target, other].map((each) => ({ ...each, deviceId: 'LVM-1' }));
    expect(refusal(undo(3, 2, { target: ids[0] }), undo(2, 1, { target: ids[1] }))).toBeUndefined();
    const apart = { ...target, deviceId: 'LVM-2' };
    expect(refusal(undo(3, 2, { target: ids[0] }), undo(2, 1, { target: apart }))).toContain(
      'is of /dev/replica',
    );
  });

  it('that do not say between which states they lead, and other streams, are refused', () => {
    expect(refusal(undo(3, 2), undo(2, 1, { base: undefined }))).toBe(
      '2-1: does not say between which states it leads',
    );
    expect(refusal(undo(3, 2, { result: undefined }))).toBeUndefined();
    expect(refusal(undo(3, 2), undo(2, 1, { kind: 'changes' }))).toBe('2-1: is no snapback');
  });
});
