import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '#src/errors.js';
import { ByteReader } from '#src/format/byte-reader.js';
import { withDigest } from '#src/format/open-stream.js';
import { openAnyStream } from '#src/interop/open-any-stream.js';
import { readStream, type Reading } from '../format/read-stream.js';
import { codec, openBytes, plainStream, sourceOf } from '../streams.js';
import {
  asData,
  rbdData,
  rbdNames,
  rbdParts,
  rbdRecord,
  thinChunk,
  thinParts,
  u64,
  type OtherRecord,
} from './other-formats.js';

const RUNS = process.env['SLOW'] === '1' ? 4000 : 40;
const MIB = 2 ** 20;

const offset = fc.oneof(
  fc.nat(100_000),
  fc.nat(2 ** 30).map((n) => n * 2 ** 12),
);
const data = fc.oneof(
  { weight: 40, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 300 }) },
  { weight: 1, arbitrary: fc.constantFrom(MIB - 1, MIB, MIB + 1, MIB + 5000, 2 * MIB + 77).map(filled) },
);
const zeros = fc.oneof(fc.integer({ min: 1, max: 9000 }), fc.constantFrom(2 ** 17 - 1, 2 ** 17, 2 ** 17 + 1));
const record: fc.Arbitrary<OtherRecord> = fc.oneof(fc.record({ offset, data }), fc.record({ offset, zeros }));
const records = fc.array(record, { maxLength: 8 });
const chunk = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constantFrom(65_537, Infinity));

function filled(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 1 + ((i * 31) % 251));
}

interface Format {
  readonly name: string;
  readonly format: string;
  readonly hasEnd: boolean;
  readonly parts: (records: readonly OtherRecord[]) => Buffer[];
}

const formats: readonly Format[] = [
  { name: 'rbd diff v1', format: 'rbd1', hasEnd: true, parts: (all) => rbdParts(1, { records: all }) },
  { name: 'rbd diff v2', format: 'rbd2', hasEnd: true, parts: (all) => rbdParts(2, { records: all }) },
  {
    name: 'thin-send-recv 1.1',
    format: 'thin-send-recv',
    hasEnd: true,
    parts: (all) => thinParts('1.1', all),
  },
  {
    name: 'thin-send-recv 1.0',
    format: 'thin-send-recv',
    hasEnd: false,
    parts: (all) => thinParts('1.0', all),
  },
];

const read = (bytes: Uint8Array, size = Infinity): Promise<Reading> =>
  readStream(sourceOf(bytes, size), codec, {}, openAnyStream);

/** The same records of a plain stream. Zeros of more than 16 MiB are several records there. */
async function plainly(all: readonly OtherRecord[]): Promise<Reading> {
  const cut = asData(all).flatMap(({ offset: at, data: bytes }, i) => {
    const most = 'zeros' in all[i]! ? 2 ** 24 : Infinity;
    const parts = [];
    for (let from = 0; from < bytes.length; from += most)
      parts.push({ offset: at + from, data: bytes.subarray(from, from + most) });
    return parts;
  });
  return readStream(sourceOf(plainStream(cut)), codec);
}

async function digestOf(bytes: Uint8Array, open: typeof openAnyStream): Promise<Uint8Array | undefined> {
  const stream = withDigest(await open(new ByteReader(sourceOf(bytes)), codec), codec);
  for await (const _ of stream.batches);
  return stream.closing().digest;
}

/** Where the fault is, if there is any among the first batches: a few bytes can stand for 2^53 zeros. */
async function faultOf(bytes: Uint8Array): Promise<number | undefined> {
  let left = 100;
  try {
    const stream = await openAnyStream(new ByteReader(sourceOf(bytes)), codec);
    for await (const _ of stream.batches) if (--left === 0) return undefined;
    return undefined;
  } catch (error) {
    if (error instanceof FormatError) return error.position;
    throw error;
  }
}

