import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { readFileSync, readlinkSync, statSync, symlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { captureFile, readCapture } from '../captures.js';
import { attachLoop, KIB, makeFile } from '../device/block-devices.js';
import { formatPlain } from './plain-records.js';
import { BIN, Folder, lvstream, succeed } from './run-lvstream.js';
import { COMMANDS } from '#src/cli/commands.js';

/** What every command keeps to. */

const folder = new Folder();
const stream = captureFile('a', 'ruby.stream');
const missing = '/nonexistent/stream';
const names = COMMANDS.map(({ name }) => name);

/** For each command, arguments that name an input that is not there. */
const withMissingFile: Readonly<Record<string, readonly string[]>> = {
  dump: ['dump', '--cow', missing, '--origin', missing, '-o', folder.fresh('dump')],
  changes: ['changes', '--cow', missing, '--origin', missing, '-o', folder.fresh('changes')],
  merge: ['merge', missing, '-o', folder.fresh('merge')],
  squash: ['squash', missing, '-o', folder.fresh('squash')],
  slice: ['slice', missing, '--range', '0..1G', '-o', folder.fresh('slice')],
  diff: ['diff', missing, missing, '-o', folder.fresh('diff')],
  invert: ['invert', missing, '--base', captureFile('a', 'snapshot.img'), '-o', folder.fresh('invert')],
  compare: ['compare', missing, missing],
  apply: ['apply', missing, captureFile('a', 'snapshot.img')],
  info: ['info', missing],
  verify: ['verify', missing],
  convert: ['convert', missing, '--to', 'rbd1', '-o', folder.fresh('convert')],
  compress: ['compress', missing, '-o', folder.fresh('compress')],
  decompress: ['decompress', missing, '-o', folder.fresh('decompress')],
};

/** Commands that read a stream from standard input and write to standard output. */
const filters = [
  ['info', '-'],
  ['verify', '-'],
  ['compress', '-'],
  ['compress'],
  ['decompress', '-'],
  ['decompress'],
  ['merge', '-'],
  ['convert', '-', '--to', 'thin-send-recv'],
  ['convert', '--to', 'rbd1', '--lossy'],
  ['slice', '-', '--range', '0..'],
  ['slice', '--range', '0..'],
];

describe('lvstream', () => {
  it('names its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect((await succeed(['--version'])).text).toBe(`lvstream ${version}\n`);
  });

  it('lists its commands', async () => {
    const { text } = await succeed(['--help']);
    for (const { name, summary } of COMMANDS) expect(text).toContain(`${name.padEnd(10)}  ${summary}`);
  });

  it.each([[[]], [['bogus']], [['--bogus']], [['']]])('refuses %j', async (args) => {
    const run = await lvstream(args);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors).toMatch(/^lvstream: .+\nlvstream: hint: see lvstream --help\n$/);
  });

  it.each(['dump', 'changes'])('shows by what it is read from which options %s has', async (name) => {
    const { text } = await succeed([name, '--help']);
    const titles = text.split('\n').filter((line) => /^\S.*:$/.test(line));
    expect(titles).toEqual([
      ...['Positionals:', 'Of a snapshot:', 'Offline, from images of a thick snapshot:'],
      ...['Offline, between two thin devices, from images:', 'Offline, either way:'],
      ...['Output:', 'Options:', 'Examples:'],
    ]);
    const [, others = ''] = text.split('\nOptions:\n');
    expect(others.match(/(?<= )--[a-z-]+(?= )/g)?.slice(0, 3)).toEqual(['--help', '--quiet', '--debug']);
    expect(others.split('\nExamples:')[0]!.match(/--/g)).toHaveLength(3);
  });

  it('suggests the command that was meant', async () => {
    expect((await lvstream(['verfy'])).errors).toContain('did you mean lvstream verify?');
  });
});

