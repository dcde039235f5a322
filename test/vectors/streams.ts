import { ascii, filled, join, noise, sha256, toHex, u32be, u64, u64be } from './bytes.js';
import { GIB, longRecord, MIB, record, type Vector } from './vector.js';
import type { PlainRecord, Verdict } from './container.js';
import type { Fault } from '#src/errors.js';

/** lvmsync streams (§3), good and damaged, and inputs that are neither. */
export const streams = (): Vector[] => [...good(), ...told(), ...strangers(), ...damaged()];

type ByteOrder = 'big' | 'little';
type Version = 1 | 2 | 3;

interface Options {
  readonly assume?: 'lvmsync2';
  readonly byteOrder?: ByteOrder;
  readonly units?: 'chunks' | 'bytes';
}

interface Scenario {
  readonly options?: Options;
  readonly verdict?: Verdict;
}

const line = (version: number | string): Uint8Array => ascii(`lvmsync PROTO[${version}]\n`);
const number = (value: number | bigint, order: ByteOrder): Uint8Array =>
  order === 'big' ? u64be(value) : u64(value);

/** Records in version 1, or in 2 and 3 with byte offsets. */
const encode = (version: Version, order: ByteOrder, records: readonly PlainRecord[]): Uint8Array =>
  join(
    ...records.map(({ offset, data }) =>
      version === 1
        ? join(number(offset / 4096, order), data)
        : join(number(offset, order), u32be(data.length), data),
    ),
  );

/** Records in version 2 with chunk numbers. */
const encodeChunks = (order: ByteOrder, records: readonly PlainRecord[]): Uint8Array =>
  join(
    ...records.map(({ offset, data }) => join(number(offset / data.length, order), u32be(data.length), data)),
  );

function stream(
  name: string,
  description: string,
  version: Version,
  input: Uint8Array,
  records: readonly PlainRecord[],
  { options, verdict = 'good' }: Scenario = {},
): Vector {
  const rows = records.map(({ offset, data }) => [offset, data.length, toHex(sha256(data))]);
  const asked = options === undefined ? {} : { options };
  const expect = { description, format: `lvmsync${version}`, ...asked, verdict, records: rows };
  return { name, file: 'input.stream', input, expect };
}

const chunks = (size: number, ...numbers: readonly number[]): PlainRecord[] =>
  numbers.map((chunk) => record(chunk * size, size));

const three = [record(8192, 100), record(4096, 20), record(8200, 500)];
const pages = chunks(4096, 9, 2, 3);

/** As eight bytes it is 2^46 - 2^24 the other way round. */
const BOTH_WAYS = 0xff_ff3f_0000;

