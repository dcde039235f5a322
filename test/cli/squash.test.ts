import { copyFileSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { batchOf, lvsFile, openBytes, plainStream, type TestRecord } from '../streams.js';
import { Folder, lvstream, succeed } from './run-lvstream.js';

/** `squash`: one snapback in place of several. */

const folder = new Folder();
const BLOCKS = 8;
const block = (number: number, byte: number): TestRecord => ({
  offset: number * 4096,
  data: new Uint8Array(4096).fill(byte),
});
const original = Buffer.concat(Array.from({ length: BLOCKS }, (_, i) => block(i, 200 + i).data));

/** What three streams write, one after the other; what one has written another overwrites. */
const writes = [
  [block(1, 1), block(5, 1), block(2, 1)],
  [block(2, 2), block(0, 2)],
  [block(5, 3), block(2, 3), block(7, 3)],
];

/** A device on which they were applied, with their snapbacks in a folder of their own, the oldest first. */
async function applyAll() {
  const own = folder.fresh('replica');
  mkdirSync(own);
  const device = path.join(own, 'device');
  writeFileSync(device, original);
  const undos: string[] = [];
  for (const [i, records] of writes.entries()) {
    const header = { base: { id: `lv:${i}` }, result: { id: `lv:${i + 1}` } };
    const stream = folder.file('stream', await lvsFile([batchOf(records)], header));
    const undo = path.join(own, `${i}.undo.lvs`);
    await succeed(['apply', stream, device, '--snapback', undo, '--no-sync', '--quiet']);
    undos.push(undo);
  }
  return { own, device, undos };
}

describe('a squash', () => {
  it('undoes all, in whatever order they are named, and says of itself what they do', async () => {
    const { own, device, undos } = await applyAll();
    const squashed = path.join(own, 'all.undo.lvs');
    const [first, second, third] = undos;
    await succeed(['squash', second!, third!, first!, '-o', squashed, '--quiet']);
    const { header, closing, batches } = await openBytes(readFileSync(squashed));
    for await (const batch of batches) expect(batch.pieces).toBeDefined();
    expect(header).toMatchObject({
      kind: 'snapback',
      order: 'sorted',
      baseDigests: true,
      target: { size: original.length },
    });
    expect(header).toMatchObject({ base: { id: 'lv:3' }, result: { id: 'lv:0' } });
    expect(header.undoes).toHaveLength(3);
    expect(header.derivedFrom?.map(({ by }) => by)).toEqual(['squash', 'squash', 'squash']);
    expect([header.sequence, header.follows, header.toward]).toEqual([undefined, undefined, undefined]);
    expect(closing()).toMatchObject({ data: 5 * 4096 });
    await succeed(['apply', squashed, device, '--no-sync', '--quiet']);
    expect(readFileSync(device)).toEqual(original);
    const { text } = await succeed(['apply', squashed, device, '--no-sync']);
    expect(text).toContain('already');
  });

  it('refuses every other device', async () => {
    const { own, device, undos } = await applyAll();
    const squashed = folder.fresh('all.undo.lvs');
    await succeed(['squash', ...undos, '-o', squashed, '--quiet']);
    const after = readFileSync(device);
    for (const number of [0, 1, 2, 5, 7]) {
      const other = path.join(own, `other-${number}`);
      const changed = Buffer.from(after);
      changed[number * 4096 + 9]! ^= 1;
      writeFileSync(other, changed);
      const run = await lvstream(['apply', squashed, other, '--no-sync']);
      expect([run.status, readFileSync(other).equals(changed)]).toEqual([4, true]);
      expect(run.errors).toContain('wrong base');
    }
  });

  it('of some beside others is applied at its turn', async () => {
    const { own, device, undos } = await applyAll();
    const older = path.join(own, 'older.undo.lvs');
    await succeed(['squash', undos[1]!, undos[0]!, '-o', older, '--quiet']);
    const run = await lvstream(['apply', older, device, '--no-sync']);
    expect(run.status).toBe(4);
    expect(run.errors).toMatch(/2\.undo\.lvs: is newer and has not been rolled back yet/);
    await succeed(['apply', undos[2]!, device, '--no-sync', '--quiet']);
    await succeed(['apply', older, device, '--no-sync', '--quiet']);
    expect(readFileSync(device)).toEqual(original);
  });

  it('refuses a gap, and leaves no file', async () => {
    const { own, undos } = await applyAll();
    const out = path.join(own, 'gap.lvs');
    const run = await lvstream(['squash', undos[0]!, undos[2]!, '-o', out]);
    expect(run).toMatchObject({ status: 4, text: '' });
    expect(run.errors).toMatch(
      /^lvstream: the snapbacks are no chain: \S+0\.undo\.lvs, \S+2\.undo\.lvs: nothing leads on/,
    );
    expect(run.errors.split('\n')).toHaveLength(3);
    expect(() => readFileSync(out)).toThrow('ENOENT');
  });

  it('is what merge hints at where snapbacks are named oldest first', async () => {
    const { undos } = await applyAll();
    const run = await lvstream(['merge', ...undos, '-o', folder.fresh('out')]);
    expect(run.status).toBe(4);
    expect(run.errors).toContain('hint: lvstream squash takes snapbacks in any order');
  });
});

describe('snapbacks of lvmsync', () => {
  const records = [[block(0, 1)], [block(0, 2), block(1, 2)]];
  const [old, young] = ['a.undo', 'b.undo'].map((name, i) => {
    const file = path.join(folder.path, name);
    writeFileSync(file, plainStream(records[i]!));
    return file;
  });

  it('need an order that is given, which is said', async () => {
    const run = await lvstream(['squash', young!, old!, '-o', folder.fresh('out')]);
    expect(run.status).toBe(4);
    expect(run.errors).toContain('hint: say what tells their order with --order name');
    const { errors, output } = await succeed([
      'squash',
      young!,
      old!,
      '--order',
      'name',
      '--format',
      'lvmsync',
    ]);
    expect(errors).toBe(`lvstream: taken by their names, the oldest first: ${old!} ${young!}\n`);
    expect(output.subarray(29, 30)).toEqual(Buffer.of(1));
  });

  it('are ordered by time, and as they are named', async () => {
    const copies = [old!, young!].map((file) => `${file}-copy`);
    [old!, young!].forEach((file, i) => {
      copyFileSync(file, copies[i]!);
    });
    utimesSync(copies[0]!, 2000, 2000);
    utimesSync(copies[1]!, 1000, 1000);
    const firstByte = async (...args: string[]) => {
      const { output } = await succeed(['squash', ...args, '--format', 'lvmsync', '--quiet']);
      return output[29];
    };
    expect(await firstByte(...copies, '--order', 'mtime')).toBe(2);
    expect(await firstByte(copies[1]!, copies[0]!, '--order', 'mtime')).toBe(2);
    expect(await firstByte(...copies, '--order', 'given')).toBe(1);
    expect(await firstByte(copies[1]!, copies[0]!, '--order', 'given')).toBe(2);
  });
});
