import { linkSync, readFileSync, symlinkSync } from 'node:fs';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { captureFile, readCapture } from '../captures.js';
import { BIN, Folder, succeed } from './run-lvstream.js';
import { COMMANDS } from '#src/cli/commands.js';

/** What no command does to what it reads, and what all of them do where they can't write. */

const folder = new Folder();
const stream = readCapture('a', 'ruby.stream');
const cow = captureFile('a', 'cow.img');
const origin = captureFile('a', 'origin.img');
const map = folder.fresh('a.map');
await succeed(['changes', '--cow', cow, '--origin', origin, '-o', map]);
const mapBytes = readFileSync(map);

/** Runs it with a shell's redirections; `$0` is the one file. */
async function run(args: readonly string[], redirections = '', file = '/dev/null') {
  const script = `"$@" ${redirections}`;
  const { exitCode, stderr, stdout } = await execa(
    'sh',
    ['-c', script, file, process.execPath, BIN, ...args],
    {
      reject: false,
    },
  );
  return { status: exitCode, errors: stderr, text: stdout };
}

/** Commands that write a stream or a map, and what they are given: a file of their own, which is named by `input`. */
const writers: readonly (readonly [string, Uint8Array, (input: string) => readonly string[]])[] = [
  ['compress', stream, (input) => ['compress', input]],
  ['decompress', stream, (input) => ['decompress', input]],
  ['squash', stream, (input) => ['squash', input]],
  ['slice', stream, (input) => ['slice', input, '--range', '0..']],
  ['invert', stream, (input) => ['invert', input, '--base', origin]],
  ['diff', readFileSync(origin), (input) => ['diff', input, origin]],
  ['convert', stream, (input) => ['convert', input, '--to', 'lvs']],
  ['merge', mapBytes, (input) => ['merge', map, input]],
  ['changes', readFileSync(cow), (input) => ['changes', '--cow', input, '--origin', origin]],
  ['dump', readFileSync(origin), (input) => ['dump', '--cow', cow, '--origin', input]],
  ['dump --map', mapBytes, (input) => ['dump', '--map', input, '--data-source', origin]],
  ['dump --data-source', readFileSync(origin), (input) => ['dump', '--map', map, '--data-source', input]],
];
const readers: readonly (readonly [string, Uint8Array, (input: string) => readonly string[]])[] = [
  ['info', stream, (input) => ['info', input]],
  ['compare', stream, (input) => ['compare', input, input]],
  ['verify', stream, (input) => ['verify', input]],
  ['verify --against', readCapture('a', 'origin.img'), (input) => ['verify', map, '--against', input]],
  ['apply', stream, (input) => ['apply', input, captureFile('a', 'snapshot.img')]],
  ['apply DEVICE', readCapture('a', 'snapshot.img'), (input) => ['apply', map, input]],
];

it('these are all commands', () => {
  const named = [...writers, ...readers].map(([name]) => name.split(' ')[0]);
  expect(new Set(named)).toEqual(new Set(COMMANDS.map(({ name }) => name)));
});

/** Names for a file, and the redirections that they need. */
const otherNames: readonly (readonly [string, (file: string) => string, string])[] = [
  ['its own name', (file) => file, ''],
  [
    'a hard link',
    (file) => {
      linkSync(file, `${file}.link`);
      return `${file}.link`;
    },
    '',
  ],
  [
    'a symbolic link',
    (file) => {
      symlinkSync(file, `${file}.symlink`);
      return `${file}.symlink`;
    },
    '',
  ],
  ['a descriptor', () => '/dev/fd/3', '3<>"$0"'],
];

describe.each(writers)('%s', (name, bytes, argsOf) => {
  const names = name === 'compress' ? otherNames : otherNames.slice(0, 1);

  it.each(names)('never replaces what it reads, by %s', async (_way, nameOf, redirections) => {
    const file = folder.file('kept', bytes);
    const output = nameOf(file);
    const { status, errors } = await run([...argsOf(file), '-o', output, '--force'], redirections, file);
    expect({ status, errors }).toEqual({
      status: 4,
      errors: `lvstream: ${output}: is one of the files that are read\nlvstream: hint: choose another name`,
    });
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it.skipIf(name.startsWith('dump --'))(
    'fails where there is no standard output, or it is full',
    async () => {
      const file = folder.file('input', bytes);
      expect(await run([...argsOf(file), '--quiet'], '>&-')).toMatchObject({
        status: 1,
        errors: expect.stringMatching(/^lvstream: standard output: is closed\nlvstream: hint: /) as unknown,
      });
      expect(await run([...argsOf(file), '--quiet'], '> /dev/full')).toMatchObject({
        status: 1,
        errors: "lvstream: standard output: can't be written: ENOSPC: no space left on device",
      });
      expect(await run([...argsOf(file), '--quiet'], '> /dev/null')).toMatchObject({ status: 0, errors: '' });
    },
  );
});

describe.each([...writers, ...readers])('%s', (_, bytes, argsOf) => {
  it('does not write to standard output over what it reads', async () => {
    const file = folder.file('kept', bytes);
    expect(await run(argsOf(file), '1<>"$0"', file)).toMatchObject({
      status: 4,
      errors:
        'lvstream: standard output: is one of the files that are read\nlvstream: hint: send it to another file',
    });
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });
});

describe('what is said', () => {
  const device = () => captureFile('a', 'snapshot.img');
  it.each([
    ['--help', () => ['--help']],
    ['--version', () => ['--version']],
    ['info --help', () => ['info', '--help']],
    ['info', () => ['info', map]],
    ['info --json', () => ['info', '--json', '--records', map]],
    ['verify', () => ['verify', map]],
    ['verify --json', () => ['verify', '--json', map]],
    ['apply', () => ['apply', folder.file('stream', stream), device()]],
    ['apply --json', () => ['apply', '--json', folder.file('stream', stream), device()]],
    ['compress -o', () => ['compress', folder.file('stream', stream), '-o', folder.fresh('out')]],
    [
      'decompress --json',
      () => ['decompress', '--json', folder.file('stream', stream), '-o', folder.fresh('out')],
    ],
    ['merge -o', () => ['merge', map, '-o', folder.fresh('out')]],
    ['dump -o', () => ['dump', '--cow', cow, '--origin', origin, '-o', folder.fresh('out')]],
    ['changes -o', () => ['changes', '--cow', cow, '--origin', origin, '-o', folder.fresh('out')]],
  ])('can not be lost without a word, but may be unwanted: %s', async (_, argsOf) => {
    const { status, errors } = await run(argsOf(), '> /dev/full');
    expect({ status, errors }).toEqual({
      status: 1,
      errors: "lvstream: standard output: can't be written: ENOSPC: no space left on device",
    });
    // As daemons do, and subprocess.DEVNULL: for reading and writing.
    expect(await run(argsOf(), '1<>/dev/null')).toMatchObject({ status: 0, errors: '' });
  });
});
