import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyStream, applyToTarget } from '#src/apply/apply.js';
import type { ApplyOptions } from '#src/apply/work.js';
import { hintOf } from '#src/cli/exit.js';
import { openTarget } from '#src/device/target.js';
import { RefusedError } from '#src/errors.js';
import { openInput, type StreamInput } from '#src/files/open-input.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { MARK_SIZE } from '#src/format/layout.js';
import { MARK_START } from '#src/format/lvs/mark.js';
import { lvstream } from '../cli/run-lvstream.js';
import { replaceCall } from '../files/replace-call.js';
import { batchOf, codec, lvsFile, openBytes, plainStream } from '../streams.js';
import { OPTIONS } from '../apply/applying.js';
import { digestsOver } from '../compare/digests-over.js';

/** Hourly runs of which some are lost, killed, or run again under another name (§6.2, §6.4). */

const BLOCK = 4096;
let folder: string;
let device: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'left-'));
  device = join(folder, 'device');
  writeFileSync(device, blocks('....'));
});
afterEach(() => {
  expect(heldOpen()).toEqual([]);
  rmSync(folder, { recursive: true });
});

/** A device of as many blocks as there are letters, each full of its letter. */
const blocks = (letters: string) =>
  Buffer.concat(Array.from(letters).map((letter) => Buffer.alloc(BLOCK, letter)));
const held = () =>
  [...Array(4).keys()].map((i) => String.fromCharCode(readFileSync(device)[i * BLOCK]!)).join('');
const at = (name: string) => join(folder, name);
/** The files of the folder that are open. */
const heldOpen = () =>
  openFiles()
    .map((fd) => readLink(`/proc/self/fd/${fd}`))
    .filter((name) => name.startsWith(`${folder}/`));
const openFiles = () => readdirSync('/proc/self/fd');
/** The descriptor by which the list was read is closed by now. */
const readLink = (fd: string) => (existsSync(fd) ? readlinkSync(fd) : '');
const names = () => readdirSync(folder).filter((name) => name !== 'device');

/** Writes the letters that are no spaces, a record each. */
const recordsOf = (letters: string) =>
  Array.from(letters).flatMap((letter, i) =>
    letter === ' ' ? [] : [{ offset: i * BLOCK, data: blocks(letter) }],
  );

function inputOf(bytes: Uint8Array, path?: string): StreamInput {
  return {
    ...{ name: 'stream', path, rewindable: true },
    open: ({ pieces = true } = {}) => openBytes(bytes, pieces),
    close: () => undefined,
  };
}

const openFile = async (path: string) => inputOf(readFileSync(path), path);
const apply = (input: StreamInput, options: Partial<ApplyOptions> = {}) =>
  applyStream(input, device, codec, openFile, { ...OPTIONS, ...options });
const rollBack = async (name: string) => apply(await openFile(at(name)));

async function takeBack(name: string): Promise<void> {
  const input = await openInput(at(name), codec, { rewindable: true });
  await apply(input, { salvage: true });
  input.close();
}

let ids = 1;
/** An `.lvs` stream; with `over`, base digests of a device that holds that. */
async function stream(
  letters: string,
  header: Partial<StreamHeader>,
  { over }: { readonly over?: string } = {},
): Promise<StreamInput> {
  const digest = over === undefined ? undefined : digestsOver(blocks(over));
  const batches = recordsOf(letters).map((record) => {
    const batch = batchOf([record]);
    return digest ? { ...batch, pieces: digest(batch) } : batch;
  });
  const id = new Uint8Array(16).fill(ids++);
  const baseDigests = digest && true;
  return inputOf(await lvsFile(batches, { id, order: 'sorted', baseDigests, ...header }));
}

const plain = (letters: string) => inputOf(plainStream(recordsOf(letters)));

class Killed extends Error {}

/** Applies to a target whose process dies in the write after `left` writes. */
async function killedAfter(left: number, input: StreamInput, options: Partial<ApplyOptions>): Promise<void> {
  const target = openTarget(device, { inUse: false });
  let writes = 0;
  const write = (bytes: Uint8Array, offset: number) => {
    if (writes++ === left) throw new Killed();
    target.write(bytes, offset);
  };
  const run = applyToTarget(input, { ...target, write }, codec, openFile, { ...OPTIONS, ...options });
  await expect(run).rejects.toThrow(Killed);
  target.close();
}

