import { ByteReader } from '#src/format/byte-reader.js';
import { FormatError } from '#src/errors.js';
import { isPlain, openStream, type StreamOptions } from '#src/format/open-stream.js';
import { surveyFile, walkRecords } from '#src/format/lvmsync/walk-headers.js';
import { createInlineCodec } from '../format/inline-codec.js';
import { readStream, sourceOf } from '../format/read-stream.js';
import { vectorFiles } from '../format/vector-files.js';
import { FIRST_LINE } from '../vectors/container.js';
import type { Target } from './fuzz.js';
import { checkPieces, compare, fileOf, judge, magnitude, same, type Judgement } from './lvs-target.js';
import { edgeNumber, mutateBytes } from './mutate-bytes.js';
import type { Random } from './random.js';

/**
 * lvmsync streams (§3): from a pipe, in pieces, and by their headers alone as `info` reads a file. What the user says
 * of a stream stands in its first byte here.
 */

const codec = createInlineCodec();

/** Options by the bits of a byte. */
function optionsOf(byte: number): StreamOptions {
  const byteOrder = ([undefined, 'big', 'little', undefined] as const)[byte & 3];
  const units = ([undefined, 'chunks', 'bytes', undefined] as const)[(byte >> 2) & 3];
  return {
    ...(byteOrder && { byteOrder }),
    ...(units && { units }),
    ...(byte & 16 && { assume: 'lvmsync2' as const }),
  };
}

const line = (version: number): Uint8Array => Buffer.from(`lvmsync PROTO[${version}]\n`);

function recordOf(version: number, value: bigint, length: number, isBig: boolean): Uint8Array {
  const record = Buffer.alloc((version === 1 ? 8 : 12) + length, 7);
  if (isBig) record.writeBigUInt64BE(value);
  else record.writeBigUInt64LE(value);
  if (version > 1) record.writeUInt32BE(length, 8);
  return record;
}

/** Each version in each byte order, with numbers at the limits among them. */
const handMade = [1, 2, 3].flatMap((version) =>
  [true, false].flatMap((isBig) =>
    [3n, 2n ** 32n, 2n ** 41n, 2n ** 53n - 512n, 2n ** 53n, 2n ** 63n].map((value) => {
      const length = version === 1 ? 4096 : 512;
      const records = [recordOf(version, 1024n, length, isBig), recordOf(version, value, length, isBig)];
      return Buffer.concat([Uint8Array.of(0), line(version), ...records]);
    }),
  ),
);

export const lvmsync: Target = {
  name: 'lvmsync',
  seeds: () => [
    ...handMade,
    ...vectorFiles
      .filter(({ expected, input }) => expected.format !== 'lvs' && input.length < 40_000)
      .map(({ input }) => Buffer.concat([Uint8Array.of(0), input])),
    ...[0, 4, 8, 16, 20, 24].map((byte) => Uint8Array.of(byte, ...recordOf(2, 3n, 512, false))),
  ],
  mutate: mutateStream,
  check: async (tagged, random) => {
    const options = optionsOf(tagged[0] ?? 0);
    const input = tagged.subarray(1);
    const reading = await readStream(sourceOf(input), codec, options);
    const reference = judge(input, options as Parameters<typeof judge>[1]);
    compare(reading, reference);
    await checkPieces(input, reading, random, options);
    await checkHeaders(input, reference, options);
    const { verdict, records } = reading;
    return `${reading.format ?? ''} ${verdict === 'good' ? 'good' : verdict.fault}, ${magnitude(records.length)} records`;
  },
};

/** The walk over the headers of a file finds the fault and the records that reading all of it does. */
async function checkHeaders(input: Uint8Array, reference: Judgement, options: StreamOptions): Promise<void> {
  const file = fileOf(input);
  const walked: [number, number][] = [];
  const walk = async () => {
    const stream = await openStream(new ByteReader(sourceOf(input)), codec, options);
    if (!isPlain(stream)) return 'lvs';
    const start = hasFirstLine(input) ? FIRST_LINE.length : 0;
    const dialect = await surveyFile(file, start, stream.dialect.version, options);
    same('dialect', dialect, stream.dialect);
    await walkRecords(file, start, dialect, ({ offset, length }) => walked.push([offset, length]));
    return 'good';
  };
  const verdict = await walk().catch((error: unknown) => {
    if (!(error instanceof FormatError)) throw error;
    return { fault: error.fault, position: error.position };
  });
  if (verdict === 'lvs') return;
  same('verdict by the headers', verdict, reference.verdict);
  same(
    'records by the headers',
    walked,
    reference.records.map(({ offset, data }) => [offset, data.length]),
  );
}

const hasFirstLine = (input: Uint8Array): boolean =>
  /^lvmsync PROTO\[[123]\]\n/.test(Buffer.from(input.subarray(0, FIRST_LINE.length)).toString('latin1'));

function mutateStream(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const version = Number(Buffer.from(input.subarray(1, 18)).toString('latin1').at(-3)) || 2;
  switch (random.below(6)) {
    case 0:
      return Uint8Array.of(random.below(32), ...input.subarray(1));
    case 1:
      return Buffer.concat([input, anyRecord(version, random)]).subarray(0, 2 ** 16);
    case 2:
      return changeHeader(input, version, random);
    case 3:
      return input.subarray(0, 1 + random.below(input.length));
    default:
      return mutateBytes(input, other, random).subarray(0, 2 ** 16);
  }
}

function anyRecord(version: number, random: Random): Uint8Array {
  const length = version === 1 ? 4096 : random.pick([1, 512, 512, 4096, random.below(5000)]);
  const value = random.once(3)
    ? random.pick([edgeNumber(random), 2n ** 46n - BigInt(length), 2n ** 53n - BigInt(length)])
    : BigInt(random.below(2 ** 20) * random.pick([1, 512, 4096]));
  return recordOf(version, value, length, random.once(2));
}

/** Replaces the number or the length in one of the record headers. */
function changeHeader(input: Uint8Array, version: number, random: Random): Uint8Array {
  const bytes = Buffer.from(input);
  const size = version === 1 ? 8 : 12;
  const headers: number[] = [];
  const start = hasFirstLine(bytes.subarray(1)) ? 1 + FIRST_LINE.length : 1;
  for (let at = start; at + size <= bytes.length;) {
    headers.push(at);
    at += size + (version === 1 ? 4096 : bytes.readUInt32BE(at + 8));
  }
  if (headers.length === 0) return bytes;
  const at = random.pick(headers);
  if (version > 1 && random.once(3)) bytes.writeUInt32BE(random.upTo(2 ** 20), at + 8);
  else if (random.once(2)) bytes.writeBigUInt64LE(edgeNumber(random), at);
  else bytes.writeBigUInt64BE(edgeNumber(random), at);
  return bytes;
}
