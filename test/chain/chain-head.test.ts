import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  checkFollows,
  checkTurn,
  findOfDevice,
  findSnapbacks,
  type FoundSnapback,
  judgeSnapback,
  type JudgedSnapback,
  linkTo,
  nextSequence,
  refuseGrown,
} from '#src/chain/chain-head.js';
import { isPartial } from '#src/chain/partial-file.js';
import type { TargetIdentity } from '#src/device/target.js';
import type { Verdict } from '#src/compare/verdict.js';
import { DeviceError, FormatError, RefusedError } from '#src/errors.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import type { State } from '#src/format/lvs/maps/state.js';
import { replaceCall } from '../files/replace-call.js';
import { batchOf, codec, lvsFile, plainStream } from '../streams.js';
import { inputOf, openFile } from '../apply/applying.js';
import { digestsOver } from '../compare/digests-over.js';
import { memoryDevice } from '../compare/memory-device.js';

/** Where a snapback goes in the chain of its device, and which one is to be rolled back next (§6.3). */

const BLOCK = 4096;
const TARGET: TargetIdentity = { path: '/dev/replica', deviceId: 'LVM-1', size: 4 * BLOCK };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chain-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});
const at = (name: string) => join(folder, name);

const blocks = (letters: string) =>
  Buffer.concat(Array.from(letters, (letter) => Buffer.alloc(BLOCK, letter)));
const holding = (letters: string) => memoryDevice(blocks(letters));

/** A snapback that puts the letters back on a device that holds `over`. */
async function save(
  name: string,
  letters: string,
  over: string,
  header: Partial<StreamHeader> = {},
): Promise<FoundSnapback> {
  const digest = digestsOver(blocks(over));
  const batches = Array.from(letters).flatMap((letter, i) => {
    const batch = batchOf([{ offset: i * BLOCK, data: blocks(letter) }]);
    return letter === ' ' ? [] : [{ ...batch, pieces: digest(batch) }];
  });
  const target = { path: TARGET.path, deviceId: TARGET.deviceId, size: TARGET.size };
  const made = {
    kind: 'snapback',
    order: 'sorted',
    baseDigests: true,
    sequence: 1,
    target,
    ...header,
  } as const;
  writeFileSync(at(name), await lvsFile(batches, made));
  return { path: at(name), header: { requires: [], ...made } };
}

describe('the snapbacks of a device', () => {
  it('are found in its folder, newest first', async () => {
    await save('old', 'a   ', 'b...', { sequence: 3 });
    await save('new', 'a   ', 'b...', { sequence: 20 });
    await save('oldest', 'a   ', 'b...', { sequence: undefined });
    await save('derived', 'a   ', 'b...', { sequence: 30, derivedFrom: [{ by: 'merge' }] });
    await save('.hidden', 'a   ', 'b...');
    await save('begun.partial', 'a   ', 'b...');
    await save('of another', 'a   ', 'b...', { target: { path: TARGET.path, deviceId: 'LVM-2', size: 1 } });
    await save('of nothing', 'a   ', 'b...', { target: undefined });
    await save('changes', 'a   ', 'b...', { kind: 'changes' });
    await save('by its path', 'a   ', 'b...', { sequence: 1, target: { path: TARGET.path, size: 1 } });
    writeFileSync(at('text'), 'no stream');
    mkdirSync(at('folder'));
    const found = await findSnapbacks(folder, TARGET);
    expect(found.map(({ path }) => path)).toEqual(['new', 'old', 'by its path', 'oldest'].map(at));
    const begun = await findOfDevice(folder, TARGET, isPartial);
    expect(begun.map(({ path }) => path)).toEqual([at('begun.partial')]);
  });

  it('may go while they are looked for; what can not be read is named', async () => {
    await save('there', 'a   ', 'b...');
    await save('gone', 'a   ', 'b...');
    const instead = { make: () => undefined as unknown };
    replaceCall('readdirSync', (call) => (...args: unknown[]) => {
      const entries = (call as (...args: unknown[]) => unknown)(...args);
      rmSync(at('gone'));
      instead.make();
      return entries;
    });
    expect((await findSnapbacks(folder, TARGET)).map(({ path }) => path)).toEqual([at('there')]);
    await save('gone', 'a   ', 'b...');
    instead.make = () => {
      symlinkSync(at('gone'), at('gone'));
    };
    await expect(findSnapbacks(folder, TARGET)).rejects.toThrow(DeviceError);
  });

  it('can not be listed where there is no folder', async () => {
    await expect(findSnapbacks(at('none'), TARGET)).rejects.toThrow("its snapbacks can't be listed");
  });
});

