import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { decompress } from 'zstd-napi';
import { describe, expect, it } from 'vitest';
import { captureFile, readCapture } from '../captures.js';
import { formatPlain, parsePlain } from './plain-records.js';
import { Folder, lvstream, succeed } from './run-lvstream.js';

/** `compress`, `decompress`, `verify` and `info` on what the original wrote, good and broken. */

const folder = new Folder();
const good = [
  'a',
  'a-buffered',
  'a-reactivated',
  'c',
  'd',
  'd-stale255',
  'e',
  'f',
  'f-s2',
  'f-shared',
  'h-unchanged',
  'i',
  'j',
];
const sides = ['ruby.stream', 'ruby.snapback'];
const hasZstd = (() => {
  try {
    execFileSync('zstd', ['--version']);
    return true;
  } catch {
    return false;
  }
})();

const digestIn = (line: string): string => /sha256:[0-9a-f]{64}/.exec(line)![0];

/** What `info --json` tells of a stream, but for its name and size. */
async function tell(args: readonly string[], input?: Uint8Array): Promise<Record<string, unknown>> {
  const { text } = await succeed(['info', '--json', ...args], input);
  return { ...(JSON.parse(text) as Record<string, unknown>), stream: undefined, fileSize: undefined };
}

/** What `zstd -dc` of a file prints; through the library where there is no command. */
const unpack = (file: string): Buffer =>
  hasZstd ? execFileSync('zstd', ['-dc', file], { maxBuffer: 1 << 30 }) : decompress(readFileSync(file));

/**
 * The original's header of a last, partial chunk promises a whole one: what comes next is read as that chunk's data,
 * and a header is looked for inside data. The positions are those of that header, or the end.
 */
const broken = [
  ['k', 'ruby.stream', 'truncated-record', 9502857, 9],
  ['k', 'ruby.snapback', 'truncated-record', 9502857, 9],
  ['k-discard', 'ruby.stream', 'empty-record', 2097193, 2],
  ['k-discard', 'ruby.snapback', 'offset-limit', 2097193, 2],
  ['b-middle', 'rubyfix.stream', 'offset-limit', 196661, 3],
  ['b-middle', 'rubyfix.snapback', 'truncated-record', 151617, 2],
  ['b-last', 'rubyfix.stream', 'truncated-record', 1986949, 30],
  ['b-last', 'rubyfix.snapback', 'truncated-record', 1986949, 30],
  ['h-merging', 'ruby.stream', 'not-a-stream', 0, 0],
] as const;

const streams = good.flatMap((name) => sides.map((side) => [name, side] as const));

describe('a good stream', () => {
  const packedFiles = new Map<string, { plain: string; count: number }>();

  it.each(streams)('comes back byte for byte: %s %s', async (name, side) => {
    const plain = captureFile(name, side);
    const bytes = readCapture(name, side);
    const packed = folder.fresh('packed.lvs');
    await succeed(['compress', plain, '-o', packed]);
    expect(unpack(packed).equals(bytes)).toBe(true);
    expect((await succeed(['decompress', packed])).output.equals(bytes)).toBe(true);
    packedFiles.set(packed, { plain, count: parsePlain(bytes).length });
  });

  it('has one digest, packed or not', async () => {
    const plains = [...packedFiles.values()].map(({ plain }) => plain);
    const { text } = await succeed(['verify', ...packedFiles.keys(), ...plains]);
    const lines = text.trim().split('\n');
    expect(lines).toHaveLength(2 * streams.length);
    [...packedFiles].forEach(([packed, { plain, count }], i) => {
      const [whole, readable] = [lines[i]!, lines[i + streams.length]!];
      expect(whole).toContain(`${packed}: whole, ${count} record`);
      expect(readable).toContain(`${plain}: readable to its end, ${count} record`);
      expect(digestIn(whole)).toBe(digestIn(readable));
    });
  });
});

describe.each(broken)('%s %s', (name, side, fault, position, whole) => {
  const bytes = readCapture(name, side);

  it(`has ${fault} at byte ${position}`, async () => {
    const file = captureFile(name, side);
    const expected = { verdict: 'damaged', fault, position };
    for (const [args, input] of [[[file]], [['-'], bytes]] as [string[], Uint8Array?][]) {
      const run = await lvstream(['verify', '--json', ...args], input);
      expect(run.status).toBe(3);
      expect(JSON.parse(run.text)).toMatchObject(expected);
    }
    const run = await lvstream(['info', file]);
    expect(run).toMatchObject({ status: 3, text: '' });
    expect(run.errors).toContain(`lvstream: ${file}: byte ${position}: `);
    expect(run.errors.split('\n')[0]).toMatch(new RegExp(`\\(${fault}\\)$`));
  });

  it(`has ${whole} whole records before it`, async () => {
    if (fault === 'not-a-stream') return;
    const file = folder.fresh('salvaged.lvs');
    const run = await lvstream(['compress', '--salvage', '-', '-o', file], bytes);
    expect(run.status).toBe(5);
    expect(run.errors).toContain(`byte ${position}: `);
    expect(run.errors).toContain(`kept the ${whole} records before it`);
    const kept = parsePlain(unpack(file));
    expect(kept).toHaveLength(whole);
    expect(
      bytes
        .subarray(0, 17 + kept.reduce((size, { data }) => size + 12 + data.length, 0))
        .equals(unpack(file)),
    ).toBe(true);
    expect((await succeed(['verify', file])).text).toContain('whole');
  });
});

