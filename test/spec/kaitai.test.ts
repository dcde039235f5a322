import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { decode } from '../reference/decoder.js';
import { readInput } from '../vectors/read-input.js';
import { compileContainer, compilePlain, type KaitaiContainer, type KaitaiPlain } from './kaitai.js';
import { exampleFile, readHex } from './read-hex.js';

interface Vector {
  readonly name: string;
  readonly format: string;
  readonly input: Buffer;
  readonly records: readonly (readonly [number, number, string])[];
}

const vectorsFolder = new URL('../../fixtures/vectors/', import.meta.url);
const pageMagic = 0x184d2a51;

/** The good vectors that begin with a signature, which is where the descriptions begin. */
const readGoodVectors = (): Vector[] => {
  const names = existsSync(vectorsFolder) ? readdirSync(vectorsFolder) : [];
  return names.flatMap((name) => {
    const folder = new URL(`${name}/`, vectorsFolder);
    if (!existsSync(new URL('expect.json', folder))) return [];
    const expected = JSON.parse(readFileSync(new URL('expect.json', folder), 'utf8')) as Omit<
      Vector,
      'name' | 'input'
    > & {
      readonly verdict: unknown;
      readonly options?: { readonly assume?: string };
    };
    if (expected.verdict !== 'good' || expected.options?.assume !== undefined) return [];
    const input = Buffer.from(readInput(fileURLToPath(folder)));
    return [{ name, format: expected.format, input, records: expected.records }];
  });
};

const keysOf = (map: KaitaiContainer['header']['payload']['map']): string[] =>
  map.value.fields.map(({ key }) => key.text);

describe('the Kaitai Struct descriptions', () => {
  const example = readHex(exampleFile);
  const { records, header, closing } = decode(example);
  const vectors = readGoodVectors();
  let parseContainer: (bytes: Uint8Array) => KaitaiContainer;
  let parsePlain: (bytes: Uint8Array) => KaitaiPlain;

  beforeAll(async () => {
    parseContainer = await compileContainer();
    parsePlain = await compilePlain();
  });

  it('take the example apart', () => {
    const { header: first, frames } = parseContainer(example);
    expect(first.payload.version).toBe(1);
    expect(keysOf(first.payload.map)).toEqual([...header!.keys()]);
    const [data, ranges, zeros, page] = frames;
    expect(frames).toHaveLength(5);
    expect(data?.zstd?.contentSize).toBe(45);
    expect(ranges?.payload?.ranges).toMatchObject([{ offset: 131_072, length: 135_168 }]);
    expect(zeros?.zstd?.blocks).toHaveLength(3);
    expect(page?.payload?.entries?.map(({ kind }) => kind)).toEqual([0, 1, 2, 3, 4]);
    expect(page?.payload?.pieces?.runs.map(({ type, count }) => [type, count])).toEqual([
      [2, 3],
      [1, 1],
      [0, 32],
    ]);
    expect(keysOf(page!.payload!.closingMap!)).toEqual([...closing!.keys()]);
  });

  it('refuse the example with bytes behind it or without its end', () => {
    expect(() => parseContainer(Buffer.concat([example, Buffer.of(0)]))).toThrow();
    expect(() => parseContainer(example.subarray(0, -1))).toThrow();
  });

  it('take the plain stream of the example apart', () => {
    const parts = records.flatMap(({ offset, data }) => {
      const head = Buffer.alloc(12);
      head.writeBigUInt64BE(BigInt(offset));
      head.writeUInt32BE(data.length, 8);
      return [head, data];
    });
    const plain = parsePlain(Buffer.concat([Buffer.from('lvmsync PROTO[3]\n'), ...parts]));
    expect(plain.records.map(({ place, length }) => [place.bigEndian, length])).toEqual(
      records.map(({ offset, data }) => [offset, data.length]),
    );
  });

  it('take every good container among the vectors apart', () => {
    for (const { name, input, records: expected } of vectors.filter(({ format }) => format === 'lvs')) {
      const pages = parseContainer(input).frames.filter(({ magic }) => magic === pageMagic);
      const count = pages
        .flatMap(({ payload }) => payload!.entries!)
        .reduce((sum, { recordCount }) => sum + recordCount, 0);
      expect([name, count]).toEqual([name, expected.length]);
      expect(pages.map(({ payload }) => payload!.isLast).lastIndexOf(true)).toBe(pages.length - 1);
    }
  });

  it('take every good lvmsync stream among the vectors apart', () => {
    for (const { name, input, records: expected } of vectors.filter(({ format }) => format !== 'lvs')) {
      const lengths = parsePlain(input).records.map(({ length }) => length);
      expect([name, lengths]).toEqual([name, expected.map(([, length]) => length)]);
    }
  });
});