describe.each(formats)('$name', ({ format, hasEnd, parts }) => {
  const needsRecord = !hasEnd;
  const some = needsRecord ? records.filter(({ length }) => length > 0) : records;

  it('reads as the plain stream of its records, in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(some, chunk, async (all, size) => {
        const bytes = Buffer.concat(parts(all));
        const {
          format: found,
          verdict,
          records: got,
        } = await read(bytes, bytes.length > MIB ? 65_537 : size);
        expect({ found, verdict }).toEqual({ found: format, verdict: 'good' });
        expect(got).toEqual((await plainly(all)).records);
      }),
      { numRuns: RUNS },
    );
  });

  it('has the digest of that plain stream', async () => {
    const all = [
      { offset: 5, data: filled(MIB + 9) },
      { offset: 2 ** 30, zeros: 2 ** 24 },
      { offset: 0, data: filled(3) },
    ];
    const other = await openBytes(plainStream(asData(all)));
    const digest = await digestOf(plainStream(asData(all)), async () => other);
    expect(await digestOf(Buffer.concat(parts(all)), openAnyStream)).toEqual(digest);
  });

  it('that is cut anywhere is known to be, behind the whole records', async () => {
    const small = fc.array(
      record.filter((each) => 'zeros' in each || each.data.length < 1000),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    await fc.assert(
      fc.asyncProperty(small, fc.nat(), async (all, random) => {
        const [start = Buffer.of(), ...rest] = needsRecord ? [Buffer.of(), ...parts(all)] : parts(all);
        const bytes = Buffer.concat([start, ...rest]);
        const first = needsRecord ? 28 : start.length;
        const cut = first + (random % Math.max(1, bytes.length - first));
        const ends = rest.map((_, i) => start.length + Buffer.concat(rest.slice(0, i + 1)).length);
        const whole = all.slice(0, ends.filter((end) => end <= cut).length);
        const { verdict, records: got } = await read(bytes.subarray(0, cut));
        expect(got).toEqual((await plainly(whole)).records);
        if (!hasEnd && ends.includes(cut)) expect(verdict).toBe('good');
        else expect(verdict).toEqual({ fault: expect.stringMatching(/^truncated/) as string, position: cut });
      }),
      { numRuns: RUNS },
    );
  });

  it('with any byte changed is read to its end, or has a fault inside it', async () => {
    const seed = Buffer.concat(
      parts([
        { offset: 4096, data: filled(40) },
        { offset: 8192, zeros: 5000 },
        { offset: 100, data: filled(7) },
      ]),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(seed.length - 1), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), {
          minLength: 1,
          maxLength: 8,
        }),
        async (changes) => {
          const bytes = Buffer.from(seed);
          for (const [at, value] of changes) bytes[at] = value;
          const position = await faultOf(bytes);
          if (position !== undefined) expect(position).toBeLessThanOrEqual(bytes.length);
        },
      ),
      { numRuns: 10 * RUNS },
    );
  });

  it('may not hold a record of no bytes, or one that ends at 2^53', async () => {
    const [start] = parts([{ offset: 0, data: filled(1) }]);
    const before = hasEnd ? start!.length : 0;
    const verdictOf = async (each: OtherRecord) => (await read(Buffer.concat(parts([each])))).verdict;
    for (const empty of [{ data: Buffer.of() }, { zeros: 0 }])
      expect(await verdictOf({ offset: 1, ...empty })).toEqual({ fault: 'empty-record', position: before });
    expect(await verdictOf({ offset: 2 ** 53 - 2, data: filled(1) })).toBe('good');
    for (const past of [{ data: filled(2) }, { zeros: 2 }])
      expect(await verdictOf({ offset: 2 ** 53 - 2, ...past })).toEqual({
        fault: 'offset-limit',
        position: before,
      });
  });

  it('that goes on behind its end has a fault there', async () => {
    const bytes = Buffer.concat(parts([{ offset: 0, data: filled(1) }]));
    const { verdict } = await read(Buffer.concat([bytes, Buffer.from('rbd diff v1\n')]));
    const fault = hasEnd ? 'trailing-data' : 'truncated-header';
    expect(verdict).toEqual({ fault, position: hasEnd ? bytes.length : bytes.length + 12 });
  });
});

describe.each([1, 2] as const)('rbd diff v%i', (version) => {
  const banner = Buffer.from(`rbd diff v${version}\n`);
  const end = Buffer.from('e');
  const verdictOf = async (...parts: Uint8Array[]) => (await read(Buffer.concat([banner, ...parts]))).verdict;

  it('says what it is of, in any order', async () => {
    const names = { from: 'old', to: 'snäp', size: 2 ** 40, ...(version === 2 && { isProtected: true }) };
    const tags = Object.entries(names).map(([key, value]) => rbdNames(version, { [key]: value }));
    for (const parts of [tags, [...tags].reverse()]) {
      const { header } = await read(Buffer.concat([banner, ...parts, end]));
      expect(header).toMatchObject({ kind: 'changes', order: 'given', resultSize: 2 ** 40 });
      const isProtected = version === 2 ? { rbd_protected: 'yes' } : {};
      expect(header?.origin).toEqual({ rbd_from: 'old', rbd_to: 'snäp', ...isProtected });
    }
    expect((await read(Buffer.concat([banner, end]))).header).toEqual({
      ...{ kind: 'changes', requires: [], order: 'given' },
    });
  });

  it('has no records past the size that it names', async () => {
    const names = rbdNames(version, { size: 100 });
    const inside = { offset: 90, zeros: 10 };
    expect(await verdictOf(names, rbdData(version, inside), end)).toBe('good');
    expect(
      await verdictOf(
        names,
        rbdData(version, inside),
        rbdData(version, { offset: 99, data: filled(2) }),
        end,
      ),
    ).toEqual({
      fault: 'declared-size',
      position: banner.length + names.length + rbdData(version, inside).length,
    });
    expect(await verdictOf(rbdRecord(version, 's', u64(2n ** 53n)), end)).toEqual({
      ...{ fault: 'offset-limit', position: banner.length },
    });
  });

  it('reads names as long as rbd does', async () => {
    const named = (size: number) => rbdNames(version, { from: 'n'.repeat(size) });
    expect(await verdictOf(named(4096), end)).toBe('good');
    expect(await verdictOf(named(4097), end)).toEqual({ fault: 'foreign-stream', position: banner.length });
    const cut = named(50).subarray(0, 30);
    expect(await verdictOf(cut)).toEqual({
      ...{ fault: 'truncated-header', position: banner.length + cut.length },
    });
  });

  it('has names in UTF-8', async () => {
    const name = (text: Uint8Array) =>
      rbdRecord(version, 'f', Buffer.from(Uint32Array.of(text.length).buffer), text);
    expect(await verdictOf(name(Buffer.from('größer')), end)).toBe('good');
    expect(await verdictOf(name(Buffer.from('snap\xff', 'latin1')), end)).toEqual({
      ...{ fault: 'foreign-stream', position: banner.length },
    });
  });

  it('says nothing behind its first data', async () => {
    const before = rbdData(version, { offset: 0, zeros: 1 });
    expect(await verdictOf(before, rbdNames(version, { size: 100 }), end)).toEqual({
      ...{ fault: 'foreign-stream', position: banner.length + before.length },
    });
  });

  it('has records of other kinds in version 2 only', async () => {
    const other = rbdRecord(version, 'x', filled(70_000));
    const after = rbdData(version, { offset: 0, zeros: 1 });
    expect(await verdictOf(other, after, end)).toEqual(
      version === 2 ? 'good' : { fault: 'foreign-stream', position: banner.length },
    );
  });
});

