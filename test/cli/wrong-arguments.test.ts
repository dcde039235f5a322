import { describe, expect, it } from 'vitest';
import { COMMANDS } from '#src/cli/commands.js';
import { findSimilar } from '#src/cli/arguments/similar.js';
import { readFileSync } from 'node:fs';
import { captureFile, readCapture } from '../captures.js';
import { Folder, lvstream } from './run-lvstream.js';

/** What is said of a command line that is wrong, and what was meant by it. */

const folder = new Folder();
const names = COMMANDS.map(({ name }) => name);

describe('findSimilar', () => {
  it.each([
    ['verfy', 'verify'],
    ['aplpy', 'apply'],
    ['dmup', 'dump'],
    ['decompres', 'decompress'],
    ['chnages', 'changes'],
    ['sqaush', 'squash'],
    ['adopt', undefined],
    ['chain', undefined],
    ['x', undefined],
    ['', undefined],
  ])('finds in %j what is like a command: %j', (mistyped, meant) => {
    expect(findSimilar(mistyped, names)).toBe(meant);
  });
});

describe('an option', () => {
  it.each([
    [['dump', '--quite'], '--quite', '--quiet'],
    [['dump', '--bas-digests', 'vg/x'], '--bas-digests', '--base-digests'],
    [['dump', '--baseDigets', 'vg/x'], '--baseDigets', '--base-digests'],
    [['compress', 'x', '--jsno=1'], '--jsno', '--json'],
    [['apply', 'x', 'y', '--no-snyc'], '--no-snyc', '--no-sync'],
    [['info', 'x', '-quiet'], '-quiet', '--quiet'],
    [['verify', '--quite', 'x'], '--quite', '--quiet'],
    [['apply', '--dryrun', 'x', 'y'], '--dryrun', '--dry-run'],
  ])('that does not exist may be another that was meant: %j', async (args, given, meant) => {
    const run = await lvstream(args);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors).toBe(
      `lvstream: ${given}: there is no such option\nlvstream: hint: did you mean ${meant}?\n`,
    );
  });
});

describe('a flag', () => {
  const stream = captureFile('a', 'ruby.stream');
  const image = folder.file('image', readCapture('a', 'snapshot.img'));

  it.each([
    ['--dry-run=yes', '--dry-run'],
    ['--dry-run=true', '--dry-run'],
    ['-n=1', '-n'],
    ['--dryRun=no', '--dryRun'],
    ['--base-check=yes', '--base-check'],
    ['--no-sync=1', '--no-sync'],
    ['--json=', '--json'],
  ])('takes no value, and nothing is done: %s', async (argument, option) => {
    const run = await lvstream(['apply', stream, image, argument]);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors).toBe(
      `lvstream: ${option}: takes no value\nlvstream: hint: give ${option} alone, or leave it out\n`,
    );
    expect(readFileSync(image).equals(readCapture('a', 'snapshot.img'))).toBe(true);
  });

  it('takes no value that is a word of its own', async () => {
    expect(await lvstream(['apply', stream, image, '-n', 'false'])).toMatchObject({ status: 2 });
    expect(readFileSync(image).equals(readCapture('a', 'snapshot.img'))).toBe(true);
  });
});

it('takes what comes behind -- for names', async () => {
  const run = await lvstream(['info', '--', '--json']);
  expect(run.status).toBe(1);
  expect(run.errors).toContain('--json: ');
});

it('help of a command is asked for in three ways', async () => {
  const ways = [
    ['help', 'info'],
    ['info', '--help'],
    ['info', '-h'],
  ].map((args) => lvstream(args));
  const texts = await Promise.all(ways.map(async (run) => (await run).text));
  expect(new Set(texts).size).toBe(1);
  expect(texts[0]).toContain('lvstream info <stream..>');
});

it.each([
  [['compress', 'x', '--no-output'], '--no-output: there is no such option'],
  [['dump', '--no-cow', '--origin', 'x'], '--no-cow: there is no such option'],
  [['apply', '--dryrunn-of-mine', 'x', 'y'], '--dryrunn-of-mine: there is no such option'],
  [['dump', '--bogus', '--bla'], '--bogus: there is no such option'],
  [['info', 'x', '-z'], '-z: there is no such option'],
  [['dump', 'vg/x', 'y', 'z'], 'y: one argument too many'],
  [['compress', '-', '-'], '-: one argument too many'],
  [['apply'], 'no stream is named'],
  [['apply', 'x'], 'no device is named'],
  [['merge'], 'no stream is named'],
  [['dump', 'vg/x', '-o'], '-o: no value is given'],
  [['dump', 'vg/x', '--map'], '--map: no value is given'],
  [['info', 'x', '--units'], '--units: no value is given'],
  [['dump', 'vg/x', '--format', 'tar'], '--format tar: not one of lvs, lvmsync'],
  [['verify', 'x', '--byte-order', 'middle'], '--byte-order middle: not one of big, little'],
  [['compress', 'x', '--level', 'x'], '--level x: not a whole number from 0 to 22'],
])('a wrong command line is said to be: %j', async (args, message) => {
  const run = await lvstream(args);
  expect(run).toMatchObject({ status: 2, text: '' });
  expect(run.errors).toBe(`lvstream: ${message}\nlvstream: hint: see lvstream ${args[0]!} --help\n`);
});
