import { describe, expect, it } from 'vitest';
import { LvmError } from '#src/errors.js';
import { parsePoolStatus } from '#src/lvm/thin/thin-pool.js';

const parse = (words: string) => parsePoolStatus('vg/pool', words.split(' '));
const REST = 'discard_passdown queue_if_no_space - 1024';

describe("a thin pool's status", () => {
  it('tells the transaction and the metadata snapshot', () => {
    expect(parse(`7 12/1024 30/512 - rw ${REST}`)).toEqual({ transactionId: 7, heldRoot: undefined });
    expect(parse(`0 12/1024 30/512 41 rw ${REST}`)).toEqual({ transactionId: 0, heldRoot: 41 });
  });

  it('is fine without free space for data', () => {
    const words = '3 12/1024 512/512 - out_of_data_space discard_passdown error_if_no_space - 1024';
    expect(parse(words).transactionId).toBe(3);
  });

  it.each([
    ['Fail', /vg\/pool: the pool has failed \(Fail\)/],
    ['Error', /the pool has failed/],
    [`3 12/1024 30/512 - ro ${REST}`, /read-only \(12\/1024 blocks/],
    ['3 12/1024 30/512 - rw discard_passdown queue_if_no_space needs_check 1024', /needs a check/],
    ['3 12/1024 30/512 - ro discard_passdown queue_if_no_space needs_check 1024', /needs a check/],
  ])('is an error with a way out: %s', (words, message) => {
    expect(() => parse(words)).toThrow(LvmError);
    expect(() => parse(words)).toThrow(message);
    try {
      parse(words);
    } catch (error) {
      expect((error as LvmError).hint).toMatch(/lvconvert --repair vg\/pool/);
    }
  });
});