describe('rbd diff v2', () => {
  const banner = Buffer.from('rbd diff v2\n');

  it('has records that are as long as they say', async () => {
    const cases = [
      ['s', 8],
      ['w', 17],
      ['z', 16],
    ] as const;
    for (const [tag, size] of cases) {
      const bytes = Buffer.concat([banner, Buffer.from(tag), u64(size + 1), u64(1), u64(1), u64(0)]);
      expect((await read(bytes)).verdict).toEqual({ fault: 'foreign-stream', position: banner.length });
    }
  });

  it('with a length near 2^64 ends before it', async () => {
    const bytes = Buffer.concat([banner, Buffer.from('x'), u64(2n ** 64n - 1n), filled(30)]);
    expect((await read(bytes)).verdict).toEqual({ fault: 'truncated-header', position: bytes.length });
  });
});

describe('thin-send-recv', () => {
  const begin = thinChunk('1.1', 2, 0, 0);
  const verdictOf = async (...parts: Uint8Array[]) => (await read(Buffer.concat(parts))).verdict;

  it('begins with a beginning, and once', async () => {
    expect(await verdictOf(thinChunk('1.1', 0, 0, 1, filled(1)))).toEqual({
      ...{ fault: 'foreign-stream', position: 0 },
    });
    expect(await verdictOf(begin, begin)).toEqual({ fault: 'foreign-stream', position: 28 });
  });

  it('counts its chunks, those that are passed over too', async () => {
    const [, ...rest] = thinParts('1.1', [{ offset: 0, zeros: 1 }], 1);
    const optional = thinChunk('1.1', 0x80000007, 2n ** 64n - 1n, 600, filled(600));
    expect(await verdictOf(begin, optional, ...rest)).toBe('good');
    expect(await verdictOf(begin, ...rest)).toEqual({ fault: 'totals', position: 28 + 28 });
    const unknown = thinChunk('1.1', 7, 0, 0);
    expect(await verdictOf(begin, unknown, ...rest)).toEqual({ fault: 'foreign-stream', position: 28 });
    const endless = thinChunk('1.1', 0x80000007, 0, 2n ** 64n - 1n, filled(3));
    expect(await verdictOf(begin, endless)).toEqual({ fault: 'truncated-header', position: 59 });
  });

  it('ends with an end that it knows', async () => {
    expect(await verdictOf(begin, thinChunk('1.1', 3, 0, 25, filled(25)))).toEqual({
      ...{ fault: 'foreign-stream', position: 28 },
    });
  });

  it('of 1.0 has data and unmaps alone', async () => {
    const first = thinChunk('1.0', 1, 0, 1);
    for (const command of [2, 3, 0x80000000])
      expect(await verdictOf(first, thinChunk('1.0', command, 0, 0))).toEqual({
        ...{ fault: 'foreign-stream', position: 28 },
      });
    expect(await verdictOf(first, begin)).toEqual({ fault: 'foreign-stream', position: 28 });
  });
});

it.each([
  ['rbd image v2\nO', 'a full export of Ceph RBD'],
  ['rbd diff v3\n', 'a diff of Ceph RBD'],
  ['\xe8\x5b\xc5\x63\x6c\xc7\x2a\x05', 'from before 1.0'],
])('%j is refused for what it is', async (text, what) => {
  const bytes = Buffer.from(text, 'latin1');
  await expect(openAnyStream(new ByteReader(sourceOf(bytes)), codec)).rejects.toMatchObject({
    fault: 'foreign-stream',
    position: 0,
    message: expect.stringContaining(what) as string,
  });
});
