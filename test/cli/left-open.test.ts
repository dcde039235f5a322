import { randomBytes } from 'node:crypto';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { captureFile } from '../captures.js';
import { batchOf, lvsFile } from '../streams.js';
import { lvs, map } from '../vectors/vector.js';
import { Folder } from './run-lvstream.js';
import { COMMANDS } from '#src/cli/commands.js';

/** A program that runs several commands has its threads and files back after each, however that ended. */

const folder = new Folder();
const MIB = 2 ** 20;
const records = Array.from({ length: 6 }, (_, index) => ({ offset: index * MIB, data: randomBytes(MIB) }));
const whole = await lvsFile(records.map((record) => batchOf([record])));
const cut = folder.file('cut.lvs', whole.subarray(0, -100));
const image = folder.file('image', Buffer.concat(records.map(({ data }) => data)));
const mapOfAll = lvs('map', 'A map.', { ...map, base_size: 6 * MIB }, (file) => {
  file.finish({ ranges: [{ offset: 0, length: 6 * MIB }] });
});
const list = folder.file('map.lvs', mapOfAll.input);
const cutMap = folder.file('cut.map', mapOfAll.input.subarray(0, -10));
const noStore = folder.file('store', new Uint8Array(MIB));

const failures: Readonly<Record<string, readonly (readonly string[])[]>> = {
  dump: [
    ['--map', list, '--data-source', image, '-o', '/dev/full'],
    ['--cow', noStore, '--origin', image, '-o', folder.fresh('dump')],
    ['--cow', '/nonexistent', '--origin', image, '-o', folder.fresh('dump')],
    ['--thin-metadata', noStore, '--from', '1', '--to', '2', '--source', image, '-o', folder.fresh('dump')],
  ],
  changes: [
    ['--cow', captureFile('a', 'cow.img'), '--origin', captureFile('a', 'origin.img'), '-o', '/dev/full'],
  ],
  merge: [
    [list, cutMap, '-o', folder.fresh('merge')],
    [cut, '-o', folder.fresh('merge')],
  ],
  squash: [[cut, '-o', folder.fresh('squash')]],
  diff: [
    [image, '/nonexistent', '-o', folder.fresh('diff')],
    [noStore, image, '-o', '/dev/full'],
  ],
  slice: [
    [cut, '--range', '0..', '-o', folder.fresh('slice')],
    [cutMap, '--range', '0..', '-o', folder.fresh('slice')],
  ],
  invert: [
    [cut, '--base', image, '-o', folder.fresh('invert')],
    [cut, '--base', noStore, '-o', folder.fresh('invert')],
  ],
  compare: [
    [cut, cut],
    [cut, list],
  ],
  convert: [[cut, '--to', 'rbd1', '--lossy', '-o', folder.fresh('convert')]],
  apply: [[cut, image]],
  info: [[cut, list]],
  verify: [[cut, list, '--against', image]],
  compress: [
    [cut, '-o', folder.fresh('compress')],
    [cut, '--salvage', '-o', '/dev/full'],
  ],
  decompress: [
    [cut, '-o', folder.fresh('decompress')],
    [list, '-o', folder.fresh('decompress')],
  ],
};

/** A file: Node's worker threads take over the options that a program on the command line needs. */
const program = folder.file(
  'program.mjs',
  `
  const { readdirSync } = await import('node:fs');
  const { COMMANDS } = await import('${new URL('../../dist/cli/commands.js', import.meta.url).href}');
  const { runCommand } = await import('${new URL('../../dist/cli/arguments/parse.js', import.meta.url).href}');
  const [name, ...args] = process.argv.slice(2);
  const entry = COMMANDS.find((command) => command.name === name);
  const ends = [];
  const open = [];
  for (let i = 0; i < 3; i += 1) {
    ends.push(await runCommand(entry, args).catch((error) => error.message));
    open.push([readdirSync('/proc/self/task').length, readdirSync('/proc/self/fd').length]);
  }
  console.log('\\n' + JSON.stringify({ ends, open }));`,
);

it.each(
  COMMANDS.flatMap(({ name }) => failures[name]!.map((args): [string, readonly string[]] => [name, args])),
)('%s that fails leaves nothing open: %j', async (name, args) => {
  const { stdout } = await execa(process.execPath, [program, name, ...args]);
  const { ends, open } = JSON.parse(stdout.split('\n').at(-1)!) as { ends: unknown[]; open: unknown[] };
  expect(ends).not.toContain(0);
  // What the first run starts for good, such as Node's own threads, is there before the second one.
  expect(open[2]).toEqual(open[0]);
});
