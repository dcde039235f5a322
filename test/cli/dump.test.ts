import { readFileSync, symlinkSync } from 'node:fs';
import { decompress } from 'zstd-napi';
import { describe, expect, it } from 'vitest';
import {
  captureFile,
  hasCapture,
  invalidCases,
  readCapture,
  readManifest,
  recordedRanges,
  thickCases,
} from '../captures.js';
import { attachLoop, makeFile, MIB, mountOn, run, startHolding } from '../device/block-devices.js';
import { applyPlain, normalise, parsePlain } from './plain-records.js';
import { Folder, lvstream, succeed } from './run-lvstream.js';

/** `dump` on what a real kernel wrote, against its images and the original's dump. */

const folder = new Folder();
const sources = (name: string) => [
  '--cow',
  captureFile(name, 'cow.img'),
  '--origin',
  captureFile(name, 'origin.img'),
];
const info = async (file: string) =>
  JSON.parse((await succeed(['info', '--json', file])).text) as Record<string, unknown>;

describe.each(thickCases)('%s', (name) => {
  const [origin, snapshot] = [readCapture(name, 'origin.img'), readCapture(name, 'snapshot.img')];
  const ranges = recordedRanges(readManifest(name)).map(([offset, length]) => ({ offset, length }));
  const rangesOf = (stream: Buffer) =>
    normalise(parsePlain(stream)).map(({ offset, data }) => ({ offset, length: data.length }));

  it('takes the snapshot to its origin', async () => {
    const file = folder.fresh('changes.lvs');
    await succeed(['dump', ...sources(name), '-o', file]);
    const plain = decompress(readFileSync(file));
    expect(applyPlain(snapshot, parsePlain(plain)).equals(origin)).toBe(true);
    expect(rangesOf(plain)).toEqual(ranges);
    expect((await succeed(['verify', file])).text).toContain(`${file}: whole, `);
  });

  it('takes the origin back to the snapshot', async () => {
    const { output } = await succeed(['dump', ...sources(name), '--snapshot-data', '--format', 'lvmsync']);
    expect(applyPlain(origin, parsePlain(output)).equals(snapshot)).toBe(true);
    expect(rangesOf(output)).toEqual(ranges);
  });

  it('says what the original said, but for order and joining', async () => {
    if (!hasCapture(name, 'ruby.stream') || readCapture(name, 'ruby.stream').length < 18) return;
    const { output } = await succeed(['dump', ...sources(name), '--format', 'lvmsync']);
    expect(normalise(parsePlain(output))).toEqual(normalise(parsePlain(readCapture(name, 'ruby.stream'))));
  });
});

describe('dump', () => {
  it.each(invalidCases)('refuses the overflowed store of %s before it writes a byte', async (name) => {
    const before = folder.names();
    const run = await lvstream(['dump', ...sources(name), '-o', folder.fresh('none')]);
    expect(run.status).toBe(1);
    expect(run.errors).toMatch(/^lvstream: .*cow\.img: byte 4: the snapshot is invalid\nlvstream: hint: /);
    expect(await lvstream(['dump', ...sources(name)])).toMatchObject({ status: 1, text: '' });
    expect(folder.names()).toEqual(before);
  });

  it('names states as told, and computes a result that nobody named', async () => {
    const file = folder.fresh('states.lvs');
    await succeed(['dump', ...sources('a'), '--base-state', 'lv:old', '-o', file]);
    expect(await info(file)).toMatchObject({
      kind: 'changes',
      order: 'sorted',
      base: { id: 'lv:old' },
      result: { id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as unknown },
      baseSize: 16777216,
      resultSize: 16777216,
      chunkSize: 4096,
      consistent: true,
    });
  });

  it('swaps the states of the reverse', async () => {
    const file = folder.fresh('reverse.lvs');
    const states = ['--base-state', 'lv:old', '--result-state', 'lv:new', '--no-consistent'];
    await succeed(['dump', ...sources('a'), '--snapshot-data', ...states, '-o', file]);
    expect(await info(file)).toMatchObject({
      kind: 'changes',
      base: { id: 'lv:new' },
      result: { id: 'lv:old' },
      consistent: false,
    });
  });

  it('does not know a base that nobody named', async () => {
    const file = folder.fresh('unknown.lvs');
    await succeed(['dump', ...sources('a'), '-o', file]);
    const { base, result } = await info(file);
    expect([base, result]).toEqual([undefined, undefined]);
  });

  it.each(['changes', 'reverse'])(
    'gives base digests that only the right device has: %s',
    async (direction) => {
      const file = folder.fresh('digests.lvs');
      const reverse = direction === 'reverse' ? ['--snapshot-data'] : [];
      await succeed(['dump', ...sources('a'), ...reverse, '--base-digests', '-o', file]);
      const [right, wrong] =
        direction === 'reverse' ? ['origin.img', 'snapshot.img'] : ['snapshot.img', 'origin.img'];
      const device = captureFile('a', right);
      await succeed(['apply', file, device]);
      expect(readFileSync(device).equals(readCapture('a', wrong))).toBe(true);
      const other = readCapture('a', right);
      other[28672]! ^= 1;
      expect((await lvstream(['apply', file, folder.file('other', other)])).status).toBe(4);
    },
  );

  it.each(['0', '1', '19'])('compresses at level %s', async (level) => {
    const { output } = await succeed(['dump', ...sources('a'), '--level', level]);
    expect(normalise(parsePlain(decompress(output)))).toEqual(
      normalise(parsePlain(readCapture('a', 'ruby.stream'))),
    );
  });

  it.each([
    ['--level', 'abc'],
    ['--level', '23'],
    ['--level', '-1'],
    ['--level', '1', '--level', '2'],
    ['--format', 'tar'],
    ['--format', 'lvmsync', '--base-digests'],
    ['--format', 'lvmsync', '--base-state', 'lv:a'],
    ['--format', 'lvmsync', '--result-state', 'lv:a'],
    ['--base-state', ''],
    ['--result-state', ''],
  ])('refuses %s %s', async (...options) => {
    const run = await lvstream(['dump', ...sources('a'), ...options]);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors.split('\n')).toHaveLength(3);
  });

  it('refuses two ids of one state', async () => {
    const run = await lvstream(['dump', ...sources('a'), '--base-state', 'a', '--base-state', 'b']);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors).toContain('--base-state is given more than once');
  });
});

