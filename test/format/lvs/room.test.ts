import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RefusedError } from '#src/errors.js';
import { decodeClosing, encodeClosing, type Closing } from '#src/format/lvs/maps/closing.js';
import { fitClosing, fitHeader } from '#src/format/lvs/maps/fit.js';
import { decodeHeader, encodeHeader, type StreamHeader } from '#src/format/lvs/maps/header.js';

/** Whatever is encoded can be read again: §9 and the rules of §4.2 hold for writers too. */

const LIMIT = 2 ** 20;
const HEADER: StreamHeader = { kind: 'changes', requires: [], order: 'given' };
const CLOSING: Closing = {
  digest: new Uint8Array(32),
  ...{ size: 17, records: 0, runs: 0, data: 0, zeros: 0, low: 0, high: 0 },
};
const sizes = fc.oneof(fc.nat(LIMIT + 100), fc.integer({ min: LIMIT - 300, max: LIMIT }));
const text = (length: number) => 'x'.repeat(length);

const payload = (header: StreamHeader): number => encodeHeader(header).length - 8;

describe('a header', () => {
  it('is encoded only if it can be read', () => {
    const sequences = fc.constantFrom(undefined, 0, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -1, 0.5);
    fc.assert(
      fc.property(sizes, sequences, (length, sequence) => {
        const header = { ...HEADER, sequence, origin: { lv: text(length) } };
        let frame: Uint8Array;
        try {
          frame = encodeHeader(header);
        } catch (error) {
          expect(error).toBeInstanceOf(RefusedError);
          expect(length > LIMIT - 200 || (sequence !== undefined && !isUint(sequence))).toBe(true);
          return;
        }
        expect(frame.length - 8).toBeLessThanOrEqual(LIMIT);
        expect(decodeHeader(frame, 0)).toMatchObject(JSON.parse(JSON.stringify(header)) as object);
      }),
      { numRuns: 100 },
    );
  });

  it('may take all of its room, and not a byte more', () => {
    const room = LIMIT - payload({ ...HEADER, origin: { lv: text(LIMIT >> 1) } }) + (LIMIT >> 1);
    expect(payload({ ...HEADER, origin: { lv: text(room) } })).toBe(LIMIT);
    expect(() => encodeHeader({ ...HEADER, origin: { lv: text(room + 1) } })).toThrow(RefusedError);
  });

  it.each([
    ['base digests of a stream that is not disjoint', { baseDigests: true }],
    ['a text that is not Unicode', { generator: '\ud800' }],
    ['an id of another size', { id: new Uint8Array(15) }],
    ['a state without a name', { result: { id: '' } }],
  ])('is not encoded with %s', (_, wrong) => {
    expect(() => encodeHeader({ ...HEADER, ...wrong })).toThrow(RefusedError);
  });

  it('loses what is for people where that has no room, and nothing else', () => {
    const base = { id: 'lv:a', time: 5, details: { vg: text(LIMIT / 2) } };
    const header = { ...HEADER, base, origin: { lv: text(LIMIT / 2) }, sequence: 3 };
    expect(fitHeader({ ...header, origin: undefined })).toEqual({ ...header, origin: undefined });
    expect(decodeHeader(encodeHeader(fitHeader(header)), 0)).toMatchObject({
      base: { id: 'lv:a', time: 5, details: {} },
      sequence: 3,
    });
    expect(() => fitHeader({ ...header, base: { id: text(LIMIT) } })).toThrow(RefusedError);
  });
});

describe('a closing map', () => {
  it('is encoded only if it can be read', () => {
    fc.assert(
      fc.property(sizes, fc.constantFrom(0, 2 ** 32, 2 ** 53 - 1, 2 ** 53), (length, data) => {
        const closing = { ...CLOSING, data, base: { id: 'uuid:1', details: { vg: text(length) } } };
        const fitted = fitClosing(closing);
        if (data === 2 ** 53) expect(fitted).toBeUndefined();
        else expect(decodeClosing(encodeClosing(fitted!))).toMatchObject({ data, base: { id: 'uuid:1' } });
      }),
      { numRuns: 100 },
    );
  });

  it('is given up where a name has no room', () => {
    expect(fitClosing({ ...CLOSING, base: { id: text(LIMIT) } })).toBeUndefined();
  });
});

function isUint(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
