import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { counted } from '#src/format/counted.js';
import { ByteReader } from '#src/format/byte-reader.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { PLAIN_HEADER, type ChangeStream } from '#src/format/open-stream.js';
import { openAnyStream } from '#src/interop/open-any-stream.js';
import { writeForeign, type ForeignName, type ForeignOptions } from '#src/interop/write-foreign.js';
import { readStream } from '../format/read-stream.js';
import { codec, openBytes, plainStream, sourceOf, type TestRecord } from '../streams.js';
import { asData, parseRbd, parseThin, type OtherRecord } from './other-formats.js';

const RUNS = process.env['SLOW'] === '1' ? 4000 : 40;
const MIB = 2 ** 20;

const data = fc.oneof(
  { weight: 40, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 300 }) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(MIB, MIB + 1, 2 * MIB + 77)
      .map((length) => Uint8Array.from({ length }, (_, i) => 1 + (i % 200))),
  },
);
/** Gaps and data, one behind the other. */
const sorted = fc.array(fc.tuple(fc.nat(5000), data), { maxLength: 8 }).map((parts) => {
  let end = 0;
  return parts.map(([gap, bytes]) => {
    const offset = end + gap;
    end = offset + bytes.length;
    return { offset, data: bytes };
  });
});

async function write(
  format: ForeignName,
  stream: ChangeStream,
  options: ForeignOptions = { lossy: false },
): Promise<{ bytes: Buffer; lost: readonly string[] }> {
  const parts: Uint8Array[] = [];
  const sink = { write: async (bytes: Uint8Array) => void parts.push(bytes.slice()) };
  const { lost } = await writeForeign(format, 'a stream', stream, sink, options);
  return { bytes: Buffer.concat(parts), lost };
}

/** A stream of zero ranges alone. */
function zerosStream(ranges: readonly { offset: number; length: number }[], header = {}): ChangeStream {
  const batches = (async function* () {
    yield { kind: 'zeros' as const, ranges };
  })();
  return { format: 'lvs', header: { ...PLAIN_HEADER, ...header }, hasEndMark: true, ...counted(batches) };
}

const plain = (records: readonly TestRecord[]): Promise<ChangeStream> => openBytes(plainStream(records));
const same = (records: readonly { offset: number; data: Uint8Array }[]) =>
  records.map(({ offset, data: bytes }) => [offset, Buffer.from(bytes).toString('base64')]);

/** How each format is read by what shares no code with the writer. */
const readers: Readonly<Partial<Record<ForeignName, (bytes: Buffer) => readonly OtherRecord[]>>> = {
  rbd1: (bytes) => parseRbd(bytes).records,
  rbd2: (bytes) => parseRbd(bytes).records,
  'thin-send-recv': parseThin,
};

describe.each(['rbd1', 'rbd2', 'thin-send-recv'] as const)('%s', (format) => {
  it('holds the records that were written, and reads back as the same stream', async () => {
    await fc.assert(
      fc.asyncProperty(sorted, async (records) => {
        const { bytes } = await write(format, await plain(records));
        expect(same(asData(readers[format]!(bytes)))).toEqual(same(records));
        const back = await readStream(sourceOf(bytes), codec, {}, openAnyStream);
        const original = await readStream(sourceOf(plainStream(records)), codec);
        expect({ ...back, closing: original.closing }).toEqual({ ...original, format });
      }),
      { numRuns: RUNS },
    );
  });
});

describe.each([
  ['lvmsync1', 4104],
  ['lvmsync2', 4108],
] as const)('%s', (format, size) => {
  it('holds whole chunks of 4096 bytes, and no others', async () => {
    const chunks = fc.array(fc.tuple(fc.nat(1000), fc.integer({ min: 1, max: 3 }), fc.nat(255)), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(chunks, async (parts) => {
        const records = parts.map(([at, count, fill]) => ({
          offset: at * 4096,
          data: new Uint8Array(count * 4096).fill(fill),
        }));
        const { bytes } = await write(format, await plain(records));
        const count = parts.reduce((sum, [, chunksOf]) => sum + chunksOf, 0);
        expect(bytes.length).toBe(17 + count * size);
        const stream = await openAnyStream(new ByteReader(sourceOf(bytes)), codec, { units: 'chunks' });
        expect(stream.format).toBe(format);
        const found: [number, number][] = [];
        for await (const batch of stream.batches)
          if (batch.kind === 'data')
            for (let i = 0; i < batch.count; i += 1)
              found.push([batch.offsets[i]!, batch.bytes[batch.positions[i]!]!]);
        const wanted = parts.flatMap(([at, chunksOf, fill]) =>
          Array.from({ length: chunksOf }, (_, i) => [(at + i) * 4096, fill]),
        );
        expect(found).toEqual(wanted);
      }),
      { numRuns: RUNS },
    );
    for (const record of [
      { offset: 1, data: new Uint8Array(4096).fill(1) },
      { offset: 0, data: new Uint8Array(4095).fill(1) },
    ])
      await expect(write(format, await plain([record]), { lossy: true })).rejects.toThrow(
        'is no whole chunk of 4096 bytes',
      );
  });
});

