import { describe, expect, it } from 'vitest';
import {
  invertedHeader,
  mergedConsistent,
  mergedHeader,
  slicedHeader,
  squashedHeader,
} from '#src/algebra/derived-header.js';
import type { Mergeable } from '#src/algebra/consecutive.js';
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

describe('the header of a merge', () => {
  const totals = { size: 17, records: 0, data: 0, zeros: 0, low: 0, high: 4096 };
  const mergeable = (header: StreamHeader, consistent?: boolean): Mergeable => ({
    name: 'stream',
    header,
    closing: { ...totals, digest: new Uint8Array(32).fill(7), consistent },
    ends: { base: header.base, result: header.result, exhaustive: header.exhaustive },
  });
  const last = { id: 'lv:last', time: 3 };
  const next: StreamHeader = {
    ...{ ...full, id: new Uint8Array(16).fill(5), base: result, result: last, baseDigests: undefined },
    ...{ baseSize: 8192, resultSize: 4096, origin: { vg: 'vg', lv: 'new' } },
  };

  it('leads nobody knows where when a user insists, and so does a squash', () => {
    const next = { ...full, base: result, result: { id: 'lv:last', time: 3 } };
    const sources = [mergeable(full), mergeable(next)];
    for (const make of [mergedHeader, squashedHeader]) {
      expect(make(sources, maker).result).toEqual(next.result);
      expect(make(sources, maker, true).result).toBeUndefined();
    }
  });

  it.each([
    ['known not to follow', { id: 'lv:other', time: 2 }],
    ['of which nobody can tell', undefined],
  ])('of streams %s leads nobody knows where', (_, begin) => {
    const gap = { ...full, base: begin, result: { id: 'lv:last', time: 3 } };
    const header = mergedHeader([mergeable(full), mergeable(gap)], maker);
    expect([header.base, header.result]).toEqual([base, undefined]);
  });

  it('leads from the base of the first to the result of the last', () => {
    expect(mergedHeader([mergeable(full), mergeable(next)], maker)).toEqual({
      ...{ ...maker, kind: 'changes', requires: [], order: 'sorted', base, result: last },
      ...{ baseDigests: true, exhaustive: true, baseSize: 4096, resultSize: 4096, chunkSize: 512 },
      origin: { vg: 'vg', lv: 'new' },
      derivedFrom: [
        { by: 'merge', id },
        { by: 'merge', id: next.id },
      ],
    });
  });

  it('is exhaustive only if all are, and each follows the one before', () => {
    const { exhaustive: _, ...less } = next;
    const of = (...headers: StreamHeader[]) =>
      mergedHeader(
        headers.map((header) => mergeable(header)),
        maker,
      ).exhaustive;
    expect([of(full, less), of(full, { ...next, base: undefined }), of(full)]).toEqual([
      undefined,
      undefined,
      true,
    ]);
  });

  it('is said of one moment as the last is, and where something may be between them not', () => {
    const of = (second: StreamHeader, ...all: (boolean | undefined)[]) =>
      mergedConsistent([mergeable(full, all[0]), mergeable(second, all[1])]);
    const unknown = { ...next, base: undefined };
    expect([of(next, false, true), of(next, true, false), of(next, true, undefined)]).toEqual([
      true,
      false,
      undefined,
    ]);
    expect([of(unknown, false, true), of(unknown, true, true)]).toEqual([false, undefined]);
  });

  it('names a stream without an id by its digest', () => {
    const { id: _, ...plain } = full;
    const { derivedFrom } = mergedHeader([mergeable(plain)], maker);
    expect(derivedFrom).toEqual([{ by: 'merge', id: new Uint8Array(32).fill(7) }]);
  });

  it('leaves out a chunk size that is not that of all, and a base size that is too small alone', () => {
    const { resultSize: _, ...open } = { ...next, chunkSize: 4096 };
    const { chunkSize, baseSize, resultSize } = mergedHeader([mergeable(full), mergeable(open)], maker);
    expect([chunkSize, baseSize, resultSize]).toEqual([undefined, 4096, undefined]);
    const high = { ...mergeable(open), closing: { ...totals, high: 4097 } };
    expect(mergedHeader([mergeable(full), high], maker).baseSize).toBeUndefined();
  });

  it.each([[[snapback]], [[snapback, next]]])('of snapbacks is no snapback', (headers) => {
    const made = mergedHeader(
      headers.map((header) => mergeable(header)),
      maker,
    );
    expect(made.kind).toBe('changes');
    for (const key of ['undoes', 'target', 'sequence', 'follows', 'toward'])
      expect(made).not.toHaveProperty(key);
  });
});

describe('the header of an inverted stream', () => {
  it.each([full, snapback])('leads back, with digests, and was not saved from a device: $kind', (source) => {
    expect(invertedHeader(source, '/dev/x', maker)).toEqual({
      ...{ kind: 'changes', requires: [], order: 'sorted', base: result, result: base, baseDigests: true },
      ...{ exhaustive: true, baseSize: 8192, resultSize: 4096, chunkSize: 512, origin: { path: '/dev/x' } },
      ...{ ...maker, derivedFrom: [{ by: 'invert', id }] },
    });
  });
});

describe('the header of a squash', () => {
  const totals = { size: 17, records: 0, data: 0, zeros: 0, low: 0, high: 4096 };
  const mergeable = (header: StreamHeader, undoes?: readonly Uint8Array[]): Mergeable => ({
    name: 'snapback',
    header,
    closing: { ...totals, undoes },
    ends: { base: header.base, result: header.result },
  });
  const older: StreamHeader = {
    ...{ ...snapback, id: new Uint8Array(16).fill(6), base: result, result: base, sequence: 6 },
    ...{ target: { path: '/dev/x', size: 1024 }, undoes: [new Uint8Array(16).fill(8)] },
  };

  it('undoes all on the device of the newest, and is no link of their chain', () => {
    const undone = [new Uint8Array(16).fill(3), new Uint8Array(16).fill(4)];
    const made = squashedHeader([mergeable(snapback, undone), mergeable(older)], maker);
    expect(made).toEqual({
      ...{ ...maker, kind: 'snapback', requires: [], order: 'sorted', base, result: base },
      ...{ baseDigests: true, exhaustive: true, baseSize: 4096, resultSize: 8192 },
      ...{ chunkSize: 512, origin: full.origin },
      ...{ target: snapback.target, undoes: [...undone, new Uint8Array(16).fill(8)] },
      derivedFrom: [
        { by: 'squash', id },
        { by: 'squash', id: older.id },
      ],
    });
  });

  it('names each stream that is undone once', () => {
    expect(squashedHeader([mergeable(snapback), mergeable(snapback)], maker).undoes).toEqual(snapback.undoes);
  });

  it('of snapbacks that do not say of which device they are is that of a stream', () => {
    const plain: StreamHeader = { kind: 'changes', requires: [], order: 'given' };
    const made = squashedHeader([mergeable(plain)], maker);
    expect([made.kind, made.target, made.undoes]).toEqual(['changes', undefined, undefined]);
  });
});
