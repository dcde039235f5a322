import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readCapture } from '../captures.js';
import { runMeasured } from '../long/run-measured.js';
import { batchOf, lvsFile } from '../streams.js';
import { formatPlain, parsePlain } from './plain-records.js';
import { FileDraft, pieceRun } from '../vectors/container.js';
import { Folder, lvstream, succeed } from './run-lvstream.js';

/** The part of a stream that lies in ranges of the device. */

const folder = new Folder();
const KIB = 1024;
const block = (n: number) => ({ offset: n * 4 * KIB, data: Buffer.alloc(4 * KIB, n + 1) });
const plain = folder.file('plain', formatPlain([2, 0, 1, 5].map(block)));
const sliced = async (...ranges: string[]) => {
  const args = ranges.flatMap((range) => ['--range', range]);
  const { output } = await succeed(['slice', plain, ...args, '--format', 'lvmsync']);
  return parsePlain(output).map(({ offset, data }) => [offset / KIB, data.length / KIB]);
};

describe('a slice', () => {
  it.each([
    [['4K..8K'], [[4, 4]]],
    [['4K+4K'], [[4, 4]]],
    [['8K..'], [[8, 4], [20, 4]]],
    [['..8192'], [[0, 8]]],
    [['20K..24K', '0+1K'], [[0, 1], [20, 4]]],
    [['0..8K', '4K..12K', '6K+1K'], [[8, 4], [0, 8]]],
    [['5K..9K'], [[8, 1], [5, 3]]],
    [['1T..'], []],
  ])('is what lies in %j, in its order', async (ranges, expected) => {
    expect(await sliced(...ranges)).toEqual(expected);
  }); // prettier-ignore

  it.each([
    ['..', 'not a range'],
    ['1G', 'not a range'],
    ['1G+', 'not a range'],
    ['+1G', 'not a range'],
    ['1G-2G', 'not a range'],
    ['1X..2G', 'not a size; write bytes, or K M G T for powers of 1024'],
    ['1G..2G..3G', 'not a size; write bytes, or K M G T for powers of 1024'],
    ['2G..1G', 'ends before it begins, or holds nothing'],
    ['1G+0', 'ends before it begins, or holds nothing'],
    ['8191.9999T..8191T', 'ends before it begins, or holds nothing'],
    ['8192T..', 'not a size'],
  ])('is not of %s', async (range, why) => {
    const run = await lvstream(['slice', plain, '--range', range]);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors.split('\n')[0]).toMatch(/^lvstream: --range /);
    expect(run.errors.split('\n')[0]).toContain(why);
  });

  it('needs a range', async () => {
    const run = await lvstream(['slice', plain]);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors).toMatch(/^lvstream: --range is missing\n/);
  });

  it('of a map is a map, and never plain', async () => {
    const images = ['cow', 'origin'].map((name) => folder.file(name, readCapture('a', `${name}.img`)));
    const map = folder.fresh('a.map');
    await succeed(['changes', '--cow', images[0]!, '--origin', images[1]!, '-o', map]);
    const part = folder.fresh('part.map');
    await succeed(['slice', map, '--range', '1M..2M', '-o', part]);
    const listed = async (file: string) =>
      JSON.parse((await succeed(['info', '--json', '--records', file])).text) as {
        rangeList: [number, number][];
      };
    expect((await listed(part)).rangeList).toEqual(
      (await listed(map)).rangeList.flatMap(([offset, length]) => {
        const [from, to] = [Math.max(offset, 2 ** 20), Math.min(offset + length, 2 ** 21)];
        return to > from ? [[from, to - from]] : [];
      }),
    );
    const run = await lvstream(['slice', map, '--range', '1M..', '--format', 'lvmsync']);
    expect(run).toMatchObject({ status: 4, text: '' });
    expect(run.errors).toContain(': a map holds no records, and a plain stream no ranges\n');
  });

  it('of long runs of zeros takes no memory', async () => {
    const gibibytes = process.env['SLOW'] === '1' ? 1024 : 64;
    const zeros = folder.file(
      'zeros.lvs',
      await lvsFile(
        [...Array(gibibytes).keys()].map((n) => ({
          kind: 'zeros',
          ranges: [{ offset: n * 2 ** 30, length: 1008 * 2 ** 20 }],
        })),
      ),
    );
    const part = folder.fresh('part.lvs');
    const run = await runMeasured('slice', zeros, '--range', `1..${gibibytes * 2 ** 30 - 1}`, '-o', part);
    expect(run).toMatchObject({ status: 0, err: '' });
    expect(run.peakMib).toBeLessThan(150);
    expect((await succeed(['verify', part])).text).toContain(': whole, ');
  });
});

describe('damage', () => {
  it('is met where it lies in the slice, and leaves no file', async () => {
    const file = await lvsFile(
      [0, 1, 2].map((n) => batchOf([block(n)])),
      { order: 'sorted' },
    );
    const noise = Buffer.from(file);
    const at = noise.indexOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), noise.indexOf('PROTO')) + 10;
    noise[at]! ^= 1;
    const damaged = folder.file('damaged.lvs', noise);
    const out = folder.fresh('out');
    const run = await lvstream(['slice', damaged, '--range', '0..4K', '-o', out]);
    expect(run).toMatchObject({ status: 3, text: '' });
    expect(run.errors).toMatch(/^lvstream: \S+damaged\.lvs: byte \d+: [^\n]+ \(frame-digest\)\n$/);
    expect(existsSync(out)).toBe(false);
    await succeed(['slice', damaged, '--range', '4K..8K', '-o', out]);
    expect(readFileSync(out).length).toBeGreaterThan(0);
  });

  it('of an index that tells of fewer pieces than there are is found', async () => {
    const draft = new FileDraft({ kind: 'changes', requires: [], order: 'sorted', base_digests: true });
    const pieces = pieceRun(0, 1);
    draft.data([{ offset: 2048, data: new Uint8Array(4096).fill(1) }], { pieces });
    draft.data([{ offset: 8192, data: new Uint8Array(4096).fill(2) }], { pieces });
    draft.finish();
    const hostile = folder.file('hostile.lvs', draft.bytes);
    const out = folder.fresh('out');
    const run = await lvstream(['slice', hostile, '--range', '0..3K', '-o', out]);
    expect([run.status, existsSync(out)]).toEqual([3, false]);
    expect(run.errors).toMatch(/^lvstream: \S+hostile\.lvs: byte \d+: [^\n]+ \(piece-digests\)\n$/);
  });
});
