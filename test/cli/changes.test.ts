import { describe, expect, it } from 'vitest';
import { captureFile, readCapture, readManifest, recordedRanges } from '../captures.js';
import { normalise, parsePlain } from './plain-records.js';
import { Folder, lvstream, succeed } from './run-lvstream.js';

/** Keeping the map instead of the snapshot: `changes`, `merge` of maps, and `dump --map`. */

const folder = new Folder();
const images = (name: string) => [
  ...['--cow', captureFile(name, 'cow.img'), '--origin', captureFile(name, 'origin.img')],
];

async function mapOf(name: string, ...more: string[]): Promise<string> {
  const map = folder.fresh(`${name}.map`);
  await succeed(['changes', ...images(name), ...more, '-o', map]);
  return map;
}

async function plainDump(...args: string[]) {
  return parsePlain((await succeed(['dump', ...args, '--format', 'lvmsync'])).output);
}

const info = async (file: string) =>
  JSON.parse((await succeed(['info', '--json', file])).text) as Record<string, unknown>;

describe('a map', () => {
  it.each(['a', 'b-last', 'd-stale255', 'h-unchanged'])(
    'of %s is filled in later to the same stream',
    async (name) => {
      const map = await mapOf(name);
      const later = await plainDump('--map', map, '--data-source', captureFile(name, 'origin.img'));
      expect(normalise(later)).toEqual(normalise(await plainDump(...images(name))));
    },
  );

  it('lists the recorded ranges and holds no data', async () => {
    const ranges = recordedRanges(readManifest('a'));
    const data = ranges.reduce((sum, [, length]) => sum + length, 0);
    expect(await info(await mapOf('a'))).toMatchObject({ kind: 'map', data, records: 0 });
  });

  it('of a thin volume leads to the same data', async () => {
    const map = folder.fresh('thin.map');
    const source = captureFile('f', 'origin.img');
    const thin = ['--thin-metadata', captureFile('f', 'tmeta.img'), '--from', '2', '--to', '1'];
    const args = [...thin, '--metadata-snapshot', '--source', source];
    await succeed(['changes', ...args, '-o', map]);
    const later = await plainDump('--map', map, '--data-source', source);
    expect(normalise(later)).toEqual(normalise(await plainDump(...args)));
  });

  it('keeps the state that it begins at', async () => {
    const map = await mapOf('a', '--base-state', 'lv:monday');
    const stream = folder.fresh('a.lvs');
    await succeed(['dump', '--map', map, '--data-source', captureFile('a', 'origin.img'), '-o', stream]);
    expect(await info(stream)).toMatchObject({ kind: 'changes', base: { id: 'lv:monday' } });
  });

  it('that lists more than the device has is refused, and leaves no file', async () => {
    const device = folder.file('small', readCapture('a', 'origin.img').subarray(0, 4096));
    const map = await mapOf('a');
    const before = folder.names();
    const run = await lvstream(['dump', '--map', map, '--data-source', device, '-o', folder.fresh('x')]);
    expect(run.status).toBe(4);
    expect(run.errors).toMatch(/small: has 4096 bytes, and the map is of a device of \d+\n/);
    expect(folder.names()).toEqual(before);
  });
});

describe('merge of maps', () => {
  it('lists what either lists', async () => {
    const both = folder.fresh('both.map');
    const [first, second] = [await mapOf('a'), await mapOf('a-reactivated')];
    await succeed(['merge', first, second, '-o', both]);
    const union = new Uint8Array(readManifest('a').origin_size / 512);
    for (const name of ['a', 'a-reactivated'])
      for (const [offset, length] of recordedRanges(readManifest(name)))
        union.fill(1, offset / 512, (offset + length) / 512);
    expect(await info(both)).toMatchObject({ data: 512 * union.reduce((sum, bit) => sum + bit, 0) });
    expect((await succeed(['verify', both])).text).toContain('whole');
  });

  it('goes from the first base to the last result, and refuses a gap', async () => {
    const [monday, tuesday, friday] = [
      await mapOf('a', '--base-state', 'lv:1', '--result-state', 'lv:2'),
      await mapOf('a', '--base-state', 'lv:2', '--result-state', 'lv:3'),
      await mapOf('a', '--base-state', 'lv:5', '--result-state', 'lv:6'),
    ];
    const both = folder.fresh('both.map');
    await succeed(['merge', monday, tuesday, '-o', both]);
    expect(await info(both)).toMatchObject({ base: { id: 'lv:1' }, result: { id: 'lv:3' } });
    const run = await lvstream(['merge', monday, friday, '-o', folder.fresh('gap.map')]);
    expect(run.status).toBe(4);
    expect(run.errors).toContain(
      `${friday}: does not follow ${monday}, which leads to lv:2: it begins at lv:5`,
    );
  });

  it('refuses a stream that holds data', async () => {
    const stream = folder.fresh('a.lvs');
    await succeed(['dump', ...images('a'), '-o', stream]);
    const run = await lvstream(['merge', await mapOf('a'), stream, '-o', folder.fresh('none')]);
    expect(run.status).toBe(4);
    expect(run.errors).toContain('a map lists ranges without their data');
  });

  it('that is to be filled in says of what is no stream what maps are', async () => {
    const file = folder.file('text', 'some text');
    const run = await lvstream(['dump', '--map', file, '--data-source', file]);
    expect(run).toMatchObject({ status: 3, text: '' });
    expect(run.errors).toMatch(/\(not-a-stream\)\nlvstream: hint: a map is what lvstream changes writes\n$/);
  });
});

it.each([
  [['dump', '--map', 'm'], '--data-source is missing'],
  [['dump', '--map', 'm', '--cow', 'c'], '--cow: not with --map'],
  [['dump', '--map', 'm', 'vg/snap', '--data-source', 'd'], '--map lists the changes: no snapshot is needed'],
  [['changes'], 'no snapshot is named'],
])('is refused where the command line is wrong: %j', async (args, message) => {
  const run = await lvstream(args);
  expect(run).toMatchObject({ status: 2, text: '' });
  expect(run.errors).toContain(`lvstream: ${message}`);
});

describe('changes --as', () => {
  it('lists for borg what a map lists, and the rest as the same', async () => {
    const { text } = await succeed(['changes', ...images('a'), '--as', 'borg', '-o', '-']);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '));
    const data = lines
      .filter(([, , state]) => state === 'data')
      .map(([start, length]) => [Number(start), Number(length)]);
    const list = JSON.parse((await succeed(['info', '--json', '--records', await mapOf('a')])).text) as {
      rangeList: unknown;
    };
    expect(data).toEqual(list.rangeList);
    const last = lines.at(-1)!;
    expect(Number(last[0]) + Number(last[1])).toBe(readManifest('a').origin_size);
  });

  it('says how much is in it, and of a volume in use that it goes on', async () => {
    const list = folder.fresh('a.json');
    const run = await succeed([
      'changes',
      ...images('a'),
      '--no-consistent',
      '--as',
      'rbd-json',
      '-o',
      list,
      '--json',
    ]);
    expect(JSON.parse(run.text)).toMatchObject({ format: 'rbd-json', kind: 'map', consistent: false });
    expect(run.errors).toMatch(/^lvstream: the volume was in use: .*--to\n/m);
  });
});
