import { describe, expect, it } from 'vitest';
import { plainStream } from '../streams.js';
import { Folder, lvstream } from './run-lvstream.js';

/** `verify` and `info` of several streams: each is told of, and the gravest finding is the exit status. */

const folder = new Folder();
const device = folder.file('device', Buffer.alloc(8192));
const same = folder.file('same', plainStream([{ offset: 0, data: Buffer.alloc(4096) }]));
const other = folder.file('other', plainStream([{ offset: 4096, data: Buffer.alloc(4096, 1) }]));
const damaged = folder.file(
  'damaged',
  plainStream([{ offset: 0, data: Buffer.alloc(4096) }]).subarray(0, -1),
);
const missing = folder.fresh('missing');

describe('verify --against', () => {
  it.each([
    ['the same', [same, same], 0],
    ['another one', [same, other, same], 6],
    ['damage and another one', [damaged, other], 3],
    ['another one and damage', [other, damaged], 3],
    ['a missing stream and another one', [missing, other], 1],
    ['a missing stream and damage', [missing, damaged], 3],
  ])('%s', async (_, streams, status) => {
    const run = await lvstream(['verify', '--against', device, ...streams]);
    expect(run.status).toBe(status);
    for (const stream of streams) expect(run.text + run.errors).toContain(`${stream}: `);
  });

  it('says once that the device is missing', async () => {
    const run = await lvstream(['verify', '--against', missing, same, other]);
    expect(run).toMatchObject({ status: 1, text: '' });
    expect(run.errors).toMatch(/^lvstream: [^\n]*missing: [^\n]*ENOENT[^\n]*\nlvstream: hint: [^\n]*\n$/);
  });
});

describe('verify --quiet', () => {
  it('says nothing of what is good', async () => {
    const run = await lvstream(['verify', '--quiet', same, '--against', device]);
    expect(run).toMatchObject({ status: 0, text: '', errors: '' });
  });

  it('says what is not', async () => {
    const run = await lvstream(['verify', '--quiet', same, damaged, missing]);
    expect(run).toMatchObject({ status: 3, text: '' });
    expect(run.errors).not.toContain(same);
    for (const stream of [damaged, missing]) expect(run.errors).toContain(`${stream}: `);
  });

  it('says of the device what is not good', async () => {
    const run = await lvstream(['verify', '--quiet', other, '--against', device]);
    expect(run).toMatchObject({ status: 6, errors: '' });
    expect(run.text).toMatch(/^[^\n]*device: differs in [^\n]*\n$/);
  });

  it('prints the JSON that was asked for', async () => {
    const { status, text } = await lvstream(['verify', '--quiet', '--json', same]);
    expect(status).toBe(0);
    expect(JSON.parse(text)).toMatchObject({ verdict: 'readable' });
  });
});

describe('info', () => {
  it('of a damaged stream and a missing one', async () => {
    expect((await lvstream(['info', damaged, missing])).status).toBe(3);
    expect((await lvstream(['info', missing, same])).status).toBe(1);
  });
});