describe('compress', () => {
  const plain = captureFile('d', 'ruby.stream');

  it.each(['0', '1', '3', '19'])('keeps id and digest at level %s', async (level) => {
    const file = folder.fresh('level.lvs');
    await succeed(['compress', plain, '--level', level, '-o', file]);
    expect(unpack(file).equals(readFileSync(plain))).toBe(true);
    const again = folder.fresh('again.lvs');
    await succeed(['compress', file, '-o', again]);
    const read = async (each: string) => {
      const { id, digest } = JSON.parse((await succeed(['info', '--json', each])).text) as Record<
        string,
        unknown
      >;
      return { id, digest };
    };
    const { id, digest } = await read(file);
    expect(id).toBe(digest);
    expect(await read(again)).toEqual({ id, digest });
  });

  it('carries states and base digests over', async () => {
    const file = folder.fresh('dump.lvs');
    const sources = ['--cow', captureFile('a', 'cow.img'), '--origin', captureFile('a', 'origin.img')];
    await succeed(['dump', ...sources, '--base-state', 'lv:old', '--base-digests', '-o', file]);
    const { output } = await succeed(['compress', '--level', '0'], readFileSync(file));
    expect(await tell(['-'], output)).toEqual(await tell([file]));
    const wrong = captureFile('a', 'origin.img');
    expect((await lvstream(['apply', folder.file('again.lvs', output), wrong])).text).toContain(
      'already applied',
    );
  });

  it('stands for long zeros in a few bytes', async () => {
    const zeros = formatPlain([
      { offset: 0, data: Buffer.alloc(1 << 20) },
      { offset: 1 << 20, data: Buffer.from('data') },
    ]);
    const { output } = await succeed(['compress'], zeros);
    expect(output.length).toBeLessThan(2000);
    expect(decompress(output).equals(zeros)).toBe(true);
    const told = JSON.parse((await succeed(['info', '--json', '-'], output)).text) as Record<string, unknown>;
    expect(told).toMatchObject({ zeros: 1 << 20, data: (1 << 20) + 4, records: 2, order: 'sorted' });
  });

  it('drops nothing of a whole stream when asked to salvage', async () => {
    const { output, errors } = await succeed(['compress', '--salvage', plain]);
    expect(errors).toBe('');
    expect(decompress(output).equals(readFileSync(plain))).toBe(true);
  });

  it('keeps the base digests of the pages before the damage', async () => {
    const whole = await succeed([
      ...['dump', '--cow', captureFile('a', 'cow.img'), '--origin', captureFile('a', 'origin.img')],
      '--base-digests',
    ]);
    const cut = folder.file('cut.lvs', whole.output.subarray(0, whole.output.length - 1));
    const file = folder.fresh('kept.lvs');
    expect((await lvstream(['compress', '--salvage', cut, '-o', file])).status).toBe(5);
    const told = JSON.parse((await succeed(['info', '--json', file])).text) as Record<string, unknown>;
    expect(told).toMatchObject({ records: 59, baseDigests: true, derivedFrom: [{ by: 'salvage' }] });
    const other = readCapture('a', 'snapshot.img');
    other[28672]! ^= 1;
    expect((await lvstream(['apply', file, folder.file('other', other)])).status).toBe(4);
  });
});

describe('verify', () => {
  it('checks all that it is given, and the worst counts', async () => {
    const plain = captureFile('a', 'ruby.stream');
    const cut = folder.file('cut', readCapture('a', 'ruby.stream').subarray(0, 100));
    const run = await lvstream(['verify', '/nonexistent', cut, plain]);
    expect(run.status).toBe(3);
    expect(run.text.split('\n')).toHaveLength(2);
    expect(run.errors).toContain('/nonexistent: ');
    expect(run.errors).toContain(`${cut}: byte 100: `);
  });

  it('says that completeness of a plain stream cannot be known', async () => {
    const cutBetweenRecords = readCapture('a', 'ruby.stream').subarray(0, 17 + 2 * 4108);
    const { text } = await succeed(['verify', '-'], cutBetweenRecords);
    expect(text).toContain('readable to its end, 2 records');
    expect(text).toContain("can't tell whether its end was cut off");
    const told = JSON.parse((await succeed(['verify', '--json', '-'], cutBetweenRecords)).text) as Record<
      string,
      unknown
    >;
    expect(told).toMatchObject({ verdict: 'readable', format: 'lvmsync3', records: 2 });
  });
});