const lv = (n: number): State => ({ id: `lv:${n}`, time: n * 10 });
/** The newest snapback: it leads back from 2 to 1. */
const headWith = (
  kind: Verdict['kind'],
  { unknownBytes = 0, closing = {}, sequence = 7 } = {},
): JudgedSnapback => ({
  path: '/u/newest',
  header: {
    kind: 'snapback',
    requires: [],
    order: 'sorted',
    sequence,
    base: lv(2),
    result: lv(1),
    target: TARGET,
  },
  closing: { records: 1, data: 1, size: 1, high: 1, ...closing } as JudgedSnapback['closing'],
  verdict: { kind, unknownBytes },
});

describe('a new snapback', () => {
  it('without others before it begins a chain', () => {
    expect(linkTo(undefined, { base: lv(1) }, 'uuid:new')).toEqual({
      before: lv(1),
      sequence: 1,
      follows: undefined,
      isCovered: false,
    });
    expect(linkTo(undefined, {}, 'uuid:new').before).toEqual({ id: 'uuid:new' });
  });

  it.each<[Verdict['kind'], number]>([
    ['base', 2],
    ['either', 2],
    ['result', 1],
  ])('goes behind the newest one, of which the device is at: %s', (kind, state) => {
    const head = headWith(kind);
    const link = linkTo(head, { base: lv(state), result: lv(5) }, 'uuid:new');
    expect(link).toEqual({ before: lv(state), sequence: 8, follows: head, isCovered: false });
    const other = () => linkTo(head, { base: lv(3 - state), result: lv(5) }, 'uuid:new');
    expect(other).toThrow(RefusedError);
    expect(other).toThrow(`by /u/newest the device is at lv:${state}`);
  });

  it('knows the states that the closing map says', () => {
    const closing = { base: lv(4), result: lv(3) };
    expect(linkTo(headWith('base', { closing }), {}, 'uuid:new').before).toEqual(lv(4));
    expect(linkTo(headWith('result', { closing }), {}, 'uuid:new').before).toEqual(lv(3));
  });

  it.each<[string, JudgedSnapback]>([
    ['other', headWith('other')],
    ['partly', headWith('partly')],
    ['interrupted', headWith('interrupted')],
    ['unknown in part', headWith('base', { unknownBytes: 1 })],
  ])('begins another chain, or is refused, where the device holds neither end: %s', (_, head) => {
    const link = linkTo(head, {}, 'uuid:new');
    expect(link).toMatchObject({
      before: { id: 'uuid:new' },
      sequence: 8,
      follows: undefined,
      isCovered: false,
    });
    expect(link.remark).toContain('holds neither end of /u/newest');
    const named = () => linkTo(head, { base: lv(2) }, 'uuid:new');
    expect(named).toThrow(RefusedError);
    expect(named).toThrow('holds neither end of /u/newest');
  });

  it('says that the device may hold newer data than its base', () => {
    const closing = { base: { id: 'uuid:live', time: 20, until: 25, covers: ['lv:1'] } };
    const ends = { base: lv(1), result: lv(3), exhaustive: true };
    expect(linkTo(headWith('base', { closing }), ends, 'uuid:new').isCovered).toBe(true);
    const says = (more: object) => () =>
      linkTo(headWith('base', { closing }), { ...ends, ...more }, 'uuid:new');
    expect(says({ base: lv(9) })).toThrow('by /u/newest the device is at uuid:live');
    expect(says({ exhaustive: false })).toThrow('leaves out what is equal');
    expect(says({ result: lv(2) })).toThrow('was read later than the stream was');
  });

  it('is refused with a way out, that of who asks if there is one', () => {
    const check = (wayOut?: string) => () =>
      checkFollows(lv(1), { base: lv(2), result: lv(3) }, 'by that', wayOut);
    const message = 'the stream starts from lv:2, but by that the device is at lv:1';
    const hint = expect.stringContaining('apply the streams between the two first') as string;
    expect(check()).toThrow(expect.objectContaining({ message, hint }));
    expect(check('this way')).toThrow(expect.objectContaining({ message, hint: 'this way' }));
  });

  it('has the next number, while there is one', () => {
    expect(nextSequence(undefined)).toBe(1);
    expect(nextSequence(headWith('base', { sequence: 0 }))).toBe(1);
    expect(nextSequence(headWith('base', { sequence: Number.MAX_SAFE_INTEGER - 1 }))).toBe(
      Number.MAX_SAFE_INTEGER,
    );
    expect(() => nextSequence(headWith('base', { sequence: Number.MAX_SAFE_INTEGER }))).toThrow(RefusedError);
    const { header, ...rest } = headWith('base');
    expect(nextSequence({ ...rest, header: { ...header, sequence: undefined } })).toBe(1);
  });
});

