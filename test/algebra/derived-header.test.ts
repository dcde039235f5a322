import { describe, expect, it } from 'vitest';
import { slicedHeader } from '#src/algebra/derived-header.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';

/** What a stream that is made of others says of itself: the table of section 7, key by key. */

const base = { id: 'lv:base', time: 1 };
const result = { id: 'lv:result', time: 2 };
const id = new Uint8Array(16).fill(1);
const maker = { id: new Uint8Array(16).fill(9), generator: 'test', time: 99 };

/** A header with every key that there is. */
const full: StreamHeader = {
  ...{
    id,
    kind: 'changes',
    requires: [],
    order: 'disjoint',
    base,
    result,
    baseDigests: true,
    exhaustive: true,
  },
  ...{ baseSize: 4096, resultSize: 8192, chunkSize: 512, origin: { vg: 'vg', lv: 'lv' } },
  ...{ derivedFrom: [{ by: 'merge', id: new Uint8Array(16).fill(2) }], generator: 'other', time: 3 },
  unknown: { later: 1 },
};
const snapback: StreamHeader = {
  ...full,
  ...{ kind: 'snapback', undoes: [new Uint8Array(16).fill(3)], target: { path: '/dev/x', size: 4096 } },
  ...{ sequence: 7, follows: new Uint8Array(16).fill(4), toward: result },
};

describe('the header of a slice', () => {
  const kept = {
    ...{
      kind: 'changes',
      requires: [],
      order: 'disjoint',
      baseDigests: true,
      baseSize: 4096,
      resultSize: 8192,
    },
    ...{ chunkSize: 512, origin: { vg: 'vg', lv: 'lv' }, ...maker, derivedFrom: [{ by: 'slice', id }] },
  };

  it('leads between no states, and is of the same devices', () => {
    expect(slicedHeader(full, maker, false)).toEqual(kept);
  });

  it('that is the whole stream leads between its states', () => {
    expect(slicedHeader(full, maker, true)).toEqual({ ...kept, base, result, exhaustive: true });
  });

  it.each([false, true])('of a snapback is no snapback: %s', (isWhole) => {
    expect(slicedHeader(snapback, maker, isWhole)).toEqual(slicedHeader(full, maker, isWhole));
  });

  it('of a map is a map', () => {
    const map: StreamHeader = { ...full, kind: 'map', order: 'sorted', baseDigests: undefined };
    expect(slicedHeader(map, maker, false)).toMatchObject({ kind: 'map', order: 'sorted' });
  });

  it('of a plain stream names a source without an id', () => {
    const plain: StreamHeader = { kind: 'changes', requires: [], order: 'given' };
    expect(slicedHeader(plain, maker, false)).toEqual({
      ...{ ...maker, kind: 'changes', requires: [], order: 'given', derivedFrom: [{ by: 'slice' }] },
    });
  });
});
