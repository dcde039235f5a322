import { copyFileSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { asData, rbdParts, thinParts, u64, type OtherRecord } from '../interop/other-formats.js';
import { runMeasured } from '../long/run-measured.js';
import { applied, plainStream } from '../streams.js';
import { parsePlain } from './plain-records.js';
import { BIN, Folder, lvstream, succeed } from './run-lvstream.js';

/** Streams of other projects, given to commands that take any stream. */

const folder = new Folder();
const SIZE = 1 << 20;
const image = folder.file('image', Buffer.alloc(SIZE, 0x11));

const records: readonly OtherRecord[] = [
  { offset: 4096, data: Buffer.alloc(8192, 0xaa) },
  { offset: 200_000, zeros: 300_000 },
  { offset: 1000, data: Buffer.from('later and lower') },
];
const after = applied(new Uint8Array(readFileSync(image)), asData(records));

const formats = [
  ['rbd1', Buffer.concat(rbdParts(1, { from: 'monday', to: 'tuesday', size: SIZE, records }))],
  ['rbd2', Buffer.concat(rbdParts(2, { from: 'monday', to: 'tuesday', size: SIZE, records }))],
  ['thin-send-recv', Buffer.concat(thinParts('1.1', records))],
] as const;

describe.each(formats)('a stream of %s', (format, bytes) => {
  const file = folder.file(format, bytes);
  const copy = (): string => {
    const path = folder.fresh('copy');
    copyFileSync(image, path);
    return path;
  };

  it.each([
    ['a file', file, undefined],
    ['a pipe', '-', bytes],
  ] as const)('is told of in %s', async (_, name, input) => {
    const { text } = await succeed(['info', '--json', name], input);
    expect(JSON.parse(text)).toMatchObject({ format, kind: 'changes', order: 'given', records: 3 });
    const isRbd = format !== 'thin-send-recv';
    expect(JSON.parse(text)).toMatchObject(
      isRbd ? { resultSize: SIZE, origin: { rbd_from: 'monday', rbd_to: 'tuesday' } } : {},
    );
    const verified = await succeed(['verify', '--json', name], input);
    expect(JSON.parse(verified.text)).toMatchObject({ verdict: 'whole', format, records: 3 });
    expect((await succeed(['info', name], input)).text).toMatch(/^ {2}format +(rbd diff version|thin-send)/m);
  });

  it('is applied, and taken back', async () => {
    for (const [name, input] of [
      [file, undefined],
      ['-', bytes],
    ] as const) {
      const [device, undo] = [copy(), folder.fresh('undo')];
      await succeed(['apply', name, device, '--snapback', undo], input);
      expect(readFileSync(device).equals(after)).toBe(true);
      await succeed(['apply', undo, device]);
      expect(readFileSync(device).equals(readFileSync(image))).toBe(true);
    }
  });

  it('is packed and unpacked', async () => {
    const packed = folder.fresh('packed');
    await succeed(['compress', file, '-o', packed]);
    const { output } = await succeed(['decompress', packed]);
    expect(parsePlain(output)).toEqual(
      asData(records).map(({ offset, data }) => ({ offset, data: Buffer.from(data) })),
    );
    expect((await succeed(['decompress'], bytes)).output.equals(output)).toBe(true);
  });

  it('is converted, and back', async () => {
    const [packed, back] = [folder.fresh('packed'), folder.fresh('back')];
    await succeed(['convert', file, '--to', 'lvs', '-o', packed]);
    const refused = await lvstream(['convert', packed, '--to', 'lvmsync3', '-o', back]);
    const names = format === 'thin-send-recv' ? undefined : /no words for the sizes .*\n.*--lossy leaves/;
    expect(refused.status).toBe(names ? 4 : 0);
    expect(refused.errors).toMatch(names ?? /^$/);
    const run = await lvstream(['convert', packed, '--to', format, '--lossy', '--force', '-o', back]);
    expect([run.status, run.errors]).toEqual([0, '']);
    const device = copy();
    await succeed(['apply', back, device]);
    expect(readFileSync(device).equals(after)).toBe(true);
    if (format !== 'thin-send-recv') expect(readFileSync(back).equals(bytes)).toBe(true);
  });

  it('is merged, with others and alone', async () => {
    const more = folder.file('more', plainStream([{ offset: 5000, data: Buffer.alloc(100, 0xbb) }]));
    for (const streams of [[file, more], [file]]) {
      const [merged, device] = [folder.fresh('merged'), copy()];
      await succeed(['merge', '--quiet', ...streams, '-o', merged]);
      await succeed(['apply', merged, device]);
      const whole = applied(
        after,
        streams.length === 1 ? [] : [{ offset: 5000, data: Buffer.alloc(100, 0xbb) }],
      );
      expect(readFileSync(device).equals(whole)).toBe(true);
    }
  });

  it('that is cut writes nothing from a file, and gives what is whole when asked to', async () => {
    const cut = folder.file('cut', bytes.subarray(0, bytes.length - 5));
    const device = copy();
    const run = await lvstream(['apply', cut, device]);
    expect(run).toMatchObject({ status: 3, text: '' });
    expect(run.errors).toMatch(/\(truncated[a-z-]*\)\n.*--salvage/);
    expect(readFileSync(device).equals(readFileSync(image))).toBe(true);
    const kept = folder.fresh('kept');
    expect((await lvstream(['compress', '--salvage', cut, '-o', kept])).status).toBe(5);
    const { text } = await succeed(['info', '--json', kept]);
    expect(JSON.parse(text)).toMatchObject({ records: format === 'thin-send-recv' ? 3 : 2 });
  });
});

it('many short runs of zeros take no memory', async () => {
  const zeros = Array.from({ length: 3000 }, (_, i) => ({ offset: i * 262_144, zeros: 131_000 }));
  const file = folder.file('zeros.rbd', Buffer.concat(rbdParts(1, { records: zeros })));
  const run = await runMeasured('info', file);
  expect(run).toMatchObject({ status: 0, err: '' });
  expect(run.peakMib).toBeLessThan(150);
});

it('a few bytes that stand for nearly endless zeros are read until somebody has enough', async () => {
  const endless = Buffer.concat([
    ...[Buffer.from('rbd diff v1\n'), Buffer.from('z'), u64(0), u64(2n ** 53n - 2n), Buffer.from('e')],
  ]);
  const run = execa(process.execPath, [BIN, 'verify', folder.file('endless.rbd', endless)], {
    reject: false,
  });
  await sleep(2000);
  run.kill('SIGTERM');
  expect((await run).exitCode).toBe(143);
});
