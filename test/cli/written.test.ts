import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { execa } from 'execa';
import { decompress } from 'zstd-napi';
import { describe, expect, it } from 'vitest';
import { captureFile, readCapture, readManifest, recordedRanges } from '../captures.js';
import { normalise, parsePlain } from './plain-records.js';
import { BIN, Folder, lvstream, succeed } from './run-lvstream.js';

/** What commands say of a file that they wrote, against what the kernel is known to have recorded. */

const folder = new Folder();
const ranges = recordedRanges(readManifest('a'));
const data = ranges.reduce((sum, [, length]) => sum + length, 0);
const images = ['--cow', captureFile('a', 'cow.img'), '--origin', captureFile('a', 'origin.img')];
const stream = captureFile('a', 'ruby.stream');
const map = folder.fresh('a.map');
await succeed(['changes', ...images, '-o', map]);
const digested = folder.fresh('digested.lvs');
await succeed(['dump', ...images, '--base-digests', '-o', digested]);

/** What writes records, and how many those are in the file. */
const streams: readonly (readonly [string, string[], (file: Buffer) => Buffer])[] = [
  ['dump', ['dump', ...images], decompress],
  ['dump --format lvmsync', ['dump', ...images, '--format', 'lvmsync'], (file) => file],
  ['compress', ['compress', stream], decompress],
  ['decompress', ['decompress', stream], (file) => file],
  ['merge', ['merge', stream], decompress],
  ['diff', ['diff', captureFile('a', 'snapshot.img'), captureFile('a', 'origin.img')], decompress],
  ['invert', ['invert', digested, '--base', captureFile('a', 'snapshot.img')], decompress],
  ['slice', ['slice', stream, '--range', '0..'], decompress],
  ['slice --format lvmsync', ['slice', stream, '--range', '0..', '--format', 'lvmsync'], (file) => file],
];
const maps: readonly (readonly [string, string[]])[] = [
  ['changes', ['changes', ...images]],
  ['merge of maps', ['merge', map, map]],
];
const all = [...streams, ...maps].map(([name, args]) => [name, args] as const);

describe.each(streams)('%s', (_, args, unpack) => {
  it('says how many records and bytes the file holds', async () => {
    const file = folder.fresh('stream');
    const { text, errors } = await succeed([...args, '-o', file]);
    const records = parsePlain(unpack(readFileSync(file)));
    expect(normalise(records).map(({ offset, data }) => [offset, data.length])).toEqual(ranges);
    expect(text.replace(/ \([\d.]+ [KM]iB\)/g, '')).toBe(
      `${file}: written, ${records.length} records, ${data} bytes, in a file of ${statSync(file).size} bytes\n`,
    );
    expect(errors).toBe('');
  });
});

describe.each(maps)('%s', (_, args) => {
  it('says how many ranges and bytes the map lists', async () => {
    const file = folder.fresh('map');
    const { text } = await succeed([...args, '-o', file]);
    expect(text.replace(/ \([\d.]+ [KM]iB\)/g, '')).toBe(
      `${file}: written, a map of ${ranges.length} ranges, ${data} bytes, in a file of ${statSync(file).size} bytes\n`,
    );
  });
});

