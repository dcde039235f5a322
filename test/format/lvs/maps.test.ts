import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeRanges } from '#src/ranges/merge-ranges.js';
import { packStream } from '#src/algebra/pack-stream.js';
import { FormatError } from '#src/errors.js';
import type { Range } from '#src/ranges/range.js';
import { ByteReader } from '#src/format/byte-reader.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { LvsWriter, type ByteSink } from '#src/format/lvs/writer.js';
import { isMap, openStream, type MapStream } from '#src/format/open-stream.js';
import { writeMap } from '#src/format/lvs/write-map.js';
import { decode, ReferenceFault, toJson } from '../../reference/decoder.js';
import type { Verdict } from '../../vectors/container.js';
import { createInlineCodec } from '../inline-codec.js';
import { sourceOf } from '../read-stream.js';
import { vectorFiles, vectorInput } from '../vector-files.js';

/** Maps (§4.6.3), written and read. */

const RUNS = process.env['SLOW'] === undefined ? 100 : 10_000;
const PAGE_RANGES = 65536;
const codec = createInlineCodec();
const header = { id: new Uint8Array(16), kind: 'map', requires: [], order: 'sorted' } as const;
type MapHeader = StreamHeader & { readonly kind: 'map' };

async function collect(write: (sink: ByteSink) => Promise<unknown>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  await write({ write: async (bytes) => void parts.push(bytes.slice()) });
  return Buffer.concat(parts);
}

const fileOf = (ranges: Iterable<Range>, says: Partial<MapHeader> = {}): Promise<Buffer> =>
  collect((sink) => writeMap([ranges], sink, codec, { ...header, ...says }));

async function openMap(input: Uint8Array, pieces?: number, checked = false): Promise<MapStream> {
  const stream = await openStream(new ByteReader(sourceOf(input, pieces)), codec, { checked });
  if (!isMap(stream)) throw new Error('it is no map');
  return stream;
}

const pairOf = ({ offset, length }: Range) => [offset, length] as const;

/** What a reader has released of the ranges, and why it ended. */
async function release(input: Uint8Array, pieces?: number, checked?: boolean) {
  const ranges: (readonly [number, number])[] = [];
  let verdict: Verdict = 'good';
  try {
    for await (const part of (await openMap(input, pieces, checked)).ranges)
      for (const range of part) ranges.push(pairOf(range));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    verdict = { fault: error.fault, position: error.position };
  }
  return { verdict, ranges };
}

/** What the independent decoder makes of it. */
function judge(input: Uint8Array) {
  try {
    return { verdict: 'good' as const, ranges: decode(input).ranges };
  } catch (error) {
    if (!(error instanceof ReferenceFault)) throw error;
    const { fault, position, released } = error;
    return { verdict: { fault, position }, ranges: released.ranges };
  }
}

function* everyOther(count: number, size = 65536): Generator<Range> {
  for (let i = 0; i < count; i++) yield { offset: i * 2 * size, length: size };
}

/** Ascending, apart, anywhere below 2^53. */
const ranges = fc
  .array(fc.record({ offset: fc.nat(2 ** 20), length: fc.integer({ min: 1, max: 2 ** 12 }) }), {
    maxLength: 40,
  })
  .chain((list) => fc.constantFrom(1, 512, 65536, 2 ** 32).map((unit) => scale(list, unit)));

function scale(list: readonly Range[], unit: number): Range[] {
  const scaled = list.map(({ offset, length }) => ({ offset: offset * unit, length: length * unit }));
  return [...mergeRanges(scaled.sort((a, b) => a.offset - b.offset))];
}