describe.each(names)('%s', (name) => {
  it('explains itself with an example, and reports to programs', async () => {
    const { text, errors } = await succeed([name, '--help']);
    expect(text.startsWith(`lvstream ${name}`)).toBe(true);
    expect(text).toContain('Examples:');
    expect(text).toMatch(/^ +--json +/m);
    expect(text.split('\n').filter((line) => line.length > 110)).toEqual([]);
    expect(errors).toBe('');
  });

  it('refuses an option that it does not know', async () => {
    const run = await lvstream([name, stream, stream, '--bogus']);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors).toMatch(/^lvstream: [^\n]+\nlvstream: hint: see lvstream [a-z]+ --help\n$/);
  });

  it('names a file that is not there', async () => {
    const before = folder.names();
    const run = await lvstream(withMissingFile[name]!);
    expect(run).toMatchObject({ status: 1, text: '' });
    expect(run.errors).toMatch(/^lvstream: \/nonexistent\/stream: [^\n]*ENOENT/);
    expect(run.errors).not.toContain('    at ');
    expect(folder.names()).toEqual(before);
  });

  it('says where an error arose when asked', async () => {
    expect((await lvstream([...withMissingFile[name]!, '--debug'])).errors).toContain('    at ');
  });
});

describe.each(filters)('%s %s', (...args) => {
  const given = [...args];

  it('reads standard input', async () => {
    const { text, output } = await succeed(given, readCapture('a', 'ruby.stream'));
    if (given[0] === 'info' || given[0] === 'verify') expect(text).toContain('standard input');
    else expect(output.length).toBeGreaterThan(1000);
  });

  it('refuses an empty one', async () => {
    const run = await lvstream(given);
    expect(run.status).toBe(3);
    expect(run.errors).toContain('standard input: byte 0: the stream is empty (not-a-stream)');
  });

  it('ends quietly when nobody reads its output', async () => {
    const child = spawn(process.execPath, [BIN, ...given], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdout.destroy();
    child.stdin.on('error', () => undefined);
    child.stdin.end(readCapture('a', 'ruby.stream'));
    const errors: Buffer[] = [];
    child.stderr.on('data', (data: Buffer) => errors.push(data));
    expect(await once(child, 'close')).toEqual([141, null]);
    expect(Buffer.concat(errors).toString()).toBe('');
  });
});

describe('an output file', () => {
  it.each(['compress', 'decompress', 'slice --range 0..'])(
    'is not written when %s meets damage',
    async (name) => {
      const cut = folder.file('cut', readCapture('a', 'ruby.stream').subarray(0, 5000));
      const before = folder.names();
      expect((await lvstream([...name.split(' '), cut, '-o', folder.fresh('out')])).status).toBe(3);
      expect(folder.names()).toEqual(before);
    },
  );

  it("is its owner's alone", async () => {
    const out = folder.fresh('out');
    await succeed(['compress', stream, '-o', out]);
    expect(statSync(out).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['ENOTDIR', '/etc/passwd/x'],
    ['ENAMETOOLONG', `/tmp/${'x'.repeat(300)}`],
  ])('that cannot be is refused in a line: %s', async (code, out) => {
    for (const more of [[], ['--force']]) {
      const run = await lvstream(['compress', stream, '-o', out, ...more]);
      expect(run).toMatchObject({ status: 1, text: '' });
      expect(run.errors).toMatch(new RegExp(`^lvstream: ${out}: can't be created: ${code}[^\n]*\n$`));
    }
  });

  it('is never replaced unless that is asked for', async () => {
    const kept = folder.file('kept', 'precious');
    for (const args of Object.values(withMissingFile).filter((args) => args.includes('-o'))) {
      const run = await lvstream([...args.slice(0, -1), kept]);
      expect(run).toMatchObject({ status: 4, text: '' });
      expect(run.errors).toBe(
        `lvstream: ${kept}: exists already\nlvstream: hint: choose another name; --force replaces it, and what it holds is lost\n`,
      );
    }
    expect(readFileSync(kept, 'utf8')).toBe('precious');
    await succeed(['compress', stream, '-o', kept, '--force']);
    expect((await succeed(['verify', kept])).text).toContain('whole, 213 records');
  });

  it('that is no file is never replaced', async () => {
    const link = folder.fresh('link');
    symlinkSync('nothing', link);
    for (const out of [folder.path, link])
      for (const more of [[], ['--force']]) {
        const run = await lvstream(['compress', stream, '-o', out, ...more]);
        expect(run).toMatchObject({ status: 4, text: '' });
        expect(run.errors).toMatch(/: exists already\nlvstream: hint: choose another name\n$/);
      }
    expect(readlinkSync(link)).toBe('nothing');
  });

  it('that is standard output goes on where that stands', async () => {
    const file = folder.fresh('out');
    const script = '{ printf before; "$@" -o /dev/stdout; printf after; } > "$0"';
    await execa('sh', ['-c', script, file, process.execPath, BIN, 'decompress', stream]);
    const all = Buffer.concat([Buffer.from('before'), readFileSync(stream), Buffer.from('after')]);
    expect(readFileSync(file).equals(all)).toBe(true);
  });

  it('without a name is refused at once', async () => {
    for (const args of Object.values(withMissingFile).filter((args) => args.includes('-o'))) {
      const run = await lvstream([...args.slice(0, -1), '']);
      expect(run).toMatchObject({ status: 2, text: '' });
      expect(run.errors).toBe(
        'lvstream: --output: the name is empty\nlvstream: hint: name a file, or - for standard output\n',
      );
    }
  });

  it('is replaced through a symbolic link, which stays', async () => {
    const kept = folder.file('kept', 'precious');
    const link = folder.fresh('link');
    symlinkSync(kept, link);
    expect((await lvstream(['compress', stream, '-o', link])).status).toBe(4);
    await succeed(['compress', stream, '-o', link, '--force']);
    expect(readlinkSync(link)).toBe(kept);
    expect((await succeed(['verify', kept])).text).toContain('whole, 213 records');
  });

  it('of a snapback has no --force', async () => {
    const kept = folder.file('kept', 'precious');
    const run = await lvstream(['apply', stream, captureFile('a', 'snapshot.img'), '--snapback', kept]);
    expect(run).toMatchObject({ status: 4, text: '' });
    expect(run.errors).toMatch(/: exists already\nlvstream: hint: choose another name\n$/);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('is gone after %s', async (signal, status) => {
    const before = folder.names();
    const child = spawn(process.execPath, [BIN, 'compress', '-o', folder.fresh('out')], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    child.stdin.on('error', () => undefined);
    child.stdin.write(formatPlain([{ offset: 0, data: Buffer.alloc(4 << 20, 1) }]).subarray(0, 3 << 20));
    while (folder.names().length === before.length) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([status, null]);
    child.stdin.destroy();
    expect(folder.names()).toEqual(before);
  });
});

describe('a name', () => {
  const evil = 'evil\u001b[31m\u202ename';
  const image = folder.file(evil, readCapture('a', 'snapshot.img'));
  it.each([
    ['apply', ['apply', stream, image, '--snapback', folder.fresh(evil)], 0],
    ['apply --json', ['apply', '--json', stream, image, '--snapback', folder.fresh(evil)], 0],
    ['compress', ['compress', stream, '-o', folder.fresh(evil)], 0],
    ['verify', ['verify', image], 3],
    ['info --debug', ['info', '--debug', image], 3],
    ['apply --debug', ['apply', '--debug', image, image], 3],
    ['dump --debug', ['dump', '--debug', image], 1],
    ['a command', [evil], 2],
    ['an option', ['info', `--${evil}`], 2],
  ])('does not steer the terminal, by %s', async (_, args, status) => {
    const run = await lvstream(args);
    expect(run.status).toBe(status);
    const said = run.text + run.errors;
    expect(said).toMatch(/evil(\\x1b|\\u001b)\[31m(\\u\{202e\}|\\u202e)name/);
    for (const character of ['\u001b', '\u202e']) expect(said).not.toContain(character);
  });

  it('does not steer the terminal', async () => {
    const evil = folder.file('evil\u001b[31m\u202ename', 'nothing');
    const { errors } = await lvstream(['info', evil]);
    expect(errors).toContain('evil\\x1b[31m\\u{202e}name: byte 0: not a change stream (not-a-stream)');
    expect(errors).not.toContain('\u001b');
    expect(errors).not.toContain('\u202e');
  });
});

describe.each([
  ['apply', (name: string) => ['apply', stream, name]],
  ['verify', (name: string) => ['verify', stream, '--against', name]],
  ['dump', (name: string) => ['dump', '--cow', name, '--origin', name]],
])('what is named without /dev to %s', (_, argsOf) => {
  const hintFor = async (name: string): Promise<string> => {
    const { status, errors } = await lvstream(argsOf(name));
    expect(status).toBe(1);
    const [message, hint] = errors.split('\nlvstream: hint: ');
    expect(message).toMatch(new RegExp(`^lvstream: ${name}: can't be opened: .*ENOENT`));
    return hint!;
  };

  it('is guessed where it is a device', async () => {
    const device = attachLoop(makeFile(4 * KIB));
    expect(await hintFor(basename(device))).toBe(`did you mean ${device}?\n`);
  });

  it('is not guessed where it is none', async () => {
    expect(await hintFor('null')).toContain('check the name');
  });
});