describe.each(all)('%s', (_, args) => {
  it('says it as JSON', async () => {
    const file = folder.fresh('out');
    const { text } = await succeed([...args, '-o', file, '--json']);
    expect(text.split('\n')).toHaveLength(2);
    expect(JSON.parse(text)).toMatchObject({
      ...{ stream: file, data, low: ranges[0]![0], high: endOf(ranges.at(-1)!) },
      fileSize: statSync(file).size,
    });
  });

  it('says nothing when told to be quiet', async () => {
    const run = await succeed([...args, '-o', folder.fresh('out'), '--quiet']);
    expect([run.text, run.errors]).toEqual(['', '']);
  });

  it('tells of no file where there is none', async () => {
    const { text } = await succeed([...args, '-o', '/dev/null']);
    expect(text).toMatch(/^\/dev\/null: written, [^\n]*\n$/);
    expect(text).not.toContain('in a file');
    const pipe = folder.fresh('pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = execa('cat', [pipe], { stdout: 'ignore' });
    expect((await succeed([...args, '-o', pipe])).text).not.toContain('in a file');
    await reader;
  });

  it.each([
    ['a pipe', '"$@" -o /dev/stdout | cat > "$0"'],
    ['a file', '"$@" -o /dev/stdout > "$0"'],
    ['a file by its name', '"$@" -o "$0" > "$0"'],
  ])('adds nothing to a stream on standard output: %s', async (_, script) => {
    const file = folder.fresh('out');
    execFileSync('sh', ['-c', script, file, process.execPath, BIN, ...args], { stdio: 'ignore' });
    expect(readFileSync(file).includes('written, ')).toBe(false);
    expect((await succeed(['verify', file])).text).toContain(`${file}: `);
  });

  it('has no JSON where the stream goes', async () => {
    const file = folder.file('out', '');
    for (const script of ['"$@" -o - --json', '"$@" -o /dev/stdout --json > "$0"']) {
      const options = { reject: false, stripFinalNewline: false };
      const run = await execa('sh', ['-c', script, file, process.execPath, BIN, ...args], options);
      expect(run).toMatchObject({ exitCode: 2, stdout: '' });
      expect(run.stderr).toMatch(/^lvstream: --json: .*\nlvstream: hint: name a file .*-o FILE\n$/);
      expect(readFileSync(file, 'utf8')).toBe('');
    }
  });
});

function endOf([offset, length]: readonly [number, number]): number {
  return offset + length;
}

it.each([[[]], [['--format', 'lvmsync']]])('a dump of no single moment says so: %j', async (more) => {
  const args = ['dump', ...images, '--no-consistent', ...more];
  const told = await succeed([...args, '-o', folder.fresh('torn')]);
  expect(told.text).toMatch(/^[^\n]*, not consistent \(no single moment\)\n$/);
  const { text } = await succeed([...args, '-o', folder.fresh('torn'), '--json']);
  expect(JSON.parse(text)).toMatchObject({ consistent: false });
});

it('what is unpacked of a dump of no single moment says so', async () => {
  const torn = folder.fresh('torn.lvs');
  await succeed(['dump', ...images, '--no-consistent', '-o', torn]);
  const told = await succeed(['decompress', torn, '-o', folder.fresh('torn')]);
  expect(told.text).toMatch(/^[^\n]*, not consistent \(no single moment\)\n$/);
  const { text } = await succeed(['decompress', torn, '-o', folder.fresh('torn'), '--json']);
  expect(JSON.parse(text)).toMatchObject({ consistent: false });
});

it.each(['dump', 'changes'])('%s says nothing of success when closing fails', async (name) => {
  const [image, file] = [captureFile('a', 'origin.img'), folder.fresh('out')];
  const args = [name, '--cow', captureFile('a', 'cow.img'), '--origin', image, '-o', file];
  const options = { reject: false, stripFinalNewline: false };
  const run = await execa(process.execPath, ['--import', failingToClose(image), BIN, ...args], options);
  expect(run).toMatchObject({ exitCode: 1, stdout: '', stderr: 'lvstream: it cannot be removed\n' });
});

/** A module that makes closing a file fail, as removing a temporary snapshot can. */
function failingToClose(file: string): string {
  const errors = new URL('../../dist/errors.js', import.meta.url).href;
  const code = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    import { LvmError } from ${JSON.stringify(errors)};
    const { closeSync } = fs;
    fs.closeSync = (fd) => {
      const name = fs.readlinkSync('/proc/self/fd/' + fd);
      closeSync(fd);
      if (name === ${JSON.stringify(realpathSync(file))}) throw new LvmError('it cannot be removed');
    };
    syncBuiltinESMExports();`;
  return folder.file('failing.mjs', code);
}

it('what is salvaged is counted', async () => {
  const cut = folder.file('cut', readCapture('a', 'ruby.stream').subarray(0, 17 + 2 * 4108 + 5));
  const run = await lvstream(['compress', '--salvage', cut, '-o', folder.fresh('kept')]);
  expect(run.status).toBe(5);
  expect(run.text).toContain(': written, 2 records, 8192 bytes (8 KiB), in a file of ');
});

it('a file whose report nobody reads is there all the same', async () => {
  const file = folder.fresh('unread');
  const child = spawn(process.execPath, [BIN, 'dump', ...images, '-o', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.destroy();
  expect(await once(child, 'exit')).toEqual([141, null]);
  expect((await succeed(['verify', file])).text).toContain(`${file}: whole, `);
});
