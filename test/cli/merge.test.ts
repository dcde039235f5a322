import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { cutZeroRanges } from '#src/format/lvs/frames/zero-frame.js';
import { rangesOf } from '#src/format/batch.js';
import { applied, batchOf, lvsFile, openBytes, plainStream, type TestRecord } from '../streams.js';
import { sectionOf } from '../algebra/records/parts.js';
import { flipped } from '../vectors/bytes.js';
import { parsePlain } from './plain-records.js';
import { Folder, lvstream, succeed } from './run-lvstream.js';

/** `merge` of streams that hold data. */

const folder = new Folder();
const numRuns = process.env['SLOW'] === '1' ? 200 : 4;
const SIZE = 1 << 16;
const device = new Uint8Array(SIZE).fill(0xaa);

const block = (number: number, byte: number, count = 1): TestRecord => ({
  offset: number * 4096,
  data: new Uint8Array(count * 4096).fill(byte),
});
const state = (number: number) => ({ id: `lv:${number}` });

/** A file of the records, from one state to another. */
async function step(
  from: number,
  to: number,
  records: readonly TestRecord[],
  more: Partial<StreamHeader> = {},
) {
  const header = { id: new Uint8Array(16).fill(to), base: state(from), result: state(to), ...more };
  return folder.file(
    `${from}-${to}.lvs`,
    await lvsFile(records.length > 0 ? [batchOf(records)] : [], header),
  );
}

/** What an `.lvs` file says of itself, and where it writes. */
async function read(file: string) {
  const stream = await openBytes(readFileSync(file));
  const ranges = [];
  for await (const batch of stream.batches) ranges.push(...rangesOf(batch));
  return { header: stream.header, ranges };
}

async function mergedRecords(args: readonly string[], input?: Uint8Array): Promise<TestRecord[]> {
  const run = await succeed(['merge', ...args, '--format', 'lvmsync', '--quiet'], input);
  return parsePlain(run.output).map(({ offset, data }) => ({ offset, data }));
}

function expectSorted(records: readonly TestRecord[]): void {
  let end = 0;
  for (const { offset, data } of records) {
    expect(offset).toBeGreaterThanOrEqual(end);
    end = offset + data.length;
  }
}

const anyRecord = fc
  .record({
    offset: fc.nat(SIZE - 1),
    length: fc.integer({ min: 1, max: 9000 }),
    byte: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ offset, length, byte }) => ({
    offset,
    data: new Uint8Array(Math.min(length, SIZE - offset)).fill(byte),
  }));

