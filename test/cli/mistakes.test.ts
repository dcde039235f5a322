import { readFileSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { lvsFile, batchOf, plainStream } from '../streams.js';
import { Folder, lvstream } from './run-lvstream.js';

/** Ordinary mistakes with names, and streams that were cut short: a line that says which file, and the way out. */

const folder = new Folder();
const records = [{ offset: 0, data: Buffer.alloc(4096, 1) }];
const plain = plainStream(records);
const packed = Buffer.from(await lvsFile([batchOf(records)], { id: new Uint8Array(16).fill(1) }));
const stream = folder.file('stream.lvs', packed);
const cutPlain = folder.file('cut', plain.subarray(0, -1));
const cutPacked = folder.file('cut.lvs', packed.subarray(0, -1));
const image = folder.file('image', Buffer.alloc(8192));
const loop = folder.fresh('loop');
symlinkSync(loop, loop);
const long = folder.fresh('a'.repeat(300));

const wrongNames = [
  ['below a file', `${image}/x`, 'ENOTDIR'],
  ['in a loop of links', loop, 'ELOOP'],
  ['too long', long, 'ENAMETOOLONG'],
] as const;

describe.each(wrongNames)('a name %s', (_, name, code) => {
  const line = new RegExp(
    `^lvstream: [^\\n]*: [^\\n]*\\b${code}\\b[^\\n]*\\n(?:lvstream: hint: [^\\n]*\\n)?$`,
  );

  it.each([[stream], [folder.file('plain', plain)]])('is said of the device: %s', async (given) => {
    const run = await lvstream(['apply', given, name]);
    expect(run).toMatchObject({ status: 1, text: '' });
    expect(run.errors).toMatch(line);
  });

  it.each([[[]], [['--dry-run']]])('is said of the snapback: %j', async (options) => {
    if (code === 'ELOOP') return;
    const run = await lvstream(['apply', stream, image, '--snapback', name, ...options]);
    expect(run).toMatchObject({ status: 1, text: '' });
    expect(run.errors).toMatch(line);
    expect(readFileSync(image).equals(Buffer.alloc(8192))).toBe(true);
  });
});

describe.each([
  ['a plain stream', cutPlain, 'truncated-record'],
  ['an .lvs file', cutPacked, 'truncated'],
])('%s that was cut short', (_, cut, fault) => {
  it.each([
    ['verify', [cut]],
    ['info', [cut]],
    ['decompress', [cut]],
    ['compress', [cut]],
    ['apply', [cut, image]],
    ['apply', [cut, image, '--no-base-check']],
  ])('is named by %s, with the command that keeps what is whole', async (name, args) => {
    const run = await lvstream([name, ...args]);
    expect(run.status).toBe(3);
    expect(run.errors).toMatch(new RegExp(`^lvstream: ${cut}: byte \\d+: [^\\n]* \\(${fault}\\)$`, 'm'));
    expect(run.errors).toMatch(/\nlvstream: hint: .* with lvstream compress --salvage\n$/);
  });
});

it('names no option that has been given, where nothing is whole', async () => {
  const begun = folder.file('begun.lvs', packed.subarray(0, 50));
  const run = await lvstream(['compress', '--salvage', begun]);
  expect(run).toMatchObject({ status: 3, text: '' });
  expect(run.errors).toMatch(
    /^lvstream: [^\n]*begun\.lvs: byte 50: [^\n]*\nlvstream: hint: nothing of it is whole: get it again\n$/,
  );
});