const hour = (n: number) => ({ id: `lv:${n}`, time: n * 10 });
const between = (from: number, to: number, exhaustive = false) => ({
  base: hour(from),
  result: { ...hour(to), covers: [`lv:${from}`] },
  exhaustive,
});
/** From a snapshot to what the origin held then, while the snapshots `covers` were there. */
const live = (from: number, time: number, ...covers: number[]) => ({
  base: hour(from),
  result: {
    id: `uuid:live-${time}`,
    time: time * 10,
    until: time * 10 + 5,
    covers: covers.map((n) => `lv:${n}`),
  },
  exhaustive: true,
});

describe('an hour that was lost', () => {
  test('is noticed: what follows it is refused, and nothing is written', async () => {
    await apply(await stream('a   ', live(9, 10, 9, 10)), { snapback: at('u10') });
    const later = await stream(' b  ', live(11, 12, 10, 11, 12));
    await expect(apply(later, { snapback: at('u12') })).rejects.toThrow('starts from lv:11');
    expect([held(), names()]).toEqual(['a...', ['u10']]);
  });

  test('whose snapshot is still there is caught up with', async () => {
    await apply(await stream('a   ', live(9, 10, 9, 10)), { snapback: at('u10') });
    await apply(await stream('bb  ', live(10, 12, 10, 11, 12)), { snapback: at('u12') });
    expect(held()).toBe('bb..');
    await rollBack('u12');
    await rollBack('u10');
    expect(held()).toBe('....');
  });
});

describe('a replica that was copied live', () => {
  test('may hold newer data than the base of what follows, so base digests refuse nothing', async () => {
    await apply(await stream('b   ', live(9, 10, 9, 10)), { snapback: at('u10') });
    const next = await stream('c   ', between(10, 11, true), { over: 'a...' });
    const report = await apply(next, { snapback: at('u11') });
    expect([report.outcome, held()]).toEqual(['applied', 'c...']);
  });

  test('is not led on by a stream that leaves out what is equal', async () => {
    await apply(await stream('b   ', live(9, 10, 9, 10)), { snapback: at('u10') });
    const next = apply(await stream(' c  ', between(10, 11)), { snapback: at('u11') });
    await expect(next).rejects.toMatchObject({
      hint: expect.stringContaining('dump it again with keep-equal; no-base-check') as string,
    });
    expect(held()).toBe('b...');
  });

  test('is not led back by one that was read earlier', async () => {
    await apply(await stream('bb  ', live(9, 12, 9, 10)), { snapback: at('u12') });
    const late = apply(await stream('a   ', live(10, 11, 9, 10)), { snapback: at('u11') });
    await expect(late).rejects.toThrow('was read later than the stream');
    expect(held()).toBe('bb..');
  });
});

