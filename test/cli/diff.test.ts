import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { captureFile, readCapture } from '../captures.js';
import { runMeasured } from '../long/run-measured.js';
import { parsePlain } from './plain-records.js';
import { Folder, lvstream, succeed } from './run-lvstream.js';

/** The difference of two images, as a stream. */

const folder = new Folder();
const [before, after] = [captureFile('a', 'snapshot.img'), captureFile('a', 'origin.img')];
const BLOCK = 4096;
const TIB = 2 ** 40;
const blocks = (...bytes: number[]) => Buffer.concat(bytes.map((byte) => Buffer.alloc(BLOCK, byte)));
const told = async (file: string) =>
  JSON.parse((await succeed(['info', '--json', file])).text) as Record<string, unknown>;

async function recordsOf(old: string, now: string, ...more: string[]) {
  const { output } = await succeed(['diff', old, now, '--format', 'lvmsync', ...more]);
  return parsePlain(output).map(({ offset, data }) => [offset, data.length]);
}

describe('a difference', () => {
  it('takes the old image to the new one, and only the old one', async () => {
    const file = folder.fresh('changes.lvs');
    await succeed(['diff', before, after, '-o', file]);
    const device = folder.fresh('device');
    copyFileSync(before, device);
    await succeed(['apply', file, device]);
    expect(readFileSync(device).equals(readCapture('a', 'origin.img'))).toBe(true);
    const wrong = folder.file('wrong', Buffer.alloc(readFileSync(before).length, 7));
    expect((await lvstream(['apply', file, wrong])).errors).toContain('(wrong base)');
  });

  it('says what it is of', async () => {
    const file = folder.fresh('changes.lvs');
    const old = folder.file('old', blocks(1, 2, 3));
    const now = folder.file('new', blocks(1, 9, 3, 4));
    await succeed(['diff', old, now, '-o', file]);
    expect(await told(file)).toMatchObject({
      ...{ kind: 'changes', order: 'sorted', baseDigests: true, baseSize: 3 * BLOCK, resultSize: 4 * BLOCK },
      ...{ chunkSize: BLOCK, origin: { path: now, old_path: old }, consistent: true, data: 2 * BLOCK },
    });
    const bare = folder.fresh('bare.lvs');
    await succeed(['diff', old, now, '--no-base-digests', '--block-size', '8K', '-o', bare]);
    const { baseDigests, chunkSize } = await told(bare);
    expect([baseDigests, chunkSize]).toEqual([undefined, 8192]);
  });

  it('is of whole blocks', async () => {
    const old = folder.file('old', blocks(1, 2, 3, 4, 5));
    const bytes = blocks(1, 2, 3, 4, 5);
    bytes[BLOCK + 700] = 99;
    const now = folder.file('new', bytes);
    expect(await recordsOf(old, now)).toEqual([[BLOCK, BLOCK]]);
    expect(await recordsOf(old, now, '--block-size', '512')).toEqual([[BLOCK + 512, 512]]);
    expect(await recordsOf(old, now, '--block-size', '16K')).toEqual([[0, 4 * BLOCK]]);
    expect(await recordsOf(old, old)).toEqual([]);
  });

  it('of another size writes what is new, and nothing that is gone', async () => {
    const [short, long] = [
      folder.file('short', blocks(1, 2)),
      folder.file('long', Buffer.concat([blocks(1, 2, 0), Buffer.alloc(100, 5)])),
    ];
    expect(await recordsOf(short, long)).toEqual([[2 * BLOCK, BLOCK + 100]]);
    expect(await recordsOf(long, short)).toEqual([]);
    expect(await recordsOf(folder.file('none', ''), short)).toEqual([[0, 2 * BLOCK]]);
  });

  it.each(['0', '100', '257K', '512K', '1.5K.', '-1'])('has no blocks of %s', async (size) => {
    const run = await lvstream(['diff', before, after, `--block-size=${size}`]);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors).toMatch(
      /^lvstream: --block-size [^\n]+: not a (multiple of 512 up to 256K|size; [^\n]+)\n/,
    );
  });

  it('of sparse images reads what is allocated only', async () => {
    const [old, now] = ['old', 'new'].map((name) => folder.file(name, ''));
    const put = (file: string, text: string, at: number) => {
      const fd = openSync(file, 'r+');
      writeSync(fd, text, at);
      closeSync(fd);
    };
    for (const file of [old!, now!]) truncateSync(file, TIB);
    truncateSync(now!, TIB * 2);
    put(old!, 'gone', TIB / 2);
    put(now!, 'here', TIB / 4);
    const file = folder.fresh('changes.lvs');
    const run = await runMeasured('diff', old!, now!, '-o', file);
    expect(run).toMatchObject({ status: 0, err: '' });
    expect(run.peakMib).toBeLessThan(150);
    expect(await told(file)).toMatchObject({ data: TIB + 2 * BLOCK, low: TIB / 4, high: 2 * TIB });
    const same = await runMeasured('diff', old!, old!, '-o', folder.fresh('same.lvs'));
    expect(same.out).toContain(': written, 0 records, ');
  });

  it('says of a device in use that it is no single moment', async () => {
    const old = folder.file('old', readCapture('a', 'snapshot.img'));
    const user = spawn('sh', ['-c', 'exec 3<>"$0"; echo ready; exec sleep 600', old], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void user.kill());
    await once(user.stdout, 'data');
    const run = await succeed(['diff', old, after, '-o', folder.fresh('changes.lvs')]);
    expect(run.errors).toMatch(
      /^lvstream: \S+old is open for writing in [^\n]+: what is read is no single moment; [^\n]+\n$/,
    );
    expect(run.text).toContain(', not consistent (no single moment)\n');
  });

  it('is never written over what is read', async () => {
    const image = folder.file('image', blocks(1));
    const run = await lvstream(['diff', before, image, '-o', image, '--force']);
    expect(run).toMatchObject({ status: 4, text: '' });
    const folderRun = await lvstream(['diff', before, folder.path, '-o', folder.fresh('out')]);
    expect(folderRun).toMatchObject({ status: 1, text: '' });
    expect(folderRun.errors).toContain(': is a directory\n');
    expect(existsSync(folder.fresh('out'))).toBe(false);
  });
});
