import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decode, ReferenceFault, toJson } from '../reference/decoder.js';
import { exampleFile, longExampleFile, readHex } from './read-hex.js';

const example = readHex(exampleFile);
const specification = readFileSync(new URL('../../spec/lvstream.md', import.meta.url), 'utf8');

const sha256 = (...parts: (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const faultOf = (input: Uint8Array): { fault: string; position: number } | undefined => {
  try {
    decode(input);
    return undefined;
  } catch (error) {
    if (!(error instanceof ReferenceFault)) throw error;
    return { fault: error.fault, position: error.position };
  }
};

describe('the second example (§12)', () => {
  const file = readHex(longExampleFile);

  it('holds what the text tells', () => {
    expect(file.length).toBe(908);
    const { records, header, closing } = decode(file);
    const dots = '.'.repeat(1_052_672);
    expect(records.map(({ offset, data }) => [offset, Buffer.from(data).toString()])).toEqual([
      [512, 'hello'],
      [2_097_152, dots],
      [4096, 'world'],
    ]);
    expect(toJson(header)).toMatchObject({ order: 'disjoint', derived_from: [{ by: 'merge' }] });
    expect([...closing!.keys()]).toEqual(['size', 'records', 'data', 'zeros', 'low', 'high']);
  });

  it('begins its frames where the listing says', () => {
    const comments = readFileSync(longExampleFile, 'utf8');
    const places = [...comments.matchAll(/, at byte ([0-9]+)$/gm)].map(([, at]) => Number(at));
    const magics = places.map((at) => file.readUInt32LE(at));
    const [zstd, page, other] = [0xfd2fb528, 0x184d2a51, 0x184d2a53];
    expect(magics).toEqual([0x184d2a50, zstd, zstd, page, other, zstd, page, 0x184d2a5e]);
  });

  it('is truncated wherever it is cut', () => {
    for (let size = 1; size < file.length; size++) {
      expect(faultOf(file.subarray(0, size))).toEqual({ fault: 'truncated', position: size });
    }
  });
});

describe('the worked example (§12)', () => {
  const { format, records, header, closing } = decode(example);

  it('holds the records that the text tells', () => {
    expect(format).toBe('lvs');
    expect(example.length).toBe(1075);
    const short = records.map(({ offset, data }) => [
      offset,
      data.length,
      Buffer.from(data.subarray(0, 16)).toString(),
    ]);
    expect(short).toEqual([
      [8190, 16, '0123456789abcdef'],
      [65_536, 5, 'hello'],
      [131_072, 135_168, '\0'.repeat(16)],
    ]);
    expect(records[2]?.data.every((byte) => byte === 0)).toBe(true);
  });

  it('holds the digest and the states that the text tells', () => {
    const { digest, result } = toJson(closing) as { digest: string; result: { id: string } };
    const { base } = toJson(header) as { base: { id: string } };
    const bytes = Buffer.from(digest.slice('sha256:'.length), 'hex');
    expect(specification).toContain(bytes.toString('hex'));
    expect(specification).toContain(result.id);
    expect(result.id).toBe(`sha256:${sha256('lvstream state\0', base.id, '\0', bytes).toString('hex')}`);
  });

  it('holds digests of dots', () => {
    for (const length of [2, 14, 5]) {
      expect(example.includes(sha256('.'.repeat(length)).subarray(0, 16))).toBe(true);
    }
  });

  it('is truncated wherever it is cut', () => {
    for (let size = 1; size < example.length; size++) {
      expect(faultOf(example.subarray(0, size))).toEqual({ fault: 'truncated', position: size });
    }
  });

  it('shows each bit that is flipped', () => {
    const unnoticed: number[] = [];
    for (let bit = 0; bit < example.length * 8; bit++) {
      const damaged = Buffer.from(example);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      if (!faultOf(damaged)) unnoticed.push(bit);
    }
    expect(unnoticed).toEqual([]);
  });

  it('shows what is behind it', () => {
    expect(faultOf(Buffer.concat([example, example]))).toEqual({ fault: 'concatenated', position: 1075 });
    expect(faultOf(Buffer.concat([example, Buffer.of(0)]))).toEqual({
      fault: 'trailing-data',
      position: 1075,
    });
  });
});
