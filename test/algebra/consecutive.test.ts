import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  areConsecutive,
  findOrder,
  findUncertain,
  refuseNotConsecutive,
  type Mergeable,
} from '#src/algebra/consecutive.js';
import { RefusedError } from '#src/errors.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import type { State } from '#src/format/lvs/maps/state.js';

const numRuns = process.env['SLOW'] === '1' ? 10_000 : 200;

interface Said extends Partial<StreamHeader> {
  readonly high?: number;
}

function stream(name: string, { high = 0, ...said }: Said): Mergeable {
  const header = { kind: 'changes', requires: [], order: 'sorted', ...said } as const;
  const { base, result, exhaustive } = header;
  const closing = { size: 17, records: 0, data: 0, zeros: 0, low: 0, high };
  return { name, header, closing, ends: { base, result, exhaustive } };
}

const state = (number: number): State => ({ id: `lv:${number}` });
const step = (from: number, to: number) => stream(`${from}-${to}`, { base: state(from), result: state(to) });

function refusal(...streams: readonly Mergeable[]): RefusedError | undefined {
  try {
    refuseNotConsecutive(streams);
    return undefined;
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
}

describe('streams that are merged', () => {
  it('may follow each other, and a gap between them is refused with the names of both', () => {
    expect(refusal(step(1, 2), step(2, 3), step(3, 4))).toBeUndefined();
    expect(refusal(step(1, 2), step(3, 4))).toMatchObject({
      message: '3-4: does not follow 1-2, which leads to lv:2: it begins at lv:3',
      override: 'any-order',
    });
  });

  it('are named in the order in which they follow each other, whatever order they come in', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), fc.array(fc.double({ noNaN: true })), (count, keys) => {
        const chain = Array.from({ length: count }, (_, i) => step(i, i + 1));
        const shuffled = chain.toSorted(
          (a, b) => (keys[chain.indexOf(a)] ?? 0) - (keys[chain.indexOf(b)] ?? 0),
        );
        const names = chain.map(({ name }) => name);
        expect(findOrder(shuffled)?.map(({ name }) => name)).toEqual(names);
        const error = refusal(...shuffled);
        if (areConsecutive(shuffled)) expect(error).toBeUndefined();
        else expect(error?.hint).toContain(`in this order each follows the one before: ${names.join(' ')};`);
      }),
      { numRuns },
    );
  });

  it('have no such order where one is missing, or where they part', () => {
    expect(findOrder([step(1, 2), step(3, 4)])).toBeUndefined();
    expect(findOrder([step(1, 2), step(1, 3)])).toBeUndefined();
    expect(refusal(step(1, 2), step(3, 4))?.hint).toContain('merge all streams of one device');
  });

  it('may lead in a circle, and no circle is searched for ever', () => {
    expect(refusal(step(1, 2), step(2, 1), step(1, 2))).toBeUndefined();
    const same = Array.from({ length: 200 }, () => step(1, 1));
    const lost = [...same, ...Array.from({ length: 2 }, () => step(1, 2))];
    expect(findOrder(lost)).toBeUndefined();
  });

  it('are refused where one leads to where the one before leads already', () => {
    expect(refusal(step(1, 3), step(2, 3))?.message).toBe('2-3: leads to where 1-3 leads already');
  });

  it('may be told by what a state covers, if nothing is left out', () => {
    const volume = stream('volume', { result: { id: 'uuid:1', until: 5, covers: ['lv:2'] } });
    const later = { base: state(2), result: { id: 'lv:3', time: 6 } };
    expect(refusal(volume, stream('later', { ...later, exhaustive: true }))).toBeUndefined();
    expect(refusal(volume, stream('later', later))?.message).toBe(
      'later: does not follow volume: it leaves out what is equal at its ends',
    );
    const early = { ...later, result: { id: 'lv:3', time: 4 }, exhaustive: true };
    expect(refusal(volume, stream('early', early))?.message).toBe('early: begins earlier than volume');
  });

  it('that begin earlier are refused where nothing else is known', () => {
    const at = (name: string, time: number, more: Said = {}) =>
      stream(name, { base: { id: `lv:${name}`, time }, ...more });
    expect(refusal(at('late', 9), at('early', 5))?.message).toBe('early: begins earlier than late');
    expect(refusal(at('early', 5), at('late', 9))).toBeUndefined();
    const back = { kind: 'snapback' } as const;
    expect(refusal(at('late', 9, back), at('early', 5, back))).toBeUndefined();
  });

  it('of which nobody can tell are found', () => {
    const [plain, other] = [stream('plain', {}), stream('other', {})];
    expect(refusal(step(1, 2), plain, other, step(5, 6))).toBeUndefined();
    const pairs = findUncertain([step(1, 2), step(2, 3), plain, other]);
    expect(pairs.map(({ before, after }) => [before.name, after.name])).toEqual([
      ['2-3', 'plain'],
      ['plain', 'other'],
    ]);
    expect(areConsecutive([step(1, 2), plain])).toBe(false);
    expect(areConsecutive([step(1, 2), step(2, 3)])).toBe(true);
  });

  it.each(['vg_uuid', 'lv_uuid'])('of other volumes are refused: another %s', (key) => {
    const [one, other] = ['one', 'other'].map((uuid) => stream(uuid, { origin: { [key]: uuid } }));
    expect(refusal(one!, other!)?.message).toBe('other: is of another volume than one');
    expect(refusal(one!, one!)).toBeUndefined();
  });

  it('of which one begins at another size than the one before ends at are refused', () => {
    const sizes = (name: string, baseSize?: number, resultSize?: number, high = 0) =>
      stream(name, { baseSize, resultSize, high });
    expect(refusal(sizes('s', 4, 8), sizes('t', 8, 2), sizes('u', 2, 2))).toBeUndefined();
    expect(refusal(sizes('s', 4, 8), sizes('t', 4, 4))).toMatchObject({
      message: 't: is of a device of 4 bytes, s of one that has 8',
      override: 'any-order',
    });
    expect(refusal(sizes('s', undefined, undefined, 6), sizes('t', 5))?.message).toBe(
      't: is of a device of 5 bytes, s of one that has 6',
    );
    expect(refusal(sizes('s', undefined, undefined, 6), sizes('t', 6))).toBeUndefined();
  });
});
