import { expect, it } from 'vitest';
import { plainStream } from '../streams.js';
import { Folder, lvstream } from './run-lvstream.js';

/** A name that steers the terminal is never printed as it is, whoever prints it. */

const folder = new Folder();
const STEERING = 'a\u001b[2Jb\u202ec';
const SHOWN = String.raw`a\x1b[2Jb\u{202e}c`;
const stream = folder.file('stream', plainStream([{ offset: 0, data: Buffer.alloc(512, 1) }]));

function expectVisible(text: string): void {
  expect(text).toContain(SHOWN);
  for (const character of ['\u001b', '\u202e']) expect(text).not.toContain(character);
}

it('by apply, of a device and its snapback', async () => {
  const device = folder.file(STEERING, Buffer.alloc(4096));
  const snapback = folder.fresh(STEERING);
  const run = await lvstream(['apply', stream, device, '--snapback', snapback, '--no-sync']);
  expect(run.status).toBe(0);
  expectVisible(run.text);
});

it.each([
  ['of a stream that is missing', () => ['apply', folder.fresh(STEERING), stream]],
  ['of a device that is missing', () => ['apply', stream, folder.fresh(STEERING)]],
])('with --debug, %s', async (_, args) => {
  const run = await lvstream([...args(), '--debug']);
  expect(run.status).toBe(1);
  expectVisible(run.errors);
  expect(run.errors).toMatch(/\n {4}at /);
});