describe('an unfinished snapback under another name', () => {
  test('stops what does not follow, and the same command finishes it', async () => {
    const second = await stream('aa  ', between(9, 10));
    await killedAfter(1, second, { snapback: at('u2') });
    const third = await stream(' bb ', between(10, 11));
    await expect(apply(third, { snapback: at('u3') })).rejects.toMatchObject({
      message: expect.stringContaining('u2.partial') as string,
      remedies: [{ name: 'take-back', stream: at('u2.partial'), device, skipPastEnd: false }],
    });
    expect([held(), names()]).toEqual(['a...', ['u2.partial']]);
    await apply(second, { snapback: at('u2') });
    await apply(third, { snapback: at('u3') });
    expect([held(), names()]).toEqual(['abb.', ['u2', 'u3']]);
    await rollBack('u3');
    await rollBack('u2');
    expect(held()).toBe('....');
  });

  test('stops what does not follow until what it recorded is taken back, which leaves nothing of it', async () => {
    await killedAfter(1, await stream('aa  ', between(10, 11)), { snapback: at('u2') });
    await takeBack('u2.partial');
    expect(held()).toBe('....');
    await apply(await stream('c   ', between(9, 12)), { snapback: at('u3') });
    expect([held(), names()]).toEqual(['c...', ['u3']]);
  });

  test('is gone on with by the same stream, and gets its name', async () => {
    const second = await stream('aa  ', between(9, 10));
    await killedAfter(1, second, { snapback: at('u2') });
    const report = await apply(second, { snapback: at('u3') });
    expect([report.outcome, held(), names()]).toEqual(['finished', 'aa..', ['u3']]);
    await rollBack('u3');
    expect(held()).toBe('....');
  });

  test('is gone on with by the same stream, which names no states', async () => {
    const second = await stream('aa  ', {});
    await killedAfter(1, second, { snapback: at('u2') });
    await apply(second, { snapback: at('u3') });
    expect([held(), names()]).toEqual(['aa..', ['u3']]);
  });

  test('is gone on with by another stream between the same states', async () => {
    await killedAfter(1, await stream('aa  ', between(9, 10)), { snapback: at('u2') });
    await apply(await stream('aa  ', between(9, 10)), { snapback: at('u3') });
    expect([held(), names()]).toEqual(['aa..', ['u3']]);
    await rollBack('u3');
    expect(held()).toBe('....');
  });

  test.each(['u2', 'u3'])('is named where it is gone on with, as %s', async (name) => {
    const second = await stream('aa  ', between(9, 10));
    await killedAfter(1, second, { snapback: at('u2') });
    const { notices } = await apply(second, { snapback: at(name) });
    expect(notices).toEqual([`goes on with ${at('u2.partial')}, which an interrupted apply left`]);
  });

  test('is closed by a stream to the same state that starts from another one', async () => {
    const covers = ['lv:8', 'lv:9'];
    await apply(await stream('x   ', between(8, 9)), { snapback: at('u9') });
    const result = { ...hour(10), covers };
    await killedAfter(1, await stream('aa  ', { base: hour(9), result }), { snapback: at('u10') });
    const whole = await stream('aa  ', { base: hour(8), result, exhaustive: true });
    await apply(whole, { snapback: at('u11') });
    expect([held(), names()]).toEqual(['aa..', ['u10', 'u11', 'u9']]);
    await rollBack('u11');
    await rollBack('u10');
    expect(held()).toBe('x...');
  });

  test('is closed by a stream that can be read only once', async () => {
    const second = await stream('aa  ', between(9, 10, true));
    await killedAfter(1, second, { snapback: at('u2') });
    await apply({ ...second, rewindable: false }, { snapback: at('u3') });
    expect([held(), names()]).toEqual(['aa..', ['u2', 'u3']]);
    await rollBack('u3');
    await rollBack('u2');
    expect(held()).toBe('....');
  });

  test.each(['u2', 'u3'])('does not stop what is not asked whether it follows: %s', async (name) => {
    await killedAfter(1, await stream('aa  ', between(9, 10)), { snapback: at('u2') });
    await apply(await stream('ab  ', between(12, 13)), { snapback: at(name), baseCheck: false });
    expect(held()).toBe('ab..');
    for (const undo of names().reverse()) await rollBack(undo);
    expect(held()).toBe('....');
  });

  test('is left as it is by what does not follow, under its own name too', async () => {
    await killedAfter(1, await stream('aa  ', between(9, 10)), { snapback: at('u2') });
    const left = readFileSync(at('u2.partial'));
    const next = apply(await stream(' b  ', between(12, 13)), { snapback: at('u2') });
    await expect(next).rejects.toThrow('which an interrupted apply left, the device is at lv:9');
    expect(readFileSync(at('u2.partial')).equals(left)).toBe(true);
  });

  test('that has no whole header is none', async () => {
    const second = await stream('aa  ', between(9, 10));
    await killedAfter(0, second, { snapback: at('u2') });
    truncateSync(at('u2.partial'), 20);
    await apply(second, { snapback: at('u2') });
    expect([held(), names()]).toEqual(['aa..', ['u2']]);
  });

  test('is gone on with where a write was torn inside a sector', async () => {
    const second = await stream('aa  ', between(9, 10));
    await killedAfter(0, second, { snapback: at('u2') });
    writeFileSync(device, Buffer.concat([blocks('a').subarray(100), blocks('....').subarray(4096 - 100)]));
    await apply(second, { snapback: at('u2') });
    expect(held()).toBe('aa..');
    await rollBack('u2');
    expect(readFileSync(device).equals(blocks('....'))).toBe(true);
  });

  test('is not gone on with where something else was written', async () => {
    const second = await stream('aa  ', between(9, 10));
    await killedAfter(1, second, { snapback: at('u2') });
    writeFileSync(device, blocks('z...'));
    await expect(apply(second, { snapback: at('u2') })).rejects.toMatchObject({
      message: `${device}: byte 0 is neither what the unfinished snapback recorded nor what the stream writes`,
    });
    expect(held()).toBe('z...');
  });

  test('vouches for nothing that it has not overwritten', async () => {
    const second = await stream('aa  ', between(9, 10), { over: 'x...' });
    await killedAfter(0, second, { snapback: at('u2'), baseCheck: false });
    await expect(apply(second, { snapback: at('u2') })).rejects.toThrow('(wrong base)');
    expect(held()).toBe('....');
  });

  test('is known to be gone once it has left nothing', async () => {
    const synced: string[] = [];
    await killedAfter(0, await stream('aa  ', between(9, 10)), { snapback: at('u2') });
    replaceCall('fsyncSync', (call) => (fd: number) => {
      if (statSync(`/proc/self/fd/${fd}`).isDirectory()) synced.push(names().join());
      call(fd);
    });
    await apply(await stream('c   ', between(9, 10)), { snapback: at('u3') });
    expect(synced[0]).toBe('');
  });

  test.each([true, false])('is asked what stands behind a damage: the device holds it: %s', async (holds) => {
    const second = await stream('aaa ', between(9, 10));
    await killedAfter(0, second, { snapback: at('u2') });
    const left = readFileSync(at('u2.partial'));
    const marks = [...left.keys()].filter((i) => left.subarray(i, i + MARK_START.length).equals(MARK_START));
    const damaged = Buffer.from(left.subarray(0, marks.at(-1))).fill(0, marks[0]! + MARK_SIZE, marks[1]);
    writeFileSync(at('u2.partial'), damaged);
    if (!holds) writeFileSync(device, blocks('..a.'));
    const again = apply(second, { snapback: at('u2') });
    if (holds) await again;
    else await expect(again).rejects.toThrow('is damaged, with what was recorded later behind it');
    expect(held()).toBe(holds ? 'aaa.' : '..a.');
  });

  test('of a plain stream is closed first, so that both ways back are there', async () => {
    await killedAfter(1, plain('aa  '), { snapback: at('u2') });
    await apply(plain('aa  '), { snapback: at('u3') });
    expect([held(), names()]).toEqual(['aa..', ['u2', 'u3']]);
    await expect(rollBack('u2')).rejects.toThrow('is newer');
    await rollBack('u3');
    expect(held()).toBe('a...');
    await rollBack('u2');
    expect(held()).toBe('....');
  });

  test('of a stream without an id is closed although the device holds all of that stream', async () => {
    const unnamed = await stream('aa  ', { id: undefined }, { over: '....' });
    await killedAfter(1, unnamed, { snapback: at('u2') });
    writeFileSync(device, blocks('aa..'));
    await apply(unnamed, { snapback: at('u3') });
    expect([held(), names()]).toEqual(['aa..', ['u2', 'u3']]);
    await rollBack('u3');
    await rollBack('u2');
    expect(held()).toBe('....');
  });

  test('does not block a later hour that leads on from where it began', async () => {
    await apply(await stream('x   ', between(8, 9)), { snapback: at('u9') });
    await killedAfter(1, await stream('aa  ', live(9, 10, 8, 9)), { snapback: at('u10') });
    const report = await apply(await stream('bbb ', live(9, 11, 8, 9)), { snapback: at('u11') });
    expect(report.notices.join()).toContain('u10.partial');
    expect([held(), names()]).toEqual(['bbb.', ['u10', 'u11', 'u9']]);
    for (const [name, letters] of [
      ['u11', 'a...'],
      ['u10', 'x...'],
      ['u9', '....'],
    ] as const) {
      await rollBack(name);
      expect(held()).toBe(letters);
    }
  });

  test('that was killed before its first write has left nothing', async () => {
    await killedAfter(0, await stream('aa  ', between(10, 11)), { snapback: at('u2') });
    expect(existsSync(at('u2.partial'))).toBe(true);
    await apply(await stream('c   ', between(9, 12)), { snapback: at('u3') });
    expect([held(), names()]).toEqual(['c...', ['u3']]);
  });

  test('that was closed does not stop the one behind it, which was killed before its first write', async () => {
    const unnamed = await stream('aa  ', { id: undefined }, { over: '....' });
    await killedAfter(1, unnamed, { snapback: at('u2') });
    await killedAfter(0, unnamed, { snapback: at('u3') });
    expect(names()).toEqual(['u2', 'u3.partial']);
    await apply(unnamed, { snapback: at('u3') });
    expect([held(), names()]).toEqual(['aa..', ['u2', 'u3']]);
    await rollBack('u3');
    await rollBack('u2');
    expect(held()).toBe('....');
  });

  test('keeps an older snapback beside it from being rolled back', async () => {
    await apply(await stream('a   ', between(8, 9)), { snapback: at('u9') });
    await killedAfter(1, await stream(' bb ', between(9, 10)), { snapback: at('u10') });
    appendFileSync(at('u10.partial'), 'torn');
    const left = readFileSync(at('u10.partial'));
    await expect(rollBack('u9')).rejects.toThrow(RefusedError);
    expect(held()).toBe('ab..');
    expect(readFileSync(at('u10.partial')).equals(left)).toBe(true);
    await takeBack('u10.partial');
    await rollBack('u9');
    expect(held()).toBe('....');
  });

  test('of another device means nothing', async () => {
    await killedAfter(1, plain('aa  '), { snapback: at('u2') });
    const other = at('other');
    writeFileSync(other, blocks('....'));
    await applyStream(plain('c   '), other, codec, openFile, { ...OPTIONS, snapback: at('u3') });
    expect(names()).toEqual(['other', 'u2.partial', 'u3']);
  });
});

