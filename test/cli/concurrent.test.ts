import { existsSync, linkSync, readFileSync, symlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { plainStream } from '../streams.js';
import { BIN, Folder, lvstream } from './run-lvstream.js';

const folder = new Folder();
const PIECE = 4096;
const MIB = 1 << 20;
const before = Buffer.alloc(4 * MIB, 1);
/** The first record is larger than what a pipe is read by, so that work begins while the second is waited for. */
const first = { offset: 0, data: Buffer.alloc(3 * MIB, 2) };
const second = { offset: 3 * MIB, data: Buffer.alloc(PIECE, 3) };
const stream = plainStream([first, second]);
const after = Buffer.from(before);
for (const { offset, data } of [first, second]) data.copy(after, offset);

/** An apply whose stream comes through a pipe that is not at its end yet, once it has begun its snapback. */
async function startSlow(image: string, snapback: string) {
  const run = execa(process.execPath, [BIN, 'apply', '-', image, '--snapback', snapback], { reject: false });
  run.stdin.write(stream.subarray(0, stream.length - PIECE));
  while (run.exitCode === null && !existsSync(`${snapback}.partial`)) await sleep(20);
  return {
    finish: async () => {
      run.stdin.end(stream.subarray(stream.length - PIECE));
      const { exitCode, stderr } = await run;
      return { exitCode, stderr };
    },
  };
}

const names = {
  'its own name': (image: string) => image,
  'a symbolic link': (image: string) => {
    const path = folder.fresh('symlink');
    symlinkSync(image, path);
    return path;
  },
  'a hard link': (image: string) => {
    const path = folder.fresh('hard-link');
    linkSync(image, path);
    return path;
  },
};

test.each(Object.entries(names))(
  'of two applies to one image, the second by %s, one is refused and the other right',
  async (_, rename) => {
    const image = folder.file('image', before);
    const slow = await startSlow(image, folder.fresh('undo.lvs'));
    const other = folder.file('other.stream', plainStream([{ offset: 0, data: Buffer.alloc(PIECE, 9) }]));
    const refused = await lvstream(['apply', other, rename(image), '--snapback', folder.fresh('undo.lvs')]);
    expect(refused.status).toBe(4);
    expect(refused.errors).toMatch(/^lvstream: .*(locked|another lvstream)/);
    expect(await slow.finish()).toEqual({ exitCode: 0, stderr: '' });
    expect(Buffer.compare(readFileSync(image), after)).toBe(0);
  },
);

test('of two applies that save one snapback, one is refused and both devices can be brought back', async () => {
  const [image, otherImage] = [folder.file('image', before), folder.file('image', before)];
  const undo = folder.fresh('undo.lvs');
  const slow = await startSlow(image, undo);
  const whole = folder.file('whole.stream', stream);
  const refused = await lvstream(['apply', whole, otherImage, '--snapback', undo]);
  expect(refused.status).toBe(4);
  expect(Buffer.compare(readFileSync(otherImage), before)).toBe(0);
  expect(await slow.finish()).toEqual({ exitCode: 0, stderr: '' });
  expect((await lvstream(['apply', undo, image])).status).toBe(0);
  expect(Buffer.compare(readFileSync(image), before)).toBe(0);
});

test('a second lvstream on another image is let in', async () => {
  const slow = await startSlow(folder.file('image', before), folder.fresh('undo.lvs'));
  const image = folder.file('image', before);
  const whole = folder.file('whole.stream', stream);
  expect((await lvstream(['apply', whole, image])).status).toBe(0);
  expect(await slow.finish()).toEqual({ exitCode: 0, stderr: '' });
});

test('two devices that save into one folder at once are both done, each with its way back', async () => {
  const [one, other] = [folder.file('image', before), folder.file('image', before)];
  const [undoOne, undoOther] = [folder.fresh('undo.lvs'), folder.fresh('undo.lvs')];
  const slow = await startSlow(one, undoOne);
  const whole = folder.file('whole.stream', stream);
  expect((await lvstream(['apply', whole, other, '--snapback', undoOther])).status).toBe(0);
  expect(await slow.finish()).toEqual({ exitCode: 0, stderr: '' });
  for (const [image, undo] of [
    [one, undoOne],
    [other, undoOther],
  ] as const) {
    expect(Buffer.compare(readFileSync(image), after)).toBe(0);
    expect((await lvstream(['apply', undo, image])).status).toBe(0);
    expect(Buffer.compare(readFileSync(image), before)).toBe(0);
  }
});

test('what another device saves in the folder keeps no pipe waiting for its end', async () => {
  const started = [];
  for (const undo of ['one.undo.lvs', 'other.undo.lvs'])
    started.push(await startSlow(folder.file('image', before), folder.fresh(undo)));
  for (const slow of started) expect(await slow.finish()).toEqual({ exitCode: 0, stderr: '' });
});
