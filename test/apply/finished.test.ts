import { readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { findFinished, isBegun } from '#src/apply/finished.js';
import { identifyTarget } from '#src/device/target.js';
import type { StreamInput } from '#src/files/open-input.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import type { ClosingExtras } from '#src/format/lvs/writer.js';
import { replaceCall } from '../files/replace-call.js';
import { batchOf, codec, lvsFile, plainStream } from '../streams.js';
import { apply, inputOf, openFile } from './applying.js';
import { makeFolder } from '../device/block-devices.js';
import { digestsOver } from '../compare/digests-over.js';
import { memoryDevice } from '../compare/memory-device.js';

/** Whether an apply has been begun, or all of it done (§6.4). */

const BLOCK = 4096;
let folder: string;
beforeEach(() => {
  folder = makeFolder();
  writeFileSync(at('device'), blocks('....'));
});

const at = (name: string) => path.join(folder, name);
const blocks = (letters: string) =>
  Buffer.concat(Array.from(letters, (letter) => Buffer.alloc(BLOCK, letter)));
const hold = (letters: string) => {
  writeFileSync(at('device'), blocks(letters));
};
const idOf = (n: number) => new Uint8Array(16).fill(n);

/** Writes the letters that are no spaces, a record each. */
const recordsOf = (letters: string) =>
  Array.from(letters).flatMap((letter, i) =>
    letter === ' ' ? [] : [{ offset: i * BLOCK, data: blocks(letter) }],
  );

const plain = (letters: string) => inputOf(plainStream(recordsOf(letters)));
const lvs = async (letters: string, header: Partial<StreamHeader> = {}) =>
  inputOf(await lvsFile([batchOf(recordsOf(letters))], { order: 'sorted', ...header }));

/** A snapback that puts the letters back on a device that holds `over`. */
async function save(
  letters: string,
  over: string,
  header: Partial<StreamHeader> = {},
  closing: ClosingExtras = {},
): Promise<string> {
  const digest = digestsOver(blocks(over));
  const batches = recordsOf(letters).map((record) => {
    const batch = batchOf([record]);
    return { ...batch, pieces: digest(batch) };
  });
  const { path: real, size } = identifyTarget(at('device'));
  const made = { kind: 'snapback', order: 'sorted', baseDigests: true, sequence: 1 } as const;
  const target = { path: real, size };
  writeFileSync(at('undo'), await lvsFile(batches, { ...made, target, ...header }, () => closing));
  return at('undo');
}

async function find(
  snapback: string | undefined,
  input: StreamInput,
  { skipPastEnd = false, device = 'device' } = {},
): Promise<{ readonly pastEnd: number } | undefined> {
  const { header } = await input.open();
  const target = { ...memoryDevice(readFileSync(at(device)), at(device)) };
  return findFinished(snapback, { input, target, codec, openFile, options: { skipPastEnd } }, header);
}

const ALL = { pastEnd: 0 };

describe('an apply whose snapback is finished has been done', () => {
  it.each<[string, () => StreamInput | Promise<StreamInput>]>([
    ['a plain stream', () => plain('ab  ')],
    ['a stream without an id', () => lvs('ab  ')],
    ['a stream with an id', () => lvs('ab  ', { id: idOf(1) })],
    ['a stream of what was there', () => plain('....')],
    [
      'a stream that writes a place twice',
      () => inputOf(plainStream([...recordsOf('b'), ...recordsOf('a')])),
    ],
  ])('of %s', async (_, make) => {
    const input = await make();
    await apply(input, at('device'), { snapback: at('undo') });
    expect(await find(at('undo'), input)).toEqual(ALL);
  });

  it.each<[string, Partial<StreamHeader>, ClosingExtras]>([
    ['its header', { undoes: [idOf(2), idOf(1)] }, {}],
    ['its closing map', {}, { undoes: [idOf(2), idOf(1)] }],
    ['its closing map, which its header knew less of', { undoes: [idOf(2)] }, { undoes: [idOf(1)] }],
  ])('if it names the stream in %s', async (_, header, closing) => {
    hold('a...');
    const undo = await save('.', 'a...', header, closing);
    expect(await find(undo, await lvs('a', { id: idOf(1) }))).toEqual(ALL);
  });

  it('and tells what of the stream lies past the end of the device, if that is to be left out', async () => {
    const input = await lvs('aa  aa', { id: idOf(1) });
    await apply(input, at('device'), { snapback: at('undo'), skipPastEnd: true });
    expect(await find(at('undo'), input, { skipPastEnd: true })).toEqual({ pastEnd: 2 * BLOCK });
    expect(await find(at('undo'), input)).toBeUndefined();
  });
});

describe('an apply is still to be done', () => {
  const input = () => lvs('ab', { id: idOf(1) });
  const undoes = [idOf(1)];
  beforeEach(() => {
    hold('ab..');
  });

  it('without a snapback', async () => {
    expect(await find(undefined, await input())).toBeUndefined();
    expect(await find(at('undo'), await input())).toBeUndefined();
  });

  it('where its stream can not be read again, or its snapback is not under its own name', async () => {
    const undo = await save('..', 'ab..', { undoes });
    expect(await find(undo, await input())).toEqual(ALL);
    expect(await find(undo, { ...(await input()), rewindable: false })).toBeUndefined();
    renameSync(undo, at('other'));
    symlinkSync('other', undo);
    expect(await find(undo, await input())).toBeUndefined();
  });

  it.each<[string, Partial<StreamHeader>]>([
    ['is no snapback', { kind: 'changes', undoes }],
    ['is of no device', { target: undefined, undoes }],
    ['is of another device', { target: { path: '/dev/other', size: 4 * BLOCK }, undoes }],
    ['names no stream', {}],
    ['names another stream', { undoes: [idOf(2)] }],
  ])('where what has the name of its snapback %s', async (_, header) => {
    expect(await find(await save('..', 'ab..', header), await input())).toBeUndefined();
  });

  it('where what has the name of its snapback is no stream', async () => {
    writeFileSync(at('undo'), 'text');
    expect(await find(at('undo'), await input())).toBeUndefined();
  });

  it.each([
    ['what the snapback expects is not there', '...', 'abx.'],
    ['the snapback has been rolled back', '...', '....'],
  ])('where %s', async (_, letters, over) => {
    const undo = await save(letters, over, { undoes });
    hold('abc.');
    expect(await find(undo, await input())).toBeUndefined();
  });

  it('where the snapback has been rolled back to what the stream writes', async () => {
    const undo = await save('ab', 'xy..', { undoes });
    expect(await find(undo, await input())).toBeUndefined();
  });

  it('where its snapback is of a part of it, as of a damaged stream', async () => {
    const undo = await save('.', 'ac..', { undoes });
    hold('ac..');
    expect(await find(undo, await input())).toBeUndefined();
  });
});

describe('a snapback is begun', () => {
  it('if it is there, finished or not', async () => {
    for (const name of ['undo', 'undo.partial']) {
      expect(await isBegun(at('undo'), at('device'))).toBe(false);
      writeFileSync(at(name), 'whatever it is');
      expect(await isBegun(at('undo'), at('device'))).toBe(true);
      renameSync(at(name), at('aside'));
    }
  });

  it('if one of the same device is unfinished beside it', async () => {
    await save('..', 'ab..');
    renameSync(at('undo'), at('other'));
    expect(await isBegun(at('undo'), at('device'))).toBe(false);
    renameSync(at('other'), at('other.partial'));
    expect(await isBegun(at('undo'), at('device'))).toBe(true);
    writeFileSync(at('device2'), blocks('....'));
    expect(await isBegun(at('undo'), at('device2'))).toBe(false);
  });

  it('never, where none is wanted, or where there is no such device or folder', async () => {
    await save('..', 'ab..');
    expect(await isBegun(undefined, at('device'))).toBe(false);
    expect(await isBegun(at('none/undo'), at('device'))).toBe(false);
    expect(await isBegun(at('new'), at('none'))).toBe(false);
  });

  it('as far as can be told: what is a mistake of the program is thrown', async () => {
    const mistake = new TypeError('a mistake');
    replaceCall('readdirSync', () => () => {
      throw mistake;
    });
    await expect(isBegun(at('undo'), at('device'))).rejects.toBe(mistake);
  });
});