const good = (): Vector[] => [
  stream('good-lvmsync1', 'Version 1, little-endian.', 1, join(line(1), encode(1, 'little', pages)), pages),
  stream('good-lvmsync1-empty', 'Version 1 without records.', 1, line(1), []),
  stream(
    'good-lvmsync1-big-endian',
    'Version 1 of a big-endian host: little-endian its chunk numbers are absurd.',
    1,
    join(line(1), encode(1, 'big', pages)),
    pages,
  ),
  stream(
    'good-lvmsync1-multiples',
    'Version 1 whose chunk numbers are all multiples of 4096: they are numbers all the same.',
    1,
    join(line(1), encode(1, 'little', chunks(4096, 4096, 0, 8192))),
    chunks(4096, 4096, 0, 8192),
  ),
  stream(
    'good-lvmsync1-big-endian-scaled',
    'A chunk number that is absurd little-endian only when it is multiplied by 4096.',
    1,
    join(line(1), encode(1, 'big', chunks(4096, 2 ** 16))),
    chunks(4096, 2 ** 16),
  ),
  stream(
    'good-lvmsync2-chunks',
    'Version 2 with chunk numbers, little-endian, as 0.0.x wrote it.',
    2,
    join(line(2), encodeChunks('little', pages)),
    pages,
  ),
  stream(
    'good-lvmsync2-chunks-big-endian',
    'Version 2 with chunk numbers, big-endian.',
    2,
    join(line(2), encodeChunks('big', pages)),
    pages,
  ),
  stream(
    'good-lvmsync2-bytes',
    'Version 2 with byte offsets, as 1.0.x wrote it; the last chunk is longer.',
    2,
    join(line(2), encode(2, 'little', [...pages, ...chunks(8192, 7)])),
    [...pages, ...chunks(8192, 7)],
  ),
  stream(
    'good-lvmsync2-bytes-big-endian',
    'Version 2 with byte offsets, big-endian.',
    2,
    join(line(2), encode(2, 'big', pages)),
    pages,
  ),
  stream(
    'good-lvmsync2-chunks-late',
    'The first offset that is no multiple of its length comes last: all records are concluded from it.',
    2,
    join(line(2), encodeChunks('little', chunks(512, 512, 1024, 0, 3))),
    chunks(512, 512, 1024, 0, 3),
  ),
  stream('good-lvmsync2-empty', 'Version 2 without records.', 2, line(2), []),
  stream(
    'good-lvmsync3',
    'Version 3 as 3.0.0 and later write it, with overlap.',
    3,
    join(line(3), encode(3, 'big', three)),
    three,
  ),
  stream('good-lvmsync3-empty', 'Version 3 without records.', 3, line(3), []),
  stream(
    'good-lvmsync3-little-endian',
    'Version 3 with little-endian offsets, as an untagged release wrote it.',
    3,
    join(line(3), encode(3, 'little', three)),
    three,
  ),
  stream(
    'good-lvmsync3-little-endian-late',
    'Offset 0 is the same in both orders; only the last record tells.',
    3,
    join(line(3), encode(3, 'little', [record(0, 10), record(0, 20), record(77, 1)])),
    [record(0, 10), record(0, 20), record(77, 1)],
  ),
  stream(
    'good-lvmsync3-absurd-both',
    'Offsets that are absurd in both orders: the expected one holds.',
    3,
    join(line(3), encode(3, 'big', [record(2 ** 47 + 2 ** 8), record(5)])),
    [record(2 ** 47 + 2 ** 8), record(5)],
  ),
  stream(
    'good-lvmsync3-absurd-limit',
    'An offset that is sane little-endian; big-endian the record ends at 2^46 and is absurd.',
    3,
    join(line(3), encode(3, 'little', [longRecord(BOTH_WAYS, 16 * MIB)])),
    [longRecord(BOTH_WAYS, 16 * MIB)],
  ),
  stream(
    'good-lvmsync3-sane-both',
    'The same offset and one byte less: big-endian the record ends at 2^46 - 1, so that is what it is.',
    3,
    join(line(3), encode(3, 'little', [longRecord(BOTH_WAYS, 16 * MIB - 1)])),
    [longRecord(2 ** 46 - 2 ** 24, 16 * MIB - 1)],
  ),
  stream(
    'good-lvmsync3-one-byte',
    'A record of one byte before others.',
    3,
    join(line(3), encode(3, 'big', [record(77, 1), record(4096, 20)])),
    [record(77, 1), record(4096, 20)],
  ),
  stream(
    'good-lvmsync3-sane-limit',
    'A record that ends at 2^46 - 1 is not absurd.',
    3,
    join(line(3), encode(3, 'big', [record(2 ** 46 - 49)])),
    [record(2 ** 46 - 49)],
  ),
  stream(
    'good-lvmsync3-highest-offset',
    'A record that ends at 2^53 - 1.',
    3,
    join(line(3), encode(3, 'big', [record(2 ** 53 - 49), record(2 ** 46 + 1, 1)])),
    [record(2 ** 53 - 49), record(2 ** 46 + 1, 1)],
  ),
  stream(
    'good-lvmsync3-long-record',
    'A record of 1 MiB and 4097 bytes, and one behind it.',
    3,
    join(line(3), encode(3, 'big', [longRecord(5 * GIB + 100, MIB + 4097), record(1)])),
    [longRecord(5 * GIB + 100, MIB + 4097), record(1)],
  ),
];