describe.each(['dump', 'changes'])('%s', (name) => {
  const [cow, origin] = [captureFile('a', 'cow.img'), captureFile('a', 'origin.img')];
  const link = folder.fresh('link');
  symlinkSync(origin, link);

  it.each([
    ['--cow', cow],
    ['--origin', origin],
    ['--origin by another name', link],
  ])('never replaces what it reads: %s', async (_, output) => {
    const before = readFileSync(output);
    for (const force of [[], ['--force']]) {
      const run = await lvstream([name, '--cow', cow, '--origin', origin, '-o', output, ...force]);
      expect(run).toMatchObject({ status: 4, text: '' });
      expect(run.errors).toBe(
        `lvstream: ${output}: is one of the files that are read\nlvstream: hint: choose another name\n`,
      );
    }
    expect(readFileSync(output).equals(before)).toBe(true);
  });
});

it('never replaces the images of a thin pool', async () => {
  const images = ['--thin-metadata', folder.file('tmeta', 'a'), '--source', folder.file('source', 'b')];
  for (const output of [images[1]!, images[3]!]) {
    const args = ['dump', ...images, '--from', '1', '--to', '2', '-o', output, '--force'];
    expect(await lvstream(args)).toMatchObject({ status: 4, text: '' });
  }
});

it('never replaces a map, or what the data is read from', async () => {
  const [map, source] = [folder.fresh('map'), captureFile('a', 'origin.img')];
  await succeed(['changes', ...sources('a'), '-o', map]);
  for (const output of [map, source]) {
    const args = ['dump', '--map', map, '--data-source', source, '-o', output, '--force'];
    expect(await lvstream(args)).toMatchObject({ status: 4, text: '' });
  }
});

describe('an image or device that somebody writes to', () => {
  const thin = () => ({
    args: ['--thin-metadata', captureFile('k', 'tmeta.img'), '--from', '2', '--to', '1'],
    data: ['--source', captureFile('k', 'origin.img')] as const,
  });
  const thick = () => ({
    args: ['--cow', captureFile('a', 'cow.img')],
    data: ['--origin', captureFile('a', 'origin.img')] as const,
  });

  it.each([
    ['thick', thick],
    ['thin', thin],
  ])('is no single moment, which is said: %s', async (_, make) => {
    const { args, data } = make();
    await startHolding('exec 3<>"$1"; echo held; read line', data[1]);
    const file = folder.fresh('used.lvs');
    const { errors, text } = await succeed(['dump', ...args, ...data, '-o', file]);
    expect(errors).toMatch(
      /^lvstream: \S+origin\.img is open for writing in process \d+ .*: what is read is no single moment/,
    );
    expect(text).toContain('not consistent (no single moment)');
    expect(await info(file)).toMatchObject({ consistent: false });
  });

  it('is one if it is mounted to be read only', async () => {
    const device = attachLoop(makeFile(16 * MIB));
    const point = mountOn(device);
    const dump = async () => {
      const file = folder.fresh('mounted.lvs');
      const { errors } = await succeed(['dump', ...thick().args, '--origin', device, '-o', file]);
      return { errors, ...(await info(file)) };
    };
    const used = await dump();
    expect(used).toMatchObject({ consistent: false });
    expect(used.errors).toContain(
      `${device} is mounted read-write on ${point}: what is read is no single moment`,
    );
    run('mount', '-o', 'remount,ro', point);
    expect(await dump()).toMatchObject({ consistent: true, errors: '' });
  });

  it('is told by whoever knows better, and then nothing is said', async () => {
    const { args, data } = thick();
    await startHolding('exec 3<>"$1"; echo held; read line', data[1]);
    const file = folder.fresh('told.lvs');
    const { errors } = await succeed(['dump', ...args, ...data, '--no-consistent', '-o', file]);
    expect(errors).toBe('');
    expect(await info(file)).toMatchObject({ consistent: false });
  });
});
