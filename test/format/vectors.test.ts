import { execFileSync, spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { FormatError } from '#src/errors.js';
import { attachPieces } from '#src/format/lvs/attach-pieces.js';
import type { RecordBatch } from '#src/format/batch.js';
import { ByteReader } from '#src/format/byte-reader.js';
import { encodeClosing } from '#src/format/lvs/maps/closing.js';
import { readFileIndex, type FileBytes } from '#src/format/lvs/file-index.js';
import { encodeHeader } from '#src/format/lvs/maps/header.js';
import { LvsReader } from '#src/format/lvs/reader.js';
import { LvsWriter } from '#src/format/lvs/writer.js';
import { decodeMap, toJson } from '../reference/msgpack.js';
import { u32 } from '../vectors/bytes.js';
import { createInlineCodec } from './inline-codec.js';
import { readStream, recordsOfPlain, sourceOf } from './read-stream.js';
import { vectorFiles } from './vector-files.js';

/** Every conformance vector through the readers of `src/format` (§13). */

const codec = createInlineCodec();
const small = 2048;

const containers = vectorFiles.filter(({ expected }) => expected.format === 'lvs');
const goodContainers = containers.filter(({ expected }) => expected.verdict === 'good');

describe.each(vectorFiles)('$name', ({ input, expected }) => {
  const { verdict, records, options } = expected;

  it('is judged as expected, whole', async () => {
    const reading = await readStream(sourceOf(input), codec, options);
    expect(reading).toMatchObject({ verdict, records });
    if (verdict === 'good') expect(reading.format).toBe(expected.format);
  });

  it('is judged as expected, in pieces', async () => {
    const pieces = input.length > 2 ** 18 ? 65_537 : 7;
    expect(await readStream(sourceOf(input, pieces), codec, options)).toMatchObject({ verdict, records });
  });

  if (input.length > small) return;
  it('is judged as expected, byte by byte', async () => {
    expect(await readStream(sourceOf(input, 1), codec, options)).toMatchObject({ verdict, records });
  });
});

describe.each(containers)('$name', ({ input }) => {
  it('is read from its end to its own faults at most, however short its header says it is', async () => {
    for (const size of [undefined, 0, 4, 11, 16]) {
      const bytes = Uint8Array.from(input);
      if (size !== undefined && bytes.length >= 8) bytes.set(u32(size), 4);
      await readFileIndex(inMemory(bytes), codec).catch((error: unknown) => {
        expect(error).toBeInstanceOf(FormatError);
      });
    }
  });
});

const described = goodContainers.filter(({ expected }) => expected.header !== undefined);
it.each(described)('$name says of itself what was put in', async ({ input, expected }) => {
  const { header, closing } = await readStream(sourceOf(input), codec);
  expect(toJson(decodeMap(encodeHeader(header!).subarray(20, -4)))).toEqual(expected.header);
  expect(toJson(decodeMap(encodeClosing(closing!)))).toEqual(expected.closing);
});

describe.each(goodContainers)('$name', ({ path: file, input, expected }) => {
  it('is a file for zstd, which gives the plain stream', async () => {
    execFileSync('zstd', ['-q', '-t', '--memory=128MB', file]);
    const decoder = spawn('zstd', ['-q', '-dc', file], { stdio: ['ignore', 'pipe', 'inherit'] });
    expect(await recordsOfPlain(decoder.stdout)).toEqual(expected.records);
  });

  it('gives the same records and digest when it is written again', async () => {
    const reader = await LvsReader.open(new ByteReader(sourceOf(input)), codec);
    if (reader.header.kind === 'map') return;
    const written: Uint8Array[] = [];
    const sink = { write: async (bytes: Uint8Array) => void written.push(Uint8Array.from(bytes)) };
    const writer = new LvsWriter(sink, codec, reader.header);
    await writer.start();
    for await (const batch of batchesOf(reader, input)) await writer.add(copyOf(batch));
    const closing = await writer.finish(() => reader.closing);
    expect(closing.digest).toEqual(reader.closing.digest);
    const again = await readStream(sourceOf(Buffer.concat(written)), codec);
    expect(again).toMatchObject({ verdict: 'good', records: expected.records });
    expect(again.header).toEqual(reader.header);
    expect(again.closing).toEqual(reader.closing);
  });
});

function inMemory(input: Uint8Array): FileBytes {
  const readAt = async (target: Uint8Array, position: number) => {
    target.set(input.subarray(position, position + target.length));
  };
  return { size: input.length, readAt };
}

/** The batches, with their piece digests where the file has them. */
async function* batchesOf(reader: LvsReader, input: Uint8Array): AsyncGenerator<RecordBatch> {
  if (reader.header.baseDigests !== true) {
    yield* reader.batches();
    return;
  }
  const index = await readFileIndex(inMemory(input), codec);
  yield* attachPieces(reader.batches(), index.pages());
}

/** The writer takes over what it is given; the reader's bytes may be part of a larger buffer. */
function copyOf(batch: RecordBatch): RecordBatch {
  return batch.kind === 'data' ? { ...batch, bytes: Uint8Array.from(batch.bytes) } : batch;
}