/** What the user says about the input overrides what it would be taken for. */
const told = (): Vector[] => [
  stream(
    'good-assume-lvmsync2',
    'A snapback of 0.0.x: version 2 without a first line.',
    2,
    encodeChunks('little', pages),
    pages,
    { options: { assume: 'lvmsync2' } },
  ),
  stream('good-assume-empty', 'A snapback of 0.0.x without records.', 2, new Uint8Array(0), [], {
    options: { assume: 'lvmsync2' },
  }),
  stream(
    'good-assume-with-first-line',
    'A first line tells the version, whatever the user assumes of inputs without one.',
    3,
    join(line(3), encode(3, 'big', three)),
    three,
    { options: { assume: 'lvmsync2' } },
  ),
  stream(
    'good-units-told',
    'Chunk numbers that look like byte offsets; the user knows better.',
    2,
    join(line(2), encodeChunks('little', chunks(512, 512, 1024))),
    chunks(512, 512, 1024),
    { options: { units: 'chunks' } },
  ),
  stream(
    'good-units-told-lengths-differ',
    'Chunk numbers of chunks of two sizes, which the user insists on.',
    2,
    join(line(2), encodeChunks('little', [...chunks(512, 3), ...chunks(1024, 5)])),
    [...chunks(512, 3), ...chunks(1024, 5)],
    { options: { units: 'chunks' } },
  ),
  stream(
    'good-byte-order-told',
    'Little-endian offsets that are sane in both orders; the user knows better.',
    3,
    join(line(3), encode(3, 'little', [record(2 ** 24), record(2 ** 32)])),
    [record(2 ** 24), record(2 ** 32)],
    { options: { byteOrder: 'little' } },
  ),
];

const refused = (
  name: string,
  description: string,
  input: Uint8Array,
  fault: Fault,
  version: Version = 3,
): Vector => stream(name, description, version, input, [], { verdict: { fault, position: 0 } });

/** An input that ends before its first line does. */
const begun = (word: string, description: string, input: Uint8Array): Vector =>
  stream(`truncated-${word}`, description, 3, input, [], {
    verdict: { fault: 'truncated', position: input.length },
  });

const strangers = (): Vector[] => [
  refused('not-a-stream-empty', 'No bytes at all.', new Uint8Array(0), 'not-a-stream'),
  refused('not-a-stream-two-bytes', 'Two bytes that nothing begins with.', ascii('ab'), 'not-a-stream'),
  refused('not-a-stream-zeros', 'Zeros, like the start of many an image.', new Uint8Array(512), 'not-a-stream'),
  refused('not-a-stream-text', 'A first line in upper case.', ascii('LVMSYNC PROTO[3]\n'), 'not-a-stream'),
  refused('not-a-stream-digits', 'Nine digits.', ascii('lvmsync PROTO[000000003]\n'), 'not-a-stream'),
  refused('not-a-stream-letter', 'A letter among the digits.', ascii('lvmsync PROTO[3a]\n'), 'not-a-stream'),
  refused('not-a-stream-no-digits', 'No digits.', ascii('lvmsync PROTO[]\n'), 'not-a-stream'),
  refused('not-a-stream-no-digits-cut', 'No digits, and the input ends there.', ascii('lvmsync PROTO[]'), 'not-a-stream'),
  refused('not-a-stream-cr', 'A carriage return.', ascii('lvmsync PROTO[3]\r\n'), 'not-a-stream'),
  refused('not-a-stream-zstd', 'A compressed version 3 stream without a container.', ascii('(\xb5/\xfd$\x11'), 'not-a-stream'),
  refused('not-a-stream-page', 'A container that begins with an index page.', ascii('Q*M\x18aaaaaaaaaaaa'), 'not-a-stream'),
  refused('not-a-stream-no-first-line', 'A snapback without a first line, and nobody said so.', encodeChunks('little', pages), 'not-a-stream', 2),
  refused('foreign-stream', 'The first line goes on, as another program writes it.', join(ascii('lvmsync PROTO[3] 4096\n'), encode(3, 'big', three)), 'foreign-stream'),
  refused('foreign-stream-version', 'A foreign first line of an unknown version.', ascii('lvmsync PROTO[4] x\n'), 'foreign-stream'),
  refused('unknown-version', 'Version 4.', join(line(4), encode(3, 'big', three)), 'unknown-version'),
  refused('unknown-version-9', 'Version 9, written by the last of the digits.', line(9), 'unknown-version'),
  refused('unknown-version-0', 'Version 0.', line(0), 'unknown-version'),
  refused('unknown-version-leading-zero', 'Version 3, written 03.', line('03'), 'unknown-version'),
  refused('unknown-version-17', 'Version 17.', line(17), 'unknown-version'),
  begun('container-magic', 'Three bytes of the magic of a container.', ascii('P*M')),
  begun('line-one-byte', 'One byte of the first line.', ascii('l')),
  begun('line', 'Cut inside the first line.', ascii('lvmsync PRO')),
  begun('line-digits', 'Cut inside the version.', ascii('lvmsync PROTO[00000003')),
  begun('line-feed', 'Only the line feed is missing.', ascii('lvmsync PROTO[3]')),
]; // prettier-ignore