describe('a map that was written', () => {
  it('gives its ranges, to us and to the independent decoder', async () => {
    await fc.assert(
      fc.asyncProperty(ranges, fc.constantFrom(7, 1000, Infinity), async (list, pieces) => {
        const file = await fileOf(list);
        const expected = { verdict: 'good', ranges: list.map(pairOf) };
        expect(await release(file, pieces)).toEqual(expected);
        expect(await release(file, pieces, true)).toEqual(expected);
        expect(judge(file)).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });

  it.each([0, 1, PAGE_RANGES - 1, PAGE_RANGES, PAGE_RANGES + 1, 2 * PAGE_RANGES])(
    'has %i ranges in pages of 1 MiB',
    async (count) => {
      const list = [...everyOther(count)];
      const file = await fileOf(list);
      expect(judge(file)).toEqual({ verdict: 'good', ranges: list.map(pairOf) });
      expect((await release(file)).ranges).toEqual(list.map(pairOf));
      expect(file.length).toBeLessThan(16 * count + 1000);
    },
  );

  it('says what it was told to say, and counts its ranges', async () => {
    const base = { id: 'lv:base', time: 5 };
    const result = { id: 'lv:result' };
    const says = {
      base,
      baseSize: 2 ** 20,
      resultSize: 2 ** 20,
      chunkSize: 4096,
      origin: { path: '/dev/a' },
    };
    const list = [
      { offset: 4096, length: 8192 },
      { offset: 65536, length: 4096 },
    ];
    const file = await collect((sink) =>
      writeMap([list], sink, codec, { ...header, ...says }, () => ({ result, consistent: true, endTime: 9 })),
    );
    const decoded = decode(file);
    expect(toJson(decoded.header!)).toMatchObject({
      kind: 'map',
      base,
      base_size: 2 ** 20,
      chunk_size: 4096,
      origin: { path: '/dev/a' },
    });
    const counts = { size: 17, records: 0, runs: 2, data: 12288, zeros: 0, low: 4096, high: 69632 };
    expect(toJson(decoded.closing!)).toMatchObject({ ...counts, result, consistent: true, end_time: 9 });
  });

  it('comes in parts as well as in one', async () => {
    const list = [...everyOther(PAGE_RANGES + 10)];
    const parts = [list.slice(0, 3), [], list.slice(3, PAGE_RANGES), list.slice(PAGE_RANGES)];
    expect((await collect((sink) => writeMap(parts, sink, codec, header))).equals(await fileOf(list))).toBe(
      true,
    );
  });

  it('waits for its sink and holds one page', async () => {
    let taken = 0;
    const watched = function* () {
      for (const range of everyOther(5 * PAGE_RANGES)) {
        taken++;
        yield range;
      }
    };
    let written = 0;
    const most: number[] = [];
    const sink = {
      write: async (bytes: Uint8Array) => {
        await new Promise(setImmediate);
        most.push(taken - written);
        written += Math.floor(bytes.length / 16 / PAGE_RANGES) * PAGE_RANGES;
      },
    };
    await writeMap([watched()], sink, codec, header);
    expect(Math.max(...most)).toBeLessThanOrEqual(PAGE_RANGES + 1);
  });

  it.each([
    ['empty', [[0, 0]]],
    ['descending', [[8192, 4096], [0, 4096]]],
    ['touching', [[0, 4096], [4096, 4096]]],
    ['past the end', [[2 ** 20 - 1, 2]]],
    ['past what a number can say', [[2 ** 53 - 1, 1]]],
    ['no number', [[Number.NaN, 1]]],
  ])('has no range that is %s', async (_, pairs) => {
    const list = pairs.map(([offset, length]) => ({ offset: offset!, length: length! }));
    await expect(fileOf(list, { baseSize: 2 ** 20 })).rejects.toThrow('a map may not have the range');
  }); // prettier-ignore
});

it('holds no data, and no other stream ranges', async () => {
  const sink = { write: async () => undefined };
  const batch = { kind: 'zeros', ranges: [{ offset: 0, length: 1 }] } as const;
  await expect(new LvsWriter(sink, codec, header).add(batch)).rejects.toThrow('a map holds no data');
  const other = new LvsWriter(sink, codec, { ...header, kind: 'changes' });
  await expect(other.addRanges([])).rejects.toThrow('ranges are for maps only');
});

const maps = vectorFiles.filter(({ expected }) => expected.ranges !== undefined);

describe.each(maps)('$name', ({ input, expected }) => {
  const { verdict } = expected;

  it.each([1, 7, Infinity])(
    'releases the ranges of the pages that passed, in pieces of %f',
    async (pieces) => {
      expect(await release(input, pieces)).toEqual({ verdict, ranges: expected.ranges });
    },
  );

  if (verdict !== 'good') return;
  it('keeps everything when it is packed again', async () => {
    const again = await collect(async (sink) =>
      packStream(await openMap(input), sink, codec, { generator: 'test', time: 0 }),
    );
    const decoded = decode(again);
    expect(decoded.ranges).toEqual(expected.ranges);
    expect(toJson(decoded.header!)).toEqual(expected.header);
    expect(toJson(decoded.closing!)).toEqual(expected.closing);
  });
});

it('releases nothing of a page that is damaged, wherever it is', async () => {
  const file = vectorInput('good-map-pages');
  const { ranges: all } = await release(file);
  for (let at = 0; at < file.length; at++) {
    const damaged = file.slice();
    damaged[at]! ^= 0x10;
    const found = await release(damaged).catch(() => undefined);
    if (!found) continue;
    expect(found.verdict).not.toBe('good');
    expect(found.ranges).toEqual(all.slice(0, found.ranges.length));
    expect(found.ranges).toEqual(judge(damaged).ranges);
  }
});