describe('an unfinished snapback of a device that has another size by now', () => {
  const sized = (letters: string) => ({
    baseSize: letters.length * BLOCK,
    resultSize: letters.length * BLOCK,
  });
  test.each([
    ['larger', 'a.....', false],
    ['smaller', 'a..', true],
  ])('is refused with the way back, of a device that is %s', async (_, now, skipPastEnd) => {
    await killedAfter(1, await stream('a  a', between(9, 10)), { snapback: at('u2') });
    writeFileSync(device, blocks(now));
    const next = await stream(' c ', { ...between(9, 12), ...sized(now) });
    for (const name of ['u2', 'u3'])
      await expect(apply(next, { snapback: at(name) })).rejects.toMatchObject({
        message: `${at('u2.partial')}: is unfinished, and of ${device} when it had 16384 bytes; now it has ${now.length * BLOCK}`,
        hint: `take back what it recorded, then run this again: apply what is whole of ${at('u2.partial')} to ${device}`,
        remedies: [{ name: 'take-back', stream: at('u2.partial'), device, skipPastEnd }],
      });
  });

  /** Runs the command that a refusal's hint ends with. */
  const follow = async (run: Promise<unknown>) => {
    const refusal = await run.then(
      () => undefined,
      (error: unknown) => error as RefusedError,
    );
    const [, command] = / lvstream (apply .*)$/.exec((refusal && hintOf(refusal)) ?? '') ?? [];
    return (await lvstream(command!.split(' '))).status;
  };

  test.each([
    ['larger, under another name', 'a.....', '......', 'u3'],
    ['larger, under its own', 'a.....', '......', 'u2'],
    ['smaller, under another name', 'a..', '...', 'u3'],
    ['smaller, under its own', 'a..', '...', 'u2'],
  ])('blocks nothing once it is taken back as the hint says: %s', async (_, now, before, name) => {
    await killedAfter(1, await stream('a  a', between(9, 10)), { snapback: at('u2') });
    expect(held()).toBe('a...');
    writeFileSync(device, blocks(now));
    const next = await stream(' c ', { ...between(9, 12), ...sized(now) });
    expect(await follow(apply(next, { snapback: at(name) }))).toBe(5);
    expect(readFileSync(device).equals(blocks(before))).toBe(true);
    await apply(next, { snapback: at(name) });
    expect(names().filter((each) => !each.startsWith('.'))).toEqual([name]);
    await rollBack(name);
    expect(readFileSync(device).equals(blocks(before))).toBe(true);
  });

  test.each(['u2', 'u3'])('keeps what lay past the end of a device that is smaller now: %s', async (name) => {
    await killedAfter(1, await stream('a  a', between(9, 10)), { snapback: at('u2') });
    writeFileSync(device, blocks('...'));
    const report = await apply(await stream(' c ', { ...between(9, 12), ...sized('...') }), {
      snapback: at(name),
    });
    const [aside] = names().filter((each) => each.startsWith('.'));
    expect(report.notices.join()).toContain(at(aside!));
    writeFileSync(device, blocks('...x'));
    await takeBack(aside!);
    expect(held()).toBe('....');
  });

  test('is nothing to a dry run', async () => {
    await killedAfter(0, await stream('a   ', between(9, 10)), { snapback: at('u2') });
    writeFileSync(device, blocks('.....'));
    const next = await stream(' c ', between(9, 12));
    for (const name of ['u2', 'u3'])
      expect((await apply(next, { snapback: at(name), dryRun: true })).outcome).toBe('checked');
    expect(names()).toEqual(['u2.partial']);
  });
});