/** Good records and then bytes that are not; `position` counts from the first of these, or from the end. */
function broken(
  name: string,
  fault: Fault,
  description: string,
  rest: Uint8Array,
  at: 'here' | 'end',
  {
    version = 3,
    records = three,
    order = 'big',
  }: { version?: Version; records?: PlainRecord[]; order?: ByteOrder } = {},
): Vector {
  const before = join(line(version), encode(version, order, records));
  const input = join(before, rest);
  const verdict = { fault, position: at === 'here' ? before.length : input.length };
  return stream(name, description, version, input, records, { verdict });
}

const header = (offset: number | bigint, length: number): Uint8Array => join(u64be(offset), u32be(length));
/** Version 2 with chunk numbers, the first two of one size; the fault is at the first of the others. */
function differing(name: string, description: string, size: number, others: readonly PlainRecord[]): Vector {
  const records = chunks(size, 3, 5);
  const before = join(line(2), encodeChunks('little', records));
  const verdict = { fault: 'ambiguous-units', position: before.length } as const;
  return stream(name, description, 2, join(before, encodeChunks('little', others)), records, { verdict });
}

/** What the original lvmsync wrote where a chunk reached past the end of the origin, with a record behind it. */
function outOfStep(): Vector {
  const clipped = filled(4, 3584);
  const next = join(header(4096, 600), new Uint8Array(600));
  const taken = { offset: 65_536, data: join(clipped, next.subarray(0, 512)) };
  const before = join(line(3), encode(3, 'big', [...three, taken]));
  const input = join(before, next.subarray(512));
  const description =
    'A clipped chunk that is not the last: the record behind it is taken for its data, and then for headers.';
  const verdict = { fault: 'empty-record', position: before.length } as const;
  return stream('empty-record-out-of-step', description, 3, input, [...three, taken], { verdict });
}

const small = { version: 1, records: pages, order: 'little' } as const;