it.each([
  [100, 300, false],
  [101, 101, true],
  [101, 100, false],
  [200, 101, true],
  [99, 300, false],
  [200, undefined, false],
])(
  'of a device of 100 bytes that has %i now, a stream whose base had %s: refused %s',
  (size, baseSize, refused) => {
    const { header, path } = headWith('base');
    const found = { path, header: { ...header, target: { ...TARGET, size: 100 } } };
    const check = () => {
      refuseGrown(found, size, baseSize);
    };
    if (refused) expect(check).toThrow(`has ${size} bytes, but had 100`);
    else expect(check).not.toThrow();
  },
);

describe('a snapback held against its device', () => {
  it.each([
    ['b...', 'base'],
    ['a...', 'result'],
    ['c...', 'other'],
  ])('that holds %s is %s', async (letters, kind) => {
    const found = await save('u', 'a   ', 'b...');
    const { verdict, path } = await judgeSnapback(found, holding(letters), codec, openFile);
    expect([verdict.kind, path]).toEqual([kind, at('u')]);
  });

  it('holds neither end where the device has become shorter', async () => {
    const found = await save('u', '   a', '...b');
    const whole = await judgeSnapback(found, holding('...b'), codec, openFile);
    expect(whole.verdict.kind).toBe('base');
    const short = await judgeSnapback(found, memoryDevice(blocks('...b').subarray(0, -1)), codec, openFile);
    expect(short.verdict).toEqual({ kind: 'other', firstDifference: 4 * BLOCK - 1, unknownBytes: 0 });
  });

  /** Opens a file whose stream fails behind its last batch. */
  const failing = (error: Error, closed: string[]) => async (path: string) => {
    const input = await openFile(path);
    const open = async () => {
      const stream = await input.open();
      const batches = (async function* () {
        yield* stream.batches;
        throw error;
      })();
      return { ...stream, batches };
    };
    return { ...input, open, close: () => void closed.push(path) };
  };

  it('that is damaged is refused, with a way on; its file is closed', async () => {
    const found = await save('u', 'a   ', 'b...');
    const closed: string[] = [];
    const judge = (error: Error) => judgeSnapback(found, holding('b...'), codec, failing(error, closed));
    const damaged = judge(new FormatError('frame-corrupt', 7, 'torn'));
    await expect(damaged).rejects.toThrow(RefusedError);
    await expect(damaged).rejects.toThrow('the newest snapback beside it is damaged');
    const failed = new DeviceError('u: can not be read');
    await expect(judge(failed)).rejects.toBe(failed);
    expect(closed).toEqual([found.path, found.path]);
  });

  it('that was replaced by a plain stream is named', async () => {
    const found = await save('u', 'a   ', 'b...');
    const plain = async () => inputOf(plainStream([]));
    await expect(judgeSnapback(found, holding('b...'), codec, plain)).rejects.toThrow('was replaced');
  });
});

