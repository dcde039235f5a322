import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decode } from '../reference/decoder.js';
import { batchOf, lvsFile, plainStream } from '../streams.js';
import { Folder, lvstream, succeed } from './run-lvstream.js';

/** A folder stands for the streams in it. */

const folder = new Folder();
const text = Buffer.from('the same words again and again, '.repeat(4096));
const stream = plainStream([{ offset: 4096, data: text }]);
const packed = folder.file('packed', (await succeed(['compress', '-', '--level', '1'], stream)).output);

/** A folder of these files. */
function make(files: Readonly<Record<string, Uint8Array>>): string {
  const path = folder.fresh('folder');
  mkdirSync(path);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(path, name), bytes);
  return path;
}

const whole = readFileSync(packed);
const damaged = Buffer.from(whole);
damaged[whole.length >> 1]! ^= 1;
const named = (lines: string) => lines.split('\n').flatMap((line) => /\/([^/:]+): /.exec(line)?.[1] ?? []);

describe('verify DIR', () => {
  it('checks the streams of the folder, by name and of any format, and says what it leaves out', async () => {
    const path = make({
      'b.lvs': whole,
      'a.stream': stream,
      'd.rbd': Buffer.from('rbd diff v1\ne'),
      'notes.txt': Buffer.from('hello'),
      'u.lvs.partial': whole.subarray(0, 400),
      '.hidden.lvs': damaged,
    });
    mkdirSync(join(path, 'deeper.lvs'));
    const run = await lvstream(['verify', path]);
    expect(run.status).toBe(0);
    expect(named(run.text)).toEqual(['a.stream', 'b.lvs', 'd.rbd']);
    expect(named(run.errors)).toEqual(['notes.txt', 'u.lvs.partial']);
    expect((await lvstream(['verify', '--quiet', path])).errors).toBe('');
  });

  it('finds the one that is damaged, and tells of the others', async () => {
    const path = make({ 'a.lvs': whole, 'b.lvs': damaged, 'c.lvs': whole });
    const run = await lvstream(['verify', path]);
    expect([run.status, named(run.text)]).toEqual([3, ['a.lvs', 'c.lvs']]);
    expect(run.errors).toMatch(/b\.lvs: .*byte \d+/);
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['zeros', new Uint8Array(4096)],
    ['text', Buffer.from('hello')],
  ])('does not pass over a file with the name of a stream that holds %s', async (_, bytes) => {
    const run = await lvstream(['verify', make({ 'a.lvs': whole, 'b.lvs': bytes })]);
    expect([run.status, named(run.text)]).toEqual([3, ['a.lvs']]);
  });

  it('follows links to files', async () => {
    const path = make({});
    symlinkSync(packed, join(path, 'linked'));
    symlinkSync('/nonexistent', join(path, 'broken'));
    expect(named((await succeed(['verify', path])).text)).toEqual(['linked']);
  });

  it.each([{}, { 'notes.txt': Buffer.from('hello') }])(
    'does not call a folder good that holds no stream',
    async (files) => {
      const run = await lvstream(['verify', make(files)]);
      expect(run).toMatchObject({ status: 1, text: '' });
      expect(run.errors).toMatch(/folder: holds no streams\nlvstream: hint: /);
    },
  );
});

describe('info DIR', () => {
  it('tells of each stream', async () => {
    const path = make({ 'a.stream': stream, 'b.lvs': whole });
    const lines = (await succeed(['info', '--json', path])).text.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { stream: string }).stream)).toEqual([
      join(path, 'a.stream'),
      join(path, 'b.lvs'),
    ]);
  });
});

describe('compress DIR', () => {
  it('replaces each .lvs file by one that says the same', async () => {
    const path = make({ 'a.lvs': whole, 'b.lvs': whole, plain: stream });
    chmodSync(join(path, 'a.lvs'), 0o640);
    const { text: report, errors } = await succeed(['compress', path, '--level', '0']);
    expect(named(report)).toEqual(['a.lvs', 'b.lvs']);
    expect(errors).toMatch(/plain: no \.lvs file, left as it is/);
    expect(readdirSync(path).sort()).toEqual(['a.lvs', 'b.lvs', 'plain']);
    expect(readFileSync(join(path, 'plain'))).toEqual(Buffer.from(stream));
    const [before, after] = [decode(whole), decode(readFileSync(join(path, 'a.lvs')))];
    expect(after.header).toEqual(before.header);
    expect(after.records).toEqual(before.records);
    expect(statSync(join(path, 'a.lvs')).size).toBeGreaterThan(whole.length);
    expect(statSync(join(path, 'a.lvs')).mode & 0o777).toBe(0o640);
  });

  it('leaves a damaged one as it is, and does the others', async () => {
    const path = make({ 'a.lvs': damaged, 'b.lvs': whole });
    const run = await lvstream(['compress', path, '--level', '0']);
    expect([run.status, named(run.text)]).toEqual([3, ['b.lvs']]);
    expect(readFileSync(join(path, 'a.lvs'))).toEqual(damaged);
    expect(readdirSync(path).sort()).toEqual(['a.lvs', 'b.lvs']);
  });

  it('leaves a file as it is that is changed meanwhile', async () => {
    const path = make({});
    const file = join(path, 'a.lvs');
    copyFileSync(packed, file);
    const { rewriteFile, statFile } = await import('#src/files/write-output.js');
    const writing = rewriteFile(file, statFile(file), async (output) => {
      await output.write(Buffer.from('new'));
      writeFileSync(file, 'somebody else was here');
    });
    await expect(writing).rejects.toThrow('was changed while it was being read');
    expect(readFileSync(file, 'utf8')).toBe('somebody else was here');
    expect(readdirSync(path)).toEqual(['a.lvs']);
  });

  it.each([['--output', 'x'], ['--salvage'], ['--force']])('refuses %s', async (...options) => {
    const run = await lvstream(['compress', make({ 'a.lvs': whole }), ...options]);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors).toContain(options[0]);
  });
});

describe('merge DIR', () => {
  const links = [
    { base: 'lv:A', result: 'lv:B', byte: 1 },
    { base: 'lv:B', result: 'lv:C', byte: 2 },
    { base: 'lv:C', result: 'lv:D', byte: 3 },
  ];
  const linked = async ({ base, result, byte }: (typeof links)[number]) =>
    lvsFile([batchOf([{ offset: 0, data: Buffer.alloc(4096, byte) }])], {
      ...{ id: Buffer.alloc(16, byte), base: { id: base }, result: { id: result } },
    });

  it('merges the streams in the order of their states, whatever they are called', async () => {
    const [one, two, three] = await Promise.all(links.map(linked));
    const path = make({ 'c.lvs': one!, 'a.lvs': two!, 'b.lvs': three! });
    const { records, header } = decode((await succeed(['merge', path])).output);
    expect(records.map(({ data }) => data[0])).toEqual([3]);
    const stateOf = (key: string) => (header!.get(key) as Map<string, unknown>).get('id');
    expect([stateOf('base'), stateOf('result')]).toEqual(['lv:A', 'lv:D']);
  });

  it('refuses streams of which one is missing, or that say nothing', async () => {
    const [one, , three] = await Promise.all(links.map(linked));
    for (const files of [
      { 'a.lvs': one!, 'b.lvs': three! },
      { 'a.lvs': whole, 'b.lvs': whole },
    ]) {
      const out = folder.fresh('merged');
      const run = await lvstream(['merge', make(files), '-o', out]);
      expect([run.status, existsSync(out)]).toEqual([4, false]);
      expect(run.errors).toMatch(/nothing tells their order\nlvstream: hint: name them one by one/);
    }
  });
});
