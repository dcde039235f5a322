import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Decompressor } from 'zstd-napi';
import { FormatError } from '#src/errors.js';
import { releaseBatch } from '#src/format/batch.js';
import { ByteReader } from '#src/format/byte-reader.js';
import { encodeClosing } from '#src/format/lvs/maps/closing.js';
import { readFileIndex } from '#src/format/lvs/file-index.js';
import { encodeHeader } from '#src/format/lvs/maps/header.js';
import { isMap, openStream, type StreamOptions } from '#src/format/open-stream.js';
import { createInlineCodec } from '../format/inline-codec.js';
import { readStream, sourceOf, type Reading } from '../format/read-stream.js';
import { vectorFiles } from '../format/vector-files.js';
import { decode, ReferenceFault, toJson, type ReferenceOptions } from '../reference/decoder.js';
import type { Released } from '../reference/fault.js';
import { decodeMap, type MsgpackMap } from '../reference/msgpack.js';
import { recordHeader } from '../vectors/zstd.js';
import type { Target } from './fuzz.js';
import { mutateLvs } from './lvs-mutate.js';
import type { Random } from './random.js';

/** The `.lvs` container (§4): streaming, in pieces, read again unchecked, from its end, by the reference, by zstd. */

const codec = createInlineCodec();
const decoder = new Decompressor();

export const lvs: Target = {
  name: 'lvs',
  seeds: () =>
    vectorFiles
      .filter(({ input, expected }) => expected.format === 'lvs' && input.length < 20_000)
      .map(({ input }) => input),
  mutate: mutateLvs,
  check: async (input, random, isNew) => {
    const reading = await readStream(sourceOf(input), codec);
    const reference = judge(input);
    compare(reading, reference);
    await checkPieces(input, reading, random);
    await checkIndex(input, reading);
    if (reading.verdict !== 'good') return describe(reading);
    await checkAgain(input, reading);
    checkPlain(input, reference, isNew() || random.once(500));
    return describe(reading);
  },
};

export interface Judgement extends Released {
  readonly verdict: Reading['verdict'];
  readonly header?: MsgpackMap;
  readonly closing?: MsgpackMap;
}

/** What the reference decoder makes of an input. */
export function judge(input: Uint8Array, options: ReferenceOptions = {}): Judgement {
  try {
    return { ...decode(input, options), verdict: 'good' };
  } catch (error) {
    if (!(error instanceof ReferenceFault)) throw error;
    const { fault, position, released } = error;
    return { ...released, verdict: { fault, position } as Reading['verdict'] };
  }
}

/** Throws where the two differ in fault, position, records or what the maps say. */
export function compare(reading: Reading, reference: Judgement): void {
  same('verdict', reading.verdict, reference.verdict);
  const records = reference.records.map(({ offset, data }) => [offset, data.length, sha256(data)]);
  same('records', reading.records, records);
  if (reading.header === undefined || reference.header === undefined) return;
  same('header', saidBy(decodeMap(encodeHeader(reading.header).subarray(20, -4))), saidBy(reference.header));
  same('closing map', saidBy(decodeMap(encodeClosing(reading.closing!))), saidBy(reference.closing));
}

/** What a map says, in whatever order and encoding. */
const saidBy = (map: MsgpackMap | undefined): unknown => JSON.parse(JSON.stringify(toJson(map)));

/** Throws where the input is read otherwise when it comes in pieces. */
export async function checkPieces(
  input: Uint8Array,
  whole: Reading,
  random: Random,
  options: StreamOptions = {},
): Promise<void> {
  const size = input.length < 4096 ? 1 + random.upTo(64) : 1 + random.upTo(input.length);
  const { verdict, records } = await readStream(sourceOf(input, size), codec, options);
  same(`verdict in pieces of ${size}`, verdict, whole.verdict);
  same(`records in pieces of ${size}`, records, whole.records);
}

/** A file that is good says the same of itself when it is read from its end; any other is a `FormatError` at most. */
async function checkIndex(input: Uint8Array, reading: Reading): Promise<void> {
  try {
    const index = await readFileIndex(fileOf(input), codec);
    for await (const { page } of index.pages())
      if (page.last) same('last page', page.last.closing, index.closing);
    if (reading.verdict !== 'good') return;
    same('header of the index', index.header, reading.header);
    same('closing map of the index', index.closing, reading.closing);
  } catch (error) {
    if (!(error instanceof FormatError) || reading.verdict === 'good') throw error;
    if (!(error.position <= input.length)) throw new Error('a position beyond the end', { cause: error });
  }
}

/** The file as Node reads one: what is no position in a file is an error. */
export function fileOf(input: Uint8Array) {
  return {
    size: input.length,
    readAt: async (target: Uint8Array, position: number) => {
      const end = position + target.length;
      if (!Number.isSafeInteger(position) || position < 0 || end > input.length)
        throw new Error(`a read from ${position} to ${end} of ${input.length} bytes`);
      target.set(input.subarray(position, end));
    },
  };
}

/** The second reading of an apply, which checks less, gives the same records, and of a map the same ranges. */
async function checkAgain(input: Uint8Array, { records, verdict }: Reading): Promise<void> {
  same('second reading', await readStream(sourceOf(input), codec, { checked: true }), {
    ...(await readStream(sourceOf(input), codec)),
    records,
    verdict,
  });
}

/** Ranges of a map. */
export async function rangesOfMap(input: Uint8Array): Promise<[number, number][]> {
  const stream = await openStream(new ByteReader(sourceOf(input)), codec);
  const found: [number, number][] = [];
  if (isMap(stream))
    for await (const page of stream.ranges)
      for (const { offset, length } of page) found.push([offset, length]);
  else for await (const batch of stream.batches) releaseBatch(batch);
  return found;
}

/** The file decompresses to the plain stream of its records. */
function checkPlain(input: Uint8Array, { records }: Judgement, withCommand: boolean): void {
  const plain = createHash('sha256').update('lvmsync PROTO[3]\n');
  for (const { offset, data } of records)
    plain.update(recordHeader({ offset, length: data.length })).update(data);
  const expected = plain.digest('hex');
  same('zstd', sha256(decoder.decompress(input)), expected);
  if (!withCommand) return;
  const options = {
    input,
    maxBuffer: 2 ** 28,
    stdio: ['pipe', 'pipe', 'ignore'] as ['pipe', 'pipe', 'ignore'],
  };
  same('zstd -dc', sha256(execFileSync('zstd', ['-q', '-dc'], options)), expected);
}

/** The fault, or what kinds of things a good file holds. */
function describe({ verdict, records, header, closing }: Reading): string {
  if (verdict !== 'good') return `${verdict.fault}, ${magnitude(records.length)} records`;
  const what = [header?.kind, header?.order, header?.baseDigests === true ? 'digests' : ''].join(' ');
  return `good ${what}, ${magnitude(closing?.runs ?? 0)} runs, ${magnitude(closing?.zeros ?? 0)} zeros`;
}

/** How many bits the number has, so that there are not too many outcomes. */
export const magnitude = (count: number): number => Math.ceil(Math.log2(count + 1));

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Throws if the two differ; says how. */
export function same(what: string, found: unknown, expected: unknown): void {
  if (isDeepStrictEqual(found, expected)) return;
  throw new Error(`${what}: ${show(found)} instead of ${show(expected)}`);
}

function show(value: unknown): string {
  const text = JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item));
  return text.length > 2000 ? `${text.slice(0, 2000)} …` : text;
}
