import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c as referenceOf } from '../reference/crc32c.js';
import { crc32c, crc32cOfWords } from '#src/format/crc32c.js';

/** RFC 3720, B.4; the first is the check value of the catalogue of CRCs. */
const KNOWN: [string, Uint8Array, number][] = [
  ['the digits 1 to 9', Buffer.from('123456789'), 0xe3069283],
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['0 to 31', Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
];

const wordsOf = (bytes: Uint8Array) => new Int32Array(Uint8Array.from(bytes).buffer);

describe('CRC-32C', () => {
  it.each(KNOWN)('of %s is what the RFC says', (_, bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum);
  });

  it('of bytes wherever they begin is what a sum byte by byte gives', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(7), (bytes, skipped) => {
      expect(crc32c(bytes.subarray(skipped))).toBe(referenceOf(Buffer.from(bytes.subarray(skipped))));
    });
    fc.assert(property);
  });

  it('of words, of an even or odd count, is that of their bytes', () => {
    const words = fc
      .uint8Array({ minLength: 1, maxLength: 40 })
      .map((bytes) => [...bytes, ...bytes, ...bytes, ...bytes]);
    const property = fc.property(words, fc.nat(5), (bytes, from) => {
      const all = Uint8Array.from(bytes);
      const begin = Math.min(from, all.length / 4);
      expect(crc32cOfWords(wordsOf(all), begin)).toBe(crc32c(all.subarray(begin * 4)));
    });
    fc.assert(property);
  });
});
