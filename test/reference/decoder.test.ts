import { describe, expect, it } from 'vitest';
import { decode, ReferenceFault, type ReferenceOptions } from './decoder.js';

interface Header {
  readonly value: bigint;
  readonly length?: number;
  readonly order?: 'big' | 'little';
}

/** A plain stream whose record number i holds `length` times the byte i. */
const stream = (line: string, headers: readonly Header[]): Buffer =>
  Buffer.concat([
    Buffer.from(line),
    ...headers.map(({ value, length, order = 'little' }, i) => {
      const head = Buffer.alloc(length === undefined ? 8 : 12);
      if (order === 'big') head.writeBigUInt64BE(value);
      else head.writeBigUInt64LE(value);
      if (length !== undefined) head.writeUInt32BE(length, 8);
      return Buffer.concat([head, Buffer.alloc(length ?? 4096, i)]);
    }),
  ]);

const offsets = (input: Uint8Array, options?: ReferenceOptions): number[] =>
  decode(input, options).records.map(({ offset }) => offset);

/** The fault as `name position`, or `good`. */
const verdict = (input: Uint8Array, options?: ReferenceOptions): string => {
  try {
    decode(input, options);
    return 'good';
  } catch (error) {
    if (!(error instanceof ReferenceFault)) throw error;
    return `${error.fault} ${error.position}`;
  }
};

const big = 'big';
const line = (version: number | string): string => `lvmsync PROTO[${version}]\n`;

describe('what an input is (§2)', () => {
  it.each([
    ['', 'not-a-stream 0'],
    ['P', 'truncated 1'],
    ['P*M', 'truncated 3'],
    ['lvmsy', 'truncated 5'],
    ['lvmsync PROTO[3]', 'truncated 16'],
    ['lvmsync PROTO[3', 'truncated 15'],
    ['lvmsync PROTO[3]x', 'not-a-stream 0'],
    ['lvmsync PROTO[]\n', 'not-a-stream 0'],
    ['lvmsync PROTO[3] 4096\n', 'foreign-stream 0'],
    ['lvmsync PROTO[4]\n', 'unknown-version 0'],
    ['lvmsync PROTO[03]\n', 'unknown-version 0'],
    ['lvmsync PROTO[123456789]\n', 'not-a-stream 0'],
    ['rbd diff v1\n', 'not-a-stream 0'],
    ['lvmsync PROTO[3]\n', 'good'],
  ])('takes %j as %s', (text, expected) => {
    expect(verdict(Buffer.from(text))).toBe(expected);
  });
});

describe('lvmsync streams (§3)', () => {
  it('reads version 1 in both byte orders', () => {
    expect(offsets(stream(line(1), [{ value: 5n }, { value: 0n }]))).toEqual([20480, 0]);
    expect(offsets(stream(line(1), [{ value: 5n, order: big }]))).toEqual([20480]);
  });

  it('reads version 2 with chunk numbers and with bytes', () => {
    const numbers = [
      { value: 3n, length: 512 },
      { value: 512n, length: 512 },
    ];
    expect(offsets(stream(line(2), numbers))).toEqual([1536, 262_144]);
    const bytes = [
      { value: 1024n, length: 512 },
      { value: 512n, length: 256 },
    ];
    expect(offsets(stream(line(2), bytes))).toEqual([1024, 512]);
    expect(offsets(stream(line(2), bytes), { units: 'chunks' })).toEqual([524_288, 131_072]);
    expect(offsets(stream('', numbers), { assume: 'lvmsync2' })).toEqual([1536, 262_144]);
  });

  it('refuses chunk numbers of chunks that differ', () => {
    const mixed = stream(line(2), [
      { value: 3n, length: 512 },
      { value: 4n, length: 256 },
    ]);
    expect(verdict(Buffer.alloc(0), { assume: 'lvmsync2' })).toBe('good');
    expect(verdict(mixed)).toBe(`ambiguous-units ${17 + 524}`);
    expect(offsets(mixed, { units: 'chunks' })).toEqual([1536, 1024]);
  });

  it('reads version 3 in both byte orders', () => {
    const little = [
      { value: 65_536n, length: 1 },
      { value: 512n, length: 1 },
    ];
    expect(offsets(stream(line(3), little))).toEqual([65_536, 512]);
    expect(offsets(stream(line(3), [{ value: 512n, length: 1, order: big }]))).toEqual([512]);
    // Sane in both orders: the expected one stands.
    expect(offsets(stream(line(3), [{ value: 65_536n, length: 1 }]))).toEqual([2 ** 40]);
    expect(offsets(stream(line(3), [{ value: 65_536n, length: 1 }]), { byteOrder: 'little' })).toEqual([
      65_536,
    ]);
  });

  it('names the byte of each fault', () => {
    const good = stream(line(3), [{ value: 512n, length: 4, order: big }]);
    expect(verdict(good.subarray(0, 20))).toBe('truncated-header 20');
    expect(verdict(good.subarray(0, 31))).toBe('truncated-record 31');
    const empty = stream(line(3), [
      { value: 512n, length: 4, order: big },
      { value: 1n, length: 0, order: big },
    ]);
    expect(verdict(empty)).toBe('empty-record 33');
    expect(verdict(stream(line(3), [{ value: 2n ** 53n - 4n, length: 4, order: big }]))).toBe(
      'offset-limit 17',
    );
    expect(verdict(stream(line(3), [{ value: 2n ** 53n - 5n, length: 4, order: big }]))).toBe('good');
  });
});