describe('what is merged', () => {
  it('does what applying one after the other does, in any format and order, one of them through a pipe', async () => {
    const streams = fc.array(fc.array(anyRecord, { maxLength: 8 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(streams, fc.nat(3), async (all, piped) => {
        const bytes = await Promise.all(
          all.map(async (records, i) =>
            i % 2 === 0 ? plainStream(records) : lvsFile(records.length > 0 ? [batchOf(records)] : []),
          ),
        );
        const input = bytes[piped];
        const names = bytes.map((each, i) => (i === piped ? '-' : folder.file('stream', each)));
        const merged = await mergedRecords(names, input);
        expectSorted(merged);
        expect(Buffer.compare(applied(device, merged), applied(device, all.flat()))).toBe(0);
      }),
      { numRuns },
    );
  });

  it('leads from the first base to the last result, and says what it was made of', async () => {
    const [one, other] = [await step(1, 2, [block(1, 1)]), await step(2, 3, [block(1, 2), block(0, 3)])];
    const both = folder.fresh('both.lvs');
    const { text, errors } = await succeed(['merge', one, other, '-o', both, '--json']);
    expect(errors).toBe('');
    expect(JSON.parse(text)).toMatchObject({ format: 'lvs', kind: 'changes', records: 1, data: 8192 });
    const { header, ranges } = await read(both);
    expect(header).toMatchObject({ kind: 'changes', order: 'sorted', base: state(1), result: state(3) });
    expect(header.derivedFrom).toMatchObject([{ by: 'merge' }, { by: 'merge' }]);
    expect(ranges).toEqual([{ offset: 0, length: 8192 }]);
    expect((await succeed(['verify', both])).text).toContain('whole');
  });

  it('is one stream sorted, each byte once, if it is one', async () => {
    const stream = await step(1, 2, [block(3, 1), block(1, 2), block(3, 4), block(2, 5)]);
    const merged = await mergedRecords([stream]);
    expect(merged).toEqual([
      { offset: 4096, data: Buffer.concat([block(1, 2).data, block(2, 5).data, block(3, 4).data]) },
    ]);
  });

  it('leaves out what lies past the end that both sizes tell', async () => {
    const grown = await step(1, 2, [block(0, 1), block(3, 2)], { baseSize: 4096, resultSize: 4 * 4096 });
    const shrunk = await step(2, 3, [block(1, 3)], { baseSize: 4 * 4096, resultSize: 2 * 4096 });
    const both = folder.fresh('both.lvs');
    await succeed(['merge', grown, shrunk, '-o', both]);
    const { header, ranges } = await read(both);
    expect(header).toMatchObject({ baseSize: 4096, resultSize: 8192 });
    expect(ranges).toEqual([0, 4096].map((offset) => ({ offset, length: 4096 })));
  });

  it('of many zeros has them as zeros', async () => {
    const zeros = [...cutZeroRanges([{ offset: 0, length: 2 ** 36 }])];
    const file = folder.file('zeros.lvs', await lvsFile([batchOf([block(9, 1)]), ...zeros]));
    const merged = folder.fresh('zeros.lvs');
    await succeed(['merge', file, await step(1, 2, [block(1, 1)]), '-o', merged, '--quiet']);
    const { text } = await succeed(['info', '--json', merged]);
    expect(JSON.parse(text)).toMatchObject({ data: 2 ** 36, zeros: 2 ** 36 - 4096 });
  });
});

describe('what is refused', () => {
  it('does not follow, and the order that would is named', async () => {
    const [one, two, three] = [await step(1, 2, []), await step(2, 3, []), await step(3, 4, [])];
    const out = folder.fresh('out.lvs');
    const run = await lvstream(['merge', three, one, two, '-o', out]);
    expect(run).toMatchObject({ status: 4, text: '' });
    expect(run.errors).toBe(
      `lvstream: ${one}: does not follow ${three}, which leads to lv:4: it begins at lv:1\n` +
        `lvstream: hint: in this order each follows the one before: ${one} ${two} ${three}; ` +
        '--any-order merges them as they are named, whether the result fits a device or not\n',
    );
    await succeed(['merge', three, one, two, '-o', out, '--any-order']);
  });

  it('expects something else than the one before leaves, whatever the states say', async () => {
    const digests = sectionOf([7]);
    const other = await lvsFile([batchOf([block(1, 2)], digests)], { order: 'sorted', baseDigests: true });
    const [one, two] = [await step(1, 2, [block(1, 1)]), folder.file('other.lvs', other)];
    const out = folder.fresh('out.lvs');
    const run = await lvstream(['merge', one, two, '-o', out, '--quiet']);
    expect(run).toMatchObject({ status: 4, text: '' });
    expect(run.errors).toContain(`${two}: byte 4096 of the device: expects something else than`);
    await succeed(['merge', one, two, '-o', out, '--quiet', '--any-order']);
  });

  it('is not what nobody can tell, which is said', async () => {
    const plain = folder.file('plain', plainStream([block(0, 1)]));
    const stream = await step(1, 2, []);
    const { errors } = await succeed(['merge', plain, stream, '-o', folder.fresh('out')]);
    expect(errors).toBe(`lvstream: nobody can tell whether ${stream} follows ${plain}\n`);
  });

  it('is a map among streams, and standard input named twice', async () => {
    const map = folder.file(
      'a.map',
      await lvsFile([], { kind: 'map', order: 'sorted', id: new Uint8Array(16) }),
    );
    const run = await lvstream(['merge', await step(1, 2, []), map, '-o', folder.fresh('out')]);
    expect(run.status).toBe(4);
    expect(run.errors).toContain(`${map}: a map lists ranges without their data`);
    expect((await lvstream(['merge', '-', '-', '-o', folder.fresh('out')])).status).toBe(2);
  });

  const records = Array.from({ length: 6 }, (_, i) => block(2 * i, i + 1));
  it.each([
    ['a flipped bit', async () => flipped(await lvsFile([batchOf(records)]), 400)],
    ['a flipped bit of the index', async () => flipped(await lvsFile([batchOf(records)]), -200)],
    ['a cut file', async () => (await lvsFile([batchOf(records)])).subarray(0, -9)],
    ['a cut plain stream', async () => plainStream(records).subarray(0, -9)],
    [
      'records that are not sorted where they should be',
      async () => lvsFile([batchOf(records.toReversed())], { order: 'sorted' }),
    ],
    ['nothing', async () => new Uint8Array(0)],
  ])('is %s, and no file is left', async (_, bytesOf) => {
    const damaged = folder.file('damaged', await bytesOf());
    const out = folder.fresh('out.lvs');
    for (const args of [[damaged], [await step(1, 2, [block(3, 3)]), damaged]]) {
      const run = await lvstream(['merge', '--quiet', ...args, '-o', out]);
      expect(run).toMatchObject({ status: 3, text: '' });
      expect(run.errors).toMatch(
        new RegExp(`^lvstream: ${damaged}: byte \\d+: .*\\n(?:lvstream: hint: .*\\n)?$`),
      );
    }
    expect(folder.names().filter((name) => name.includes('out.lvs'))).not.toContain(out.split('/').at(-1));
  });
});