describe('legacy streams', () => {
  const record = (value: bigint, size: number, littleEndian: boolean) => {
    const header = Buffer.alloc(12);
    if (littleEndian) header.writeBigUInt64LE(value);
    else header.writeBigUInt64BE(value);
    header.writeUInt32BE(size, 8);
    return Buffer.concat([header, Buffer.alloc(size, Number(value % 251n))]);
  };
  const version2 = Buffer.concat([
    Buffer.from('lvmsync PROTO[2]\n'),
    record(3n, 4096, true),
    record(7n, 4096, true),
  ]);
  const offsets = (text: string) =>
    (JSON.parse(text) as { recordList: [number, number][] }).recordList.map(([offset]) => offset);

  it('says what was concluded', async () => {
    const { errors, output } = await succeed(['compress'], version2);
    expect(errors).toContain('read as version 2, little-endian, offsets in chunks');
    expect(parsePlain(decompress(output)).map(({ offset }) => offset)).toEqual([3 * 4096, 7 * 4096]);
    expect((await succeed(['compress', '--quiet'], version2)).errors).toBe('');
  });

  it('believes its user', async () => {
    const args = ['info', '--json', '--records', '-'];
    expect(offsets((await succeed([...args, '--units', 'bytes'], version2)).text)).toEqual([3, 7]);
    const big = ['--byte-order', 'big', '--units', 'bytes'];
    expect((await lvstream([...args, ...big], version2)).errors).toContain('byte 17: ');
  });

  it('reads a snapback without a first line when told to', async () => {
    const bare = version2.subarray(17);
    expect((await lvstream(['info', '-'], bare)).errors).toContain(
      'lvstream reads it with --assume lvmsync2\n',
    );
    const run = await succeed([
      'info',
      '--json',
      '--records',
      '--assume',
      'lvmsync2',
      folder.file('bare', bare),
    ]);
    expect(offsets(run.text)).toEqual([3 * 4096, 7 * 4096]);
  });

  it('looks at the whole of a version 2 stream before it decides', async () => {
    const late = Buffer.concat([
      Buffer.from('lvmsync PROTO[2]\n'),
      ...Array.from({ length: 400 }, (_, i) => record(BigInt(i) * 4096n, 4096, true)),
      record(5n, 4096, true),
    ]);
    const run = await succeed(['info', '--json', '--records', '-'], late);
    expect(offsets(run.text).slice(-2)).toEqual([399 * 4096 * 4096, 5 * 4096]);
  });

  it('passes over the data of long records', async () => {
    const long = Buffer.concat([
      Buffer.from('lvmsync PROTO[3]\n'),
      record(0n, 3 << 20, false),
      record(BigInt(5 << 20), 2 << 20, false),
    ]);
    const run = await succeed(['info', '--json', folder.file('long', long)]);
    expect(JSON.parse(run.text)).toMatchObject({
      records: 2,
      runs: 2,
      data: 5 << 20,
      high: 7 << 20,
      order: 'sorted',
    });
  });
});

describe('info', () => {
  const stream = captureFile('a', 'ruby.stream');

  it('lists every record', async () => {
    const records = parsePlain(readCapture('a', 'ruby.stream')).map(({ offset, data }) => [
      offset,
      data.length,
    ]);
    const { text } = await succeed(['info', '--records', stream]);
    expect(text.trim().split('\n').slice(-records.length)).toEqual(records.map((record) => record.join(' ')));
    const told = JSON.parse((await succeed(['info', '--json', '--records', stream])).text) as Record<
      string,
      unknown
    >;
    expect(told['recordList']).toEqual(records);
  });

  it('draws where the changes lie', async () => {
    const changes = formatPlain([
      { offset: 0, data: Buffer.alloc(65536, 1) },
      { offset: 3 * 65536, data: Buffer.alloc(32768, 2) },
      { offset: 63 * 65536, data: Buffer.alloc(65536, 3) },
    ]);
    const { text } = await succeed(['info', '-'], changes);
    expect(text).toContain(`  █··▇${'·'.repeat(59)}█\n`);
    expect(text).toContain('0               ╵1 MiB          ╵2 MiB          ╵3 MiB     4 MiB');
    const { output } = await succeed(['compress'], changes);
    expect((await succeed(['info', folder.file('drawn.lvs', output)])).text).toContain(
      `  █··▇${'·'.repeat(59)}█\n`,
    );
  });

  it('tells of a file what it tells of a pipe', async () => {
    const { output } = await succeed(['compress', stream]);
    expect(await tell([folder.file('file.lvs', output)])).toEqual(await tell(['-'], output));
  });

  it('names the first fault of a file whose index is gone', async () => {
    const { output } = await succeed(['compress', stream]);
    const run = await lvstream(['info', folder.file('cut.lvs', output.subarray(0, 1000))]);
    expect(run.status).toBe(3);
    expect(run.errors).toContain('byte 1000: the file ends in the middle (truncated)');
  });
});
