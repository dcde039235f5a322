import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { captureFile, readCapture } from '../captures.js';
import { runMeasured } from '../long/run-measured.js';
import { lvsFile } from '../streams.js';
import { formatPlain } from './plain-records.js';
import { Folder, lvstream, succeed } from './run-lvstream.js';

/** The undo of a stream, made without applying it. */

const folder = new Folder();
const [before, after] = [captureFile('a', 'snapshot.img'), captureFile('a', 'origin.img')];
const images = ['--cow', captureFile('a', 'cow.img'), '--origin', after];
const changes = folder.fresh('changes.lvs');
await succeed(['dump', ...images, '--base-digests', '--base-state', 'uuid:old', '-o', changes]);
const undo = folder.fresh('undo.lvs');
await succeed(['invert', changes, '--base', before, '-o', undo]);

async function expectRefused(args: readonly string[], why: string): Promise<void> {
  const out = folder.fresh('out');
  const run = await lvstream([...args, '-o', out, '--quiet']);
  expect(run).toMatchObject({ status: 4, text: '' });
  expect(run.errors).toMatch(/^lvstream: [^\n]+\nlvstream: hint: [^\n]+\n$/);
  expect(run.errors).toContain(why);
  expect(existsSync(out)).toBe(false);
}

describe('an inverted stream', () => {
  it('is what a snapback would be, and takes the device back', async () => {
    const device = folder.fresh('device');
    copyFileSync(before, device);
    const saved = folder.fresh('saved.lvs');
    await succeed(['apply', changes, device, '--snapback', saved]);
    await succeed(['compare', saved, undo]);
    expect((await succeed(['apply', undo, device])).text).toContain(': applied, ');
    expect(readFileSync(device).equals(readCapture('a', 'snapshot.img'))).toBe(true);
  });

  it('inverted is the stream', async () => {
    const again = folder.fresh('again.lvs');
    await succeed(['invert', undo, '--base', after, '-o', again]);
    await succeed(['compare', again, changes]);
  });

  it('leads between the same states, the computed one too', async () => {
    const ends = async (file: string) =>
      JSON.parse((await succeed(['info', '--json', file])).text) as Record<string, { id: string }>;
    const [forth, back] = [await ends(changes), await ends(undo)];
    expect(back['result']!.id).toBe('uuid:old');
    expect(back['base']!.id).toBe(forth['result']!.id);
    expect(back['base']!.id).toMatch(/^sha256:/);
  });

  it('of a plain stream in any order is made of what the device holds, and that is said', async () => {
    const device = folder.file('device', Buffer.from('abcdefghij'));
    const record = (offset: number, text: string) => ({ offset, data: Buffer.from(text) });
    const plain = folder.file('plain', formatPlain([record(6, 'XYZ'), record(1, 'P'), record(5, 'QR')]));
    const back = folder.fresh('back');
    const run = await succeed(['invert', plain, '--base', device, '--format', 'lvmsync', '-o', back]);
    expect(run.errors).toBe(
      `lvstream: ${plain} does not say what ${device} must hold: nobody can tell whether it is the right one\n`,
    );
    expect(readFileSync(back).equals(formatPlain([record(1, 'b'), record(5, 'fghi')]))).toBe(true);
  });

  it('is refused of a device that is not at the base', async () => {
    const wrong = folder.file('wrong', readCapture('a', 'snapshot.img'));
    const { low } = JSON.parse((await succeed(['info', '--json', changes])).text) as { low: number };
    const image = readFileSync(wrong);
    image[low]! ^= 255;
    image[low + 1]! ^= 255;
    writeFileSync(wrong, image);
    await expectRefused(
      ['invert', changes, '--base', wrong],
      `${wrong}: byte ${low} and what follows is not what the stream was made for (wrong base)`,
    );
    await expectRefused(['invert', changes, '--base', after], 'holds what the stream writes already');
  });

  it('is refused of a device that is too small, and of a map', async () => {
    const small = folder.file('small', Buffer.alloc(8192));
    await expectRefused(
      ['invert', changes, '--base', small],
      'has 8192 bytes, the stream is of a device of ',
    );
    const plain = folder.file('plain', formatPlain([{ offset: 8000, data: Buffer.alloc(200) }]));
    await expectRefused(
      ['invert', plain, '--base', small],
      'has 8192 bytes, the stream goes up to byte 8200',
    );
    const map = folder.fresh('map');
    await succeed(['changes', ...images, '-o', map]);
    await expectRefused(['invert', map, '--base', before], 'a map holds no data to undo');
  });

  it('of a stream that makes the device larger has nothing of what was not there', async () => {
    const device = folder.file('device', Buffer.alloc(4096, 1));
    const grown = folder.file(
      'grown.lvs',
      await lvsFile([{ kind: 'zeros', ranges: [{ offset: 0, length: 8192 }] }], {
        baseSize: 4096,
        resultSize: 8192,
      }),
    );
    const back = folder.fresh('back.lvs');
    await succeed(['invert', grown, '--base', device, '-o', back]);
    const { high, baseSize, resultSize } = JSON.parse(
      (await succeed(['info', '--json', back])).text,
    ) as Record<string, number>;
    expect([high, baseSize, resultSize]).toEqual([4096, 8192, 4096]);
  });

  it('says of a device in use that it is no single moment', async () => {
    const device = folder.file('device', readCapture('a', 'snapshot.img'));
    const user = spawn('sh', ['-c', 'exec 3<>"$0"; echo ready; exec sleep 600', device], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void user.kill());
    await once(user.stdout, 'data');
    const run = await succeed(['invert', changes, '--base', device, '-o', folder.fresh('back.lvs')]);
    expect(run.errors).toMatch(
      /^lvstream: \S+device is open for writing in [^\n]+: what is read is no single moment; [^\n]+\n$/,
    );
    expect(run.text).toContain(', not consistent (no single moment)\n');
  });

  it('is not there where the stream is damaged', async () => {
    const damaged = folder.file('damaged.lvs', readFileSync(changes).subarray(0, -20));
    const out = folder.fresh('out');
    const run = await lvstream(['invert', damaged, '--base', before, '-o', out]);
    expect(run).toMatchObject({ status: 3, text: '' });
    expect(run.errors).toMatch(/^lvstream: \S+damaged\.lvs: byte \d+: [^\n]+\n(lvstream: hint: [^\n]+\n)?$/);
    expect(existsSync(out)).toBe(false);
  });

  it('of a stream that makes the device smaller brings its end back', async () => {
    const old = folder.file('old', Buffer.from(Array.from({ length: 40_000 }, (_, i) => (i * 7) % 251)));
    const small = folder.file('small', readFileSync(old).subarray(0, 20_001));
    const [shrinks, back] = [folder.fresh('shrinks.lvs'), folder.fresh('back.lvs')];
    await succeed(['diff', old, small, '-o', shrinks]);
    await succeed(['invert', shrinks, '--base', old, '-o', back]);
    truncateSync(small, 40_000);
    await succeed(['apply', back, small, '--no-sync']);
    expect(readFileSync(small)).toEqual(readFileSync(old));
  });

  it('of long runs of zeros takes no memory', async () => {
    const gibibytes = process.env['SLOW'] === '1' ? 1024 : 64;
    const device = folder.file('device', 'data');
    truncateSync(device, gibibytes * 2 ** 30);
    const ranges = Array.from({ length: gibibytes }, (_, n) => ({
      kind: 'zeros' as const,
      ranges: [{ offset: n * 2 ** 30, length: 1000 << 20 }],
    }));
    const zeros = folder.file('zeros.lvs', await lvsFile(ranges));
    const back = folder.fresh('back.lvs');
    const run = await runMeasured('invert', zeros, '--base', device, '--quiet', '-o', back);
    expect(run).toMatchObject({ status: 0, err: '' });
    expect(run.peakMib).toBeLessThan(170);
    expect((await lvstream(['compare', zeros, back])).text).toContain(
      ' differ in 1 range: 4 bytes are not alike\n',
    );
  });
});
