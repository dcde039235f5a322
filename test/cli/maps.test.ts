import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decode } from '../reference/decoder.js';
import { flipped } from '../vectors/bytes.js';
import { lvs, map } from '../vectors/vector.js';
import { Folder, lvstream, succeed } from './run-lvstream.js';

/** What the commands for streams make of a map, which lists ranges and holds no data (§4.6.3). */

const folder = new Folder();
const MIB = 2 ** 20;
const ranges = [
  { offset: 0, length: MIB },
  { offset: 32 * MIB, length: 16 * MIB },
];
const { input } = lvs('map', 'A map.', { ...map, base_size: 64 * MIB }, (file) => {
  file.page({ ranges: ranges.slice(0, 1) });
  file.finish({ ranges: ranges.slice(1) });
});
const file = folder.file('map.lvs', input);
const device = folder.file('device', new Uint8Array(4096));

describe('info', () => {
  it.each([
    ['a file', [file], undefined],
    ['a pipe', ['-'], input],
  ])('tells how many ranges there are and where, of %s', async (_, args, bytes) => {
    const { text } = await succeed(['info', ...args], bytes);
    expect(text).toMatch(/^ {2}format +lvs, map$/m);
    expect(text).toMatch(/^ {2}ranges +2$/m);
    expect(text).toMatch(/^ {2}changed +17825792 bytes \(17 MiB\)$/m);
    expect(text).toMatch(/^ {2}extent +byte 0 to 50331648 /m);
    expect(text).toMatch(/^ {2}device +67108864 bytes/m);
    expect(text).not.toMatch(/^ {2}(records|data|digest|base digests) /m);
    expect(text).toContain(`  █${'·'.repeat(31)}${'█'.repeat(16)}${'·'.repeat(16)}\n`);
  });

  it.each([
    ['a file', [file], undefined],
    ['a pipe', ['-'], input],
  ])('lists the ranges of %s', async (_, args, bytes) => {
    const { text } = await succeed(['info', '--records', ...args], bytes);
    expect(text.endsWith(`\n0 ${MIB}\n${32 * MIB} ${16 * MIB}\n`)).toBe(true);
    const json = JSON.parse((await succeed(['info', '--json', '--records', ...args], bytes)).text) as object;
    const rangeList = ranges.map(({ offset, length }) => [offset, length]);
    expect(json).toMatchObject({ kind: 'map', runs: 2, records: 0, data: 17 * MIB, rangeList });
    expect(json).not.toHaveProperty('recordList');
  });
});

describe('verify', () => {
  it('says that a map is whole and what it lists', async () => {
    const { text } = await succeed(['verify', file]);
    expect(text).toBe(`${file}: whole, a map of 2 ranges, 17825792 bytes (17 MiB)\n`);
    const json: unknown = JSON.parse((await succeed(['verify', '--json', file])).text);
    expect(json).toMatchObject({ verdict: 'whole', kind: 'map', runs: 2, data: 17 * MIB });
  });

  it('compares no device with it', async () => {
    const run = await lvstream(['verify', '--against', device, file]);
    expect(run).toMatchObject({ status: 4, text: '' });
    expect(run.errors).toMatch(/^lvstream: \S+map\.lvs: a map holds no data to compare.*\nlvstream: hint: /);
  });
});

it('apply refuses a map and names it', async () => {
  const run = await lvstream(['apply', file, device]);
  expect(run).toMatchObject({ status: 4, text: '' });
  expect(run.errors).toMatch(/^lvstream: \S+map\.lvs: a map holds no data to apply\nlvstream: hint: /);
});

describe('compress', () => {
  it('keeps the ranges', async () => {
    const packed = folder.fresh('packed.lvs');
    await succeed(['compress', file, '-o', packed]);
    const expected = ranges.map(({ offset, length }) => [offset, length]);
    expect(decode(readFileSync(packed)).ranges).toEqual(expected);
    const { output } = await succeed(['compress', '-'], input);
    expect(decode(output).ranges).toEqual(expected);
  });

  it('salvages no map', async () => {
    const damaged = folder.file('damaged.lvs', flipped(input, -100));
    const packed = folder.fresh('salvaged.lvs');
    expect((await lvstream(['compress', damaged, '-o', packed])).status).toBe(3);
    const run = await lvstream(['compress', '--salvage', damaged, '-o', packed]);
    expect(run.status).toBe(4);
    expect(run.errors).toMatch(/a damaged map is of no use: .*\nlvstream: hint: /);
    expect(folder.names().filter((name) => name.includes('salvaged'))).toEqual([]);
  });
});

it('decompress refuses to lose the ranges', async () => {
  const plain = folder.fresh('plain');
  const run = await lvstream(['decompress', file, '-o', plain]);
  expect(run).toMatchObject({ status: 4, text: '' });
  expect(run.errors).toMatch(/map\.lvs: a map holds no records.*\nlvstream: hint: .*info --records/);
  expect(folder.names().filter((name) => name.includes('plain'))).toEqual([]);
});
