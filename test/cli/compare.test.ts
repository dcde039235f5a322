import { describe, expect, it } from 'vitest';
import { captureFile } from '../captures.js';
import { runMeasured } from '../long/run-measured.js';
import { lvsFile } from '../streams.js';
import { formatPlain } from './plain-records.js';
import { Folder, lvstream, succeed } from './run-lvstream.js';

/** Whether two streams do the same. */

const folder = new Folder();
const record = (offset: number, text: string) => ({ offset, data: Buffer.from(text) });
const plain = folder.file(
  'plain',
  formatPlain([record(10, 'abc'), record(0, 'xy'), record(11, 'B'), record(20, 'end')]),
);
const changed = folder.file('changed', formatPlain([record(0, 'xy'), record(10, 'aBCd'), record(30, '!')]));

describe('compare', () => {
  it('knows neither order nor framing nor level', async () => {
    const stream = captureFile('a', 'ruby.stream');
    const packed = folder.fresh('packed.lvs');
    await succeed(['compress', stream, '--level', '0', '-o', packed]);
    const { text } = await succeed(['compare', stream, packed]);
    expect(text).toBe(`${stream} and ${packed} do the same\n`);
    expect((await succeed(['compare', stream, packed, '--quiet'])).text).toBe('');
    const sorted = folder.file(
      'sorted',
      formatPlain([record(0, 'xy'), record(10, 'aBc'), record(20, 'end')]),
    );
    await succeed(['compare', plain, sorted]);
  });

  it('says where they differ, and by what', async () => {
    const run = await lvstream(['compare', plain, changed]);
    expect(run).toMatchObject({ status: 6, errors: '' });
    expect(run.text).toBe(
      `${plain} and ${changed} differ in 3 ranges: 1 bytes are not alike, 3 bytes only ${plain} writes, ` +
        `2 bytes only ${changed} writes\n  byte 12, 2 bytes\n  byte 20, 3 bytes\n  byte 30, 1 bytes\n`,
    );
  });

  it('says it as JSON, every range', async () => {
    const run = await lvstream(['compare', plain, changed, '--json']);
    expect(run).toMatchObject({ status: 6, errors: '' });
    expect(JSON.parse(run.text)).toEqual({
      ...{ first: plain, second: changed, verdict: 'different' },
      different: {
        ranges: [
          { offset: 12, length: 2 },
          { offset: 20, length: 3 },
          { offset: 30, length: 1 },
        ],
        ...{ count: 3, bytes: 6, onlyFirst: 3, onlySecond: 2 },
      },
    });
  });

  it('says some of many ranges to people, and all of them to programs', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => record(i * 2, 'x'));
    const [one, other] = [folder.file('many', formatPlain(many)), folder.file('none', formatPlain([]))];
    const { text } = await lvstream(['compare', one, other]);
    expect(text.split('\n')).toHaveLength(13);
    expect(text).toMatch(/\n {2}and 9990 more \(--json lists all\)\n$/);
    const told = JSON.parse((await lvstream(['compare', one, other, '--json'])).text) as {
      different: { ranges: unknown[]; count: number };
    };
    expect([told.different.ranges.length, told.different.count]).toEqual([10_000, 10_000]);
  });

  it('refuses a map', async () => {
    const map = folder.file('map', await lvsFile([], { kind: 'changes' }));
    const images = ['--cow', captureFile('a', 'cow.img'), '--origin', captureFile('a', 'origin.img')];
    await succeed(['changes', ...images, '-o', map, '--force']);
    const run = await lvstream(['compare', plain, map]);
    expect(run).toMatchObject({ status: 4, text: '' });
    expect(run.errors).toContain(`${map}: a map holds no data to compare\n`);
  });

  it('ends in one line where one is damaged', async () => {
    const cut = folder.file('cut', formatPlain([record(0, 'abcdef')]).subarray(0, 32));
    for (const args of [
      [plain, cut],
      [cut, plain],
      [cut, cut, '--json'],
    ]) {
      const run = await lvstream(['compare', ...args]);
      expect(run).toMatchObject({ status: 3, text: '' });
      expect(run.errors).toMatch(
        /^lvstream: \S+cut: byte 32: [^\n]+\(truncated-record\)\nlvstream: hint: [^\n]+\n$/,
      );
    }
  });

  it('reads standard input', async () => {
    const { text } = await succeed(
      ['compare', '-', plain],
      formatPlain([record(0, 'xy'), record(20, 'end'), record(10, 'aBc')]),
    );
    expect(text).toBe(`standard input and ${plain} do the same\n`);
  });

  it('of long runs of zeros takes no memory', async () => {
    const gibibytes = process.env['SLOW'] === '1' ? 1024 : 64;
    const zeros = async (parts: number, length: number) =>
      folder.file(
        'zeros.lvs',
        await lvsFile(
          Array.from({ length: parts }, (_, n) => ({
            kind: 'zeros' as const,
            ranges: [{ offset: n * length, length }],
          })),
          { order: parts > gibibytes ? 'given' : 'sorted' },
        ),
      );
    const run = await runMeasured(
      'compare',
      await zeros(gibibytes, 2 ** 29),
      await zeros(2 * gibibytes, 2 ** 28),
    );
    expect(run).toMatchObject({ status: 0, err: '' });
    expect(run.peakMib).toBeLessThan(150);
  });
});