const damaged = (): Vector[] => [
  broken('truncated-header', 'truncated-header', 'The input ends inside a record header.', header(1, 1).subarray(0, 11), 'end'),
  broken('truncated-header-one-byte', 'truncated-header', 'One byte behind the last record.', Uint8Array.of(0), 'end'),
  broken('truncated-header-lvmsync1', 'truncated-header', 'Version 1 ends inside a record header.', new Uint8Array(7), 'end', { ...small }),
  broken('truncated-record', 'truncated-record', 'The input ends inside the data.', join(header(1, 100), noise(1, 99)), 'end'),
  broken('truncated-record-no-data', 'truncated-record', 'The input ends behind a record header.', header(1, 4096), 'end'),
  broken('truncated-record-lvmsync1', 'truncated-record', "Version 1 with a last chunk clipped to the origin's size.", join(u64(20), filled(1, 512)), 'end', { ...small }),
  stream('truncated-record-header-concludes', 'A record header without data, which is sane little-endian alone: it counts.', 3, join(line(3), u64(1), u32be(4)), [], {
    verdict: { fault: 'truncated-record', position: 29 },
  }),
  stream('truncated-record-absurd-limit', 'Version 2; little-endian the second record ends at 2^46 and is absurd, big-endian neither is. The user says what is counted.', 2, join(line(2), u64be(2 ** 44), u32be(512), noise(1, 512), u64(2 ** 46 - 15 * MIB), u32be(15 * MIB), noise(2, 9)), [{ offset: 2 ** 44, data: noise(1, 512) }], {
    options: { units: 'bytes' },
    verdict: { fault: 'truncated-record', position: 17 + 12 + 512 + 12 + 9 },
  }),
  outOfStep(),
  broken('empty-record', 'empty-record', 'A record without data, and a good one behind it.', join(header(77, 0), encode(3, 'big', three)), 'here'),
  broken('empty-record-concludes-nothing', 'empty-record', 'A record whose offset is sane in both orders, then one without data whose offset is absurd.', header(2n ** 50n, 0), 'here', { records: [record(2 ** 24, 4)] }),
  broken('empty-record-absurd', 'empty-record', 'The same with an offset that is absurd in both orders.', header(2n ** 64n - 1n, 0), 'here', { records: [record(2 ** 24, 4)] }),
  broken('empty-record-ends-the-walk', 'empty-record', 'Behind the empty record, one that is sane little-endian alone: it counts for nothing.', join(header(0, 0), encode(3, 'little', [record(512, 8)])), 'here', { records: [record(2 ** 24, 4)] }),
  broken('offset-limit', 'offset-limit', 'A record that ends at 2^53.', join(header(2 ** 53 - 4, 4), noise(1, 4)), 'here'),
  broken('offset-limit-before-data', 'offset-limit', 'Past the limit, and the data is cut: the limit comes first.', join(header(2n ** 64n - 1n, 400), noise(1, 4)), 'here'),
  broken('offset-limit-lvmsync1', 'offset-limit', 'A chunk number of 2^41, which ends past 2^53.', join(u64(2 ** 41), filled(2, 4096), u64be(7), filled(3, 4096)), 'here', { ...small }),
  broken('offset-limit-lvmsync1-cut', 'offset-limit', 'The same without its data: the limit comes first.', u64(2 ** 41 + 1), 'here', { ...small }),
  differing('ambiguous-units', 'Chunk numbers, and a chunk of another size.', 512, [
    ...chunks(1024, 9),
    ...chunks(512, 1),
  ]),
  stream(
    'ambiguous-units-second',
    'Chunk numbers, and the first chunk is of another size than all others.',
    2,
    join(line(2), encodeChunks('little', [...chunks(1024, 3), ...chunks(512, 3, 5)])),
    chunks(1024, 3),
    { verdict: { fault: 'ambiguous-units', position: 17 + 12 + 1024 } },
  ),
  stream('ambiguous-units-before-cut', 'Chunk numbers, and a chunk of another size that is cut: its size comes first.', 2, join(line(2), encodeChunks('little', chunks(512, 1)), u64(2), u32be(100), noise(1, 9)), chunks(512, 1), {
    verdict: { fault: 'ambiguous-units', position: 17 + 12 + 512 },
  }),
  differing('ambiguous-units-clipped', 'Chunk numbers, and a last chunk that is cut.', 4096, chunks(512, 9)),
  stream('offset-limit-lvmsync2', 'A chunk number times its length is 2^53.', 2, join(line(2), u64(2 ** 41), u32be(4096), noise(1, 9)), [], {
    options: { units: 'chunks' },
    verdict: { fault: 'offset-limit', position: 17 },
  }),
  stream('offset-limit-lvmsync1-wraps', 'A chunk number whose offset is 4096 where it wraps at 2^64.', 1, join(line(1), u64(2n ** 52n + 1n), filled(1, 4096)), [], {
    verdict: { fault: 'offset-limit', position: 17 },
  }),
  stream('offset-limit-lvmsync2-wraps', 'A chunk number whose offset is 512 where it wraps at 2^64.', 2, join(line(2), u64(2n ** 55n + 1n), u32be(512), filled(1, 512)), [], {
    verdict: { fault: 'offset-limit', position: 17 },
  }),
  broken('offset-limit-lvmsync2-multiple', 'offset-limit', 'A number beyond 2^53, absurd in both byte orders, and a multiple of its length like all the others: byte offsets.', join(header(0x8000000000000080n, 128), noise(1, 128)), 'here', { version: 2, records: [record(8192, 4096)], order: 'little' }),
  stream('truncated-header-assumed', 'Three bytes of a first line, which the user says there is none of.', 2, ascii('lvm'), [], {
    options: { assume: 'lvmsync2' },
    verdict: { fault: 'truncated-header', position: 3 },
  }),
]; // prettier-ignore