test('of several unfinished snapbacks those that have left nothing on the device do not count', async () => {
  const second = await stream('aa  ', between(9, 10));
  await killedAfter(0, await stream('   x', between(7, 8)), { snapback: at('u1') });
  renameSync(at('u1.partial'), at('.aside'));
  await killedAfter(1, second, { snapback: at('u2') });
  renameSync(at('.aside'), at('u1.partial'));
  await apply(second, { snapback: at('u3') });
  expect([held(), names()]).toEqual(['aa..', ['u3']]);
});

test.each([
  ['other data', 'aa  '],
  ['what is there already', '..  '],
])('an apply of %s that was killed as its snapback had both of its names is done', async (_, letters) => {
  await apply(plain(letters), { snapback: at('u1') });
  linkSync(at('u1'), at('u1.partial'));
  expect((await apply(plain(letters), { snapback: at('u1') })).outcome).toBe('already-applied');
  expect(names()).toEqual(['u1']);
});

test('several unfinished snapbacks of which each has left something stop every other apply', async () => {
  await killedAfter(1, await stream('aa  ', between(9, 10)), { snapback: at('u1') });
  renameSync(at('u1.partial'), at('.aside'));
  await killedAfter(1, await stream(' bb ', between(10, 11)), { snapback: at('u2') });
  renameSync(at('.aside'), at('u1.partial'));
  const next = apply(await stream('   d', between(11, 12)), { snapback: at('u3') });
  await expect(next).rejects.toBeInstanceOf(RefusedError);
  await expect(next).rejects.toMatchObject({
    message: `${device}: several interrupted applies to it are unfinished: ${at('u1.partial')}, ${at('u2.partial')}`,
    hint: 'finish each with the same command as before, the latest one first',
  });
  expect([held(), names()]).toEqual(['ab..', ['u1.partial', 'u2.partial']]);
});

