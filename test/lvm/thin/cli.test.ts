import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { captureFile, readCapture, readManifest, recordedRanges } from '../../captures.js';
import { applyPlain, normalise, parsePlain } from '../../cli/plain-records.js';
import { Folder, lvstream, succeed } from '../../cli/run-lvstream.js';
import { BLOCK } from './metadata-builder.js';

/** `dump` between thin devices, as a person runs it. */

const folder = new Folder();
const metadata = (name: string) => captureFile(name, 'tmeta.img');
const sources = (name: string, image = 'origin.img', [from, to] = ['2', '1']) => [
  ...['--thin-metadata', metadata(name), '--from', from, '--to', to],
  ...['--source', captureFile(name, image)],
];

describe('dump --thin-metadata', () => {
  it.each(['e', 'k', 'k-discard'])('takes the snapshot to its origin: %s', async (name) => {
    const file = folder.fresh('changes.lvs');
    await succeed(['dump', ...sources(name), '-o', file]);
    const device = captureFile(name, 'snapshot.img');
    await succeed(['apply', file, device]);
    expect(readFileSync(device).equals(readCapture(name, 'origin.img'))).toBe(true);
  });

  it('takes the origin back to the snapshot, from the metadata snapshot, as a plain stream', async () => {
    const given = sources('e', 'snapshot.img', ['1', '2']);
    const { output } = await succeed(['dump', ...given, '--metadata-snapshot', '--format', 'lvmsync']);
    const records = parsePlain(output);
    expect(applyPlain(readCapture('e', 'origin.img'), records).equals(readCapture('e', 'snapshot.img'))).toBe(
      true,
    );
    const ranges = normalise(records).map(({ offset, data }) => [offset, data.length]);
    expect(ranges).toEqual(recordedRanges(readManifest('e')));
  });

  it('says what it is', async () => {
    const file = folder.fresh('states.lvs');
    const states = ['--base-state', 'thin:pool/2', '--result-state', 'thin:pool/1', '--no-consistent'];
    await succeed(['dump', ...sources('k'), ...states, '-o', file]);
    const info = JSON.parse((await succeed(['info', '--json', file])).text) as Record<string, unknown>;
    expect(info).toMatchObject({
      kind: 'changes',
      order: 'sorted',
      base: { id: 'thin:pool/2' },
      result: { id: 'thin:pool/1' },
      resultSize: 42008576,
      chunkSize: 1048576,
      consistent: false,
    });
  });

  it('refuses damage, and leaves no file', async () => {
    const bytes = readCapture('f-shared', 'tmeta.img');
    for (let block = 1; block < bytes.length / BLOCK; block += 1) bytes[block * BLOCK + 100]! ^= 1;
    const damaged = folder.file('tmeta.img', bytes);
    const before = folder.names();
    const given = ['--from', '2', '--to', '1', '--source', captureFile('f-shared', 'origin.img')];
    const run = await lvstream(['dump', '--thin-metadata', damaged, ...given, '-o', folder.fresh('none')]);
    expect(run).toMatchObject({ status: 1, text: '' });
    expect(run.errors).toMatch(/tmeta\.img: metadata block \d+, byte \d+: .*checksum\nlvstream: hint: /);
    expect(folder.names()).toEqual(before);
  });

  it.each(['dump', 'changes'])('refuses a source that is cut or another device: %s', async (command) => {
    const half = folder.file('half.img', readCapture('f', 'origin.img').subarray(0, 8 << 20));
    const given = ['--thin-metadata', metadata('f'), '--from', '2', '--to', '1', '--source', half];
    const run = await lvstream([command, ...given, '-o', folder.fresh('none')]);
    expect(run).toMatchObject({ status: 4, text: '' });
    expect(run.errors).toMatch(
      /half\.img: has 8388608 bytes, and the pool maps thin device 1 up to byte 16777216\nlvstream: hint: /,
    );
    expect(folder.names().filter((name) => name.includes('none'))).toEqual([]);
  });

  it('names the devices that there are', async () => {
    const run = await lvstream(['dump', ...sources('f', 'origin.img', ['9', '1'])]);
    expect(run).toMatchObject({ status: 1, text: '' });
    expect(run.errors).toMatch(/: the pool has no thin device 9\nlvstream: hint: it has 1, 2, 3, 4\n$/);
  });

  it.each([
    [['--thin-metadata', 'f'], '--from is missing'],
    [['--thin-metadata', 'f', '--from', '1', '--to', '2'], '--source is missing'],
    [['--thin-metadata', 'f', '--from', 'vm', '--to', '2'], '--from vm: not the id of a thin device'],
    [['--thin-metadata', 'f', '--from', '1', '--to', '16777216'], '--to 16777216: not the id'],
    [['--thin-metadata', 'f', '--cow', 'c'], '--cow: not with --thin-metadata'],
    [['--thin-metadata', 'f', '--base-digests'], '--base-digests: not with --thin-metadata'],
    [['--cow', 'c', '--origin', 'o', '--from', '1'], '--from: only with --thin-metadata'],
    [['--cow', 'c'], '--origin is missing'],
    [['--origin', 'o'], '--cow is missing'],
    [[], 'no snapshot is named'],
    [['vg/vm', '--cow', 'c'], '--cow: not of a snapshot that is named'],
    [['vg/vm', '--keep-equal'], '--keep-equal: only with --to or --temporary-snapshot'],
    [['vg/vm', '--data-source', 'd', '--undo', '--to', 'vg/x'], '--to and --undo exclude each other'],
    [['--cow', 'c', '--origin', 'o', '--full'], '--full: only of a snapshot that is named'],
  ])('is refused where the command line is wrong: %j', async (given, message) => {
    const run = await lvstream(['dump', ...given]);
    expect(run).toMatchObject({ status: 2, text: '' });
    expect(run.errors).toContain(`lvstream: ${message}`);
  });
});