describe('zeros', () => {
  const ranges = [{ offset: 2 ** 20, length: 2 ** 20 }];

  it('stay zeros in a diff of rbd', async () => {
    const { bytes } = await write('rbd1', zerosStream(ranges));
    expect(parseRbd(bytes).records).toEqual([{ offset: 2 ** 20, zeros: 2 ** 20 }]);
  });

  it('are unmaps of thin-send-recv where they are whole chunks of the pool that receives them, otherwise data', async () => {
    const lengthsOf = async (unmapChunk: number | undefined) => {
      const stream = zerosStream(ranges, { chunkSize: 2 ** 16 });
      const { bytes } = await write('thin-send-recv', stream, { lossy: false, unmapChunk });
      return parseThin(bytes).map((record) =>
        'data' in record ? ['data', record.data.length] : ['unmap', record.zeros],
      );
    };
    expect(await lengthsOf(2 ** 16)).toEqual([['unmap', 2 ** 20]]);
    for (const other of [2 ** 21, undefined]) expect(await lengthsOf(other)).toEqual([['data', 2 ** 20]]);
  });
});

describe('numbers of chunks in version 2', () => {
  const chunkAt = (...numbers: number[]) =>
    plain(numbers.map((number) => ({ offset: number * 4096, data: new Uint8Array(4096).fill(7) })));

  it.each([[[4096]], [[0, 8192]]])('that could be bytes, as %j, are said to be none', async (numbers) => {
    await expect(write('lvmsync2', await chunkAt(...numbers))).rejects.toThrow(
      'lvmsync2 has no words for that its offsets are numbers of chunks',
    );
    const { lost } = await write('lvmsync2', await chunkAt(...numbers), { lossy: true });
    expect(lost).toEqual(['that its offsets are numbers of chunks']);
  });

  it.each([[[0]], [[4096, 1]], [[4095]]])(
    'are clear where one is none of bytes, as in %j',
    async (numbers) => {
      expect((await write('lvmsync2', await chunkAt(...numbers))).lost).toEqual([]);
      expect((await write('lvmsync1', await chunkAt(4096))).lost).toEqual([]);
    },
  );
});

describe('what a format has no words for', () => {
  const one = [{ offset: 0, data: Buffer.from('x') }];
  const saying = async (header: Partial<StreamHeader>): Promise<ChangeStream> => {
    const stream = await plain(one);
    return { ...stream, header: { ...stream.header, ...header } };
  };

  it.each([
    ['rbd1', { kind: 'snapback' }, 'what it undoes and where'],
    ['rbd1', { base: { id: 'uuid:1' } }, 'its states'],
    ['rbd1', { baseDigests: true, order: 'sorted' }, 'its base digests'],
    ['rbd1', { baseSize: 5, resultSize: 6 }, 'the sizes of its device'],
    ['lvmsync3', { resultSize: 6 }, 'the sizes of its device'],
    ['rbd1', { origin: { lv: 'vm' } }, 'the names of its origin'],
    ['rbd1', { origin: { rbd_protected: 'yes' } }, 'the names of its origin'],
    ['thin-send-recv', { unknown: { later: 1 } }, 'keys that are not known'],
  ] as const)('is refused, and left out when that is asked for: %s, %j', async (format, header, what) => {
    const said = await saying(header);
    await expect(write(format, said)).rejects.toMatchObject({ override: 'lossy' });
    const { bytes, lost } = await write(format, await saying(header), {
      lossy: true,
    });
    expect(lost).toEqual([what]);
    const { records } = await readStream(sourceOf(bytes), codec, {}, openAnyStream);
    expect(records).toHaveLength(1);
  });

  it('is nothing where there are words', async () => {
    const names = { rbd_from: 'monday', rbd_to: 'tüesday', rbd_protected: 'no' };
    const { bytes } = await write('rbd2', await saying({ baseSize: 9, resultSize: 9, origin: names }));
    expect(parseRbd(bytes)).toMatchObject({ from: 'monday', to: 'tüesday', isProtected: false, size: 9 });
    const back = await openAnyStream(new ByteReader(sourceOf(bytes)), codec);
    expect(back.header).toMatchObject({ resultSize: 9, origin: names });
  });

  it('is the order of a diff whose records come in another', async () => {
    const records = [
      { offset: 10, data: Buffer.from('later') },
      { offset: 0, data: Buffer.from('lower') },
    ];
    await expect(write('rbd1', await plain(records))).rejects.toMatchObject({ override: 'lossy' });
    const { bytes } = await write('rbd1', await plain(records), { lossy: true });
    expect(same(asData(parseRbd(bytes).records))).toEqual(same(records));
  });

  it('is never data', async () => {
    const past = await saying({ baseSize: 9, resultSize: 0 });
    await expect(write('rbd1', past, { lossy: true })).rejects.toThrow('ends behind the end');
  });
});