test('an hour that is dumped and applied once more is already applied, and the next one goes on', async () => {
  await apply(await stream('a   ', between(9, 10), { over: '....' }), { snapback: at('u1') });
  const again = await stream('a   ', between(9, 10), { over: '....' });
  expect((await apply(again, { snapback: at('u1-again') })).outcome).toBe('already-applied');
  expect([held(), names()]).toEqual(['a...', ['u1']]);
  await apply(await stream(' b  ', between(10, 11), { over: 'a...' }), { snapback: at('u2') });
  expect(held()).toBe('ab..');
});

describe('a device that is too small', () => {
  const sizes = { baseSize: 4 * BLOCK, resultSize: 4 * BLOCK };

  test('is led on hour by hour without what lies past its end, until it has been made larger', async () => {
    writeFileSync(device, blocks('...'));
    const skipping = { skipPastEnd: true };
    await apply(await stream('a  a', { ...between(9, 10), ...sizes }), { snapback: at('u1'), ...skipping });
    await apply(await stream('bb b', { ...between(10, 11), ...sizes }), { snapback: at('u2'), ...skipping });
    expect(readFileSync(device).equals(blocks('bb.'))).toBe(true);
    writeFileSync(device, blocks('bb..'));
    const third = await stream('c   ', { ...between(11, 12), ...sizes });
    await expect(apply(third, { snapback: at('u3') })).rejects.toThrow('had 12288 when');
    expect(held()).toBe('bb..');
    await apply(third, { snapback: at('u3'), baseCheck: false });
    expect(held()).toBe('cb..');
  });
});

test('a device that holds neither end of its newest snapback is at no state that a stream starts from', async () => {
  await apply(await stream('a   ', between(9, 10)), { snapback: at('u1') });
  writeFileSync(device, blocks('x...'));
  const next = await stream(' b  ', between(10, 11));
  await expect(apply(next, { snapback: at('u2') })).rejects.toThrow('holds neither end of');
  expect([held(), names()]).toEqual(['x...', ['u1']]);
});