describe('a roll-back', () => {
  const hour = (n: number) => ({ result: lv(n - 1), base: lv(n), sequence: n });
  /** Three hours: a in the first block, then b in the second, then c in both. */
  async function saveHours(): Promise<readonly FoundSnapback[]> {
    return [
      await save('u1', '.   ', 'a...', hour(1)),
      await save('u2', ' .  ', 'ab..', hour(2)),
      await save('u3', 'ab  ', 'cc..', hour(3)),
    ];
  }
  const turn = (snapback: FoundSnapback, letters: string, base: State | undefined = snapback.header.base) =>
    checkTurn({ ...snapback, base }, TARGET, holding(letters), codec, openFile);

  it('begins with the newest one, and goes on to older ones', async () => {
    const [u1, u2, u3] = await saveHours();
    await turn(u3!, 'cc..');
    await turn(u2!, 'ab..');
    await turn(u1!, 'a...');
    await turn(u1!, 'a...', undefined);
  });

  it('is refused while a newer one has not been rolled back, or not as a whole', async () => {
    const [u1, u2] = await saveHours();
    await expect(turn(u2!, 'cc..')).rejects.toThrow(`${at('u3')}: is newer and has not been rolled back yet`);
    await expect(turn(u1!, 'ac..')).rejects.toThrow(
      `${at('u2')}: is newer and has not been rolled back as a whole`,
    );
    const refused = turn(u1!, 'ab..');
    await expect(refused).rejects.toThrow(RefusedError);
    await expect(refused).rejects.toThrow(`${at('u2')}: is newer and has not been rolled back yet`);
  });

  it('is refused while the newest one has not been rolled back, though one in between has', async () => {
    const [u1] = await saveHours();
    await save('u3', '  . ', 'abc.', hour(3));
    await expect(turn(u1!, 'a.c.')).rejects.toThrow(`${at('u3')}: is newer and has not been rolled back yet`);
  });

  it('needs none of one that changed nothing', async () => {
    const [u1] = await saveHours();
    await save('u3', 'a   ', 'a...', { ...hour(3), result: lv(1) });
    rmSync(at('u2'));
    await turn(u1!, 'a...');
  });

  it('is refused where one in between is missing', async () => {
    const [u1] = await saveHours();
    rmSync(at('u2'));
    await expect(turn(u1!, 'ab..')).rejects.toThrow(
      'starts from state lv:1, but the snapbacks beside it have led to lv:2',
    );
  });

  it('looks at what a newer one did as far as no older one has been rolled back since', async () => {
    const [u1] = await saveHours();
    await turn(u1!, 'a...');
    await expect(turn(u1!, 'x...')).rejects.toThrow('is newer');
  });

  describe('with a snapback that is made of others', () => {
    const id = (n: number) => new Uint8Array(16).fill(n);
    const saveNumbered = async () => [
      await save('u1', '.   ', 'a...', { ...hour(1), id: id(1) }),
      await save('u2', ' .  ', 'ab..', { ...hour(2), id: id(2) }),
      await save('u3', '  . ', 'abc.', { ...hour(3), id: id(3) }),
    ];
    const squashOf = (...numbers: number[]) => {
      const derivedFrom = numbers.map((n) => ({ by: 'squash', id: id(n) }));
      const header = { kind: 'snapback', requires: [], order: 'sorted', base: lv(2), derivedFrom } as const;
      return { path: at('squash'), header };
    };

    it('has the turn of the newest of them', async () => {
      await saveNumbered();
      await expect(turn(squashOf(2, 1), 'abc.')).rejects.toThrow(
        `${at('u3')}: is newer and has not been rolled back yet`,
      );
      await expect(turn(squashOf(2, 1), 'abX.')).rejects.toThrow(
        `${at('u3')}: is newer and has not been rolled back as a whole`,
      );
      await turn(squashOf(2, 1), 'ab..');
      await turn(squashOf(3, 2, 1), 'abX.');
    });

    it('begins, where none of them is there, at the state that the device is at', async () => {
      await saveNumbered();
      await expect(turn(squashOf(8, 9), 'abc.')).rejects.toThrow(
        `${at('squash')}: starts from state lv:2, but by ${at('u3')} the device is at lv:3`,
      );
      await expect(turn(squashOf(8, 9), 'abX.')).rejects.toThrow('has not been rolled back as a whole');
      await turn(squashOf(8, 9), 'ab..');
    });

    it('keeps its own turn where it was salvaged of one', async () => {
      const [, u2] = await saveNumbered();
      const header = { ...u2!.header, base: undefined, derivedFrom: [{ by: 'salvage', id: id(2) }] };
      await expect(turn({ ...u2!, header }, 'abc.')).rejects.toThrow('has not been rolled back yet');
      await turn({ ...u2!, header }, 'ab..');
    });
  });
});
