import { describe, expect, it } from 'vitest';
import { COMMANDS } from '#src/cli/commands.js';
import { findSimilar } from '#src/cli/similar.js';
import { lvstream } from './run-lvstream.js';

/** What is said of a command line that is wrong, and what was meant by it. */

const names = COMMANDS.map(({ name }) => name);

describe('findSimilar', () => {
  it.each([
    ['verfy', 'verify'],
    ['aplpy', 'apply'],
    ['dmup', 'dump'],
    ['decompres', 'decompress'],
    ['chnages', 'changes'],
    ['squash', undefined],
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
  ])('that does not exist may be another that was meant: %j', async (args, given, meant) => {
    const run = await lvstream(args);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors).toBe(
      `lvstream: ${given}: there is no such option\nlvstream: hint: did you mean ${meant}?\n`,
    );
  });
});

it.each([
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
