import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
  type writeSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RandomAccessWriter } from '#src/algebra/random-access.js';
import { applyToTarget } from '#src/apply/apply.js';
import type { ApplyOptions } from '#src/apply/work.js';
import { openTarget } from '#src/device/target.js';
import { FormatError, RefusedError } from '#src/errors.js';
import { runInterruptActions } from '#src/files/interrupt.js';
import { openInput, type StreamInput } from '#src/files/open-input.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { BATCH_SIZE } from '#src/format/layout.js';
import { PieceRunBuilder } from '#src/format/pieces.js';
import { replaceCall } from '../files/replace-call.js';
import { vectorInput } from '../format/vector-files.js';
import { applied, batchOf, codec, lvsFile, plainStream, type TestRecord } from '../streams.js';
import { apply as applyTo, inputOf, openFile, OPTIONS } from './applying.js';
import { makeFolder } from '../device/block-devices.js';
import { digestsOver } from '../compare/digests-over.js';

/** What an apply does, and in which order (§6). */

const PIECE = 4096;
const BEFORE = new Uint8Array(4 * PIECE).fill(9);
const RECORDS = [0, 2].map((block) => ({
  offset: block * PIECE,
  data: new Uint8Array(PIECE).fill(block + 1),
}));
const AFTER = applied(BEFORE, RECORDS);
const ID = new Uint8Array(16).fill(7);

let folder: string;
const at = (name: string) => path.join(folder, name);
beforeEach(() => {
  folder = makeFolder();
  writeFileSync(at('device'), BEFORE);
});

const openFiles = () => readdirSync('/proc/self/fd').length;
const expectHolds = (bytes: Uint8Array, name = 'device') => {
  expect(readFileSync(at(name)).equals(bytes)).toBe(true);
};

/** With base digests, each record in a frame of its own. */
function digested(
  header: Partial<StreamHeader> = {},
  records: readonly TestRecord[] = RECORDS,
): Promise<Uint8Array> {
  const digestPieces = digestsOver(BEFORE);
  const batches = records.map((record) => ({
    ...batchOf([record]),
    pieces: digestPieces(batchOf([record])),
  }));
  return lvsFile(batches, { id: ID, order: 'sorted', baseDigests: true, ...header });
}
const plain = () => inputOf(plainStream(RECORDS));

/** Who else has the device open is not asked: that takes time, and is asked elsewhere. */
const apply: typeof applyTo = (input, device, options) => applyTo(input, device, { inUse: true, ...options });

class Killed extends Error {}

/** Applies to the device of the test, of which some calls are others. */
async function applyWith(
  input: StreamInput,
  calls: (target: RandomAccessWriter) => Partial<RandomAccessWriter>,
  options: Partial<ApplyOptions> = {},
) {
  const target = openTarget(at('device'), { inUse: true });
  try {
    const other = { ...target, ...calls(target) };
    return await applyToTarget(input, other, codec, openFile, { ...OPTIONS, ...options });
  } finally {
    target.close();
  }
}

/** Leaves an apply that was killed behind so many writes. */
async function killAfter(
  writes: number,
  input: StreamInput,
  options: Partial<ApplyOptions> = {},
): Promise<void> {
  let left = writes;
  const mortal = (target: RandomAccessWriter) => ({
    write: (bytes: Uint8Array, offset: number) => {
      if (left-- === 0) throw new Killed();
      target.write(bytes, offset);
    },
  });
  await expect(applyWith(input, mortal, options)).rejects.toThrow(Killed);
}

describe('stable storage', () => {
  /** What is written, synced and named, in order; the same thing over and over once. */
  function logCalls(): string[] {
    const log: string[] = [];
    const note = (what: string) => {
      if (log.at(-1) !== what) log.push(what);
    };
    const nameOf = (fd: number) => path.basename(readlinkSync(`/proc/self/fd/${fd}`));
    replaceCall('fsyncSync', (call) => (fd: number) => {
      note(`sync ${nameOf(fd)}`);
      call(fd);
    });
    replaceCall('writeSync', (call) => (...args: Parameters<typeof writeSync>) => {
      note(`write ${nameOf(args[0])}`);
      return call(...args);
    });
    replaceCall('linkSync', (call) => (from: string, to: string) => {
      note(`link ${path.basename(to)}`);
      call(from, to);
    });
    return log;
  }
  const ofDevice = (log: readonly string[]) => log.filter((what) => !what.endsWith(path.basename(folder)));

  it('has what others wrote before it is read, and all that is written before it is done', async () => {
    const log = logCalls();
    await apply(plain(), at('device'), { sync: true });
    expect(log).toEqual(['sync device', 'write device', 'sync device']);
  });

  it('has the device before the snapback has its name', async () => {
    const log = logCalls();
    await apply(plain(), at('device'), { sync: true, snapback: at('undo') });
    const steps = ofDevice(log).filter((what) => /device|link/.test(what));
    expect(steps).toEqual(['sync device', 'write device', 'sync device', 'link undo']);
  });

  it('is asked for nothing of the device where there is to be no sync', async () => {
    const log = logCalls();
    await apply(plain(), at('device'));
    await apply(plain(), at('device'), { snapback: at('undo') });
    expect(log).not.toContain('sync device');
  });

  it('is asked again by a run that finds all of it done', async () => {
    const stream = inputOf(await digested());
    await apply(stream, at('device'), { snapback: at('undo') });
    for (const snapback of [undefined, at('undo')]) {
      let syncs = 0;
      const counting = (target: RandomAccessWriter) => ({
        sync: () => {
          syncs += 1;
          target.sync();
        },
      });
      const report = await applyWith(stream, counting, { sync: true, snapback });
      expect([report.outcome, report.bytesWritten, syncs]).toEqual(['already-applied', 0, 1]);
      expect(report.snapback).toBe(snapback);
    }
  });
});

describe('the note of an apply', () => {
  const stream = async () => inputOf(await digested(), { path: at('stream') });
  const hasNote = () => existsSync(at('stream.applying'));
  const watch = (seen: boolean[]) => (target: RandomAccessWriter) => ({
    write: (bytes: Uint8Array, offset: number) => {
      seen.push(hasNote());
      target.write(bytes, offset);
    },
  });

  it.each<[string, Partial<ApplyOptions>, () => Promise<StreamInput>, boolean]>([
    ['of a stream with base digests', { sync: true }, stream, true],
    ['without a sync', {}, stream, false],
    ['with a snapback', { sync: true, snapback: 'undo' }, stream, false],
    ['without a check of the base', { sync: true, baseCheck: false }, stream, false],
  ])('%s', async (_, { snapback, ...options }, make, is) => {
    const seen: boolean[] = [];
    await applyWith(await make(), watch(seen), { ...options, snapback: snapback && at(snapback) });
    expect(seen).toEqual(RECORDS.map(() => is));
    expect(hasNote()).toBe(false);
    expectHolds(AFTER);
  });

  it('is spoken of only where it says that an apply was interrupted', async () => {
    await killAfter(1, await stream(), { sync: true });
    const named = [
      expect.stringContaining('was interrupted'),
      expect.stringContaining(at('stream.applying')),
    ];
    expect((await apply(await stream(), at('device'), { sync: true, dryRun: true })).notices).toEqual(named);
    for (const held of [BEFORE, AFTER]) {
      writeFileSync(at('device'), held);
      expect((await apply(await stream(), at('device'), { dryRun: true })).notices).toEqual([]);
    }
    expect(hasNote()).toBe(true);
  });
});

describe('a dry run', () => {
  it('opens the device for reading, and leaves out the same', async () => {
    const { outcome, bytesSkipped, bytesWritten } = await apply(
      inputOf(plainStream([...RECORDS, { offset: BEFORE.length - 10, data: new Uint8Array(17) }])),
      at('device'),
      { dryRun: true, skipPastEnd: true, snapback: at('undo') },
    );
    expect({ outcome, bytesSkipped, bytesWritten }).toEqual({
      outcome: 'checked',
      bytesSkipped: 7,
      bytesWritten: 0,
    });
    expect(readdirSync(folder)).toEqual(['device']);
    expectHolds(BEFORE);
  });

  it('of a pipe knows nothing of its records', async () => {
    const input = inputOf(plainStream(RECORDS), { rewindable: false });
    expect(await apply(input, at('device'), { dryRun: true })).toMatchObject({
      outcome: 'checked',
      bytesSkipped: 0,
    });
    expectHolds(BEFORE);
  });
});

describe('a report', () => {
  it('counts what was written and what was left out', async () => {
    const records = [...RECORDS, { offset: BEFORE.length - 10, data: new Uint8Array(17) }];
    for (const rewindable of [true, false]) {
      writeFileSync(at('device'), BEFORE);
      const report = await apply(inputOf(plainStream(records), { rewindable }), at('device'), {
        skipPastEnd: true,
      });
      expect(report).toEqual({
        outcome: 'applied',
        bytesWritten: 2 * PIECE + 10,
        bytesSkipped: 7,
        fault: undefined,
        snapback: undefined,
        notices: [],
      });
      expectHolds(applied(AFTER, [{ offset: BEFORE.length - 10, data: new Uint8Array(10) }]));
    }
  });

  it('names the snapback, and what it begins with', async () => {
    const first = await apply(plain(), at('device'), { snapback: at('one') });
    expect(first).toMatchObject({ snapback: at('one'), notices: [] });
    writeFileSync(at('device'), BEFORE.slice().fill(4));
    const second = await apply(plain(), at('device'), { snapback: at('two') });
    expect(second).toMatchObject({
      outcome: 'applied',
      snapback: at('two'),
      notices: [expect.stringContaining('neither end of') as string],
    });
  });

  it('that all is done says how much of it lies past the end', async () => {
    const records = [...RECORDS, { offset: BEFORE.length - 10, data: new Uint8Array(17) }];
    const stream = inputOf(
      await lvsFile(
        records.map((record) => batchOf([record])),
        { id: ID },
      ),
    );
    for (const outcome of ['applied', 'already-applied']) {
      const report = await apply(stream, at('device'), { skipPastEnd: true, snapback: at('undo') });
      expect(report).toMatchObject({ outcome, bytesSkipped: 7, snapback: at('undo') });
    }
  });
});

describe('what has gone wrong', () => {
  it.each([undefined, 'undo'])('closes what was opened: snapback %s', async (name) => {
    const before = openFiles();
    const snapback = name && at(name);
    await apply(plain(), at('device'), { dryRun: true, snapback });
    await killAfter(1, plain(), { snapback });
    await expect(
      apply(inputOf(plainStream(RECORDS).subarray(0, -5)), at('device'), { snapback }),
    ).rejects.toThrow(FormatError);
    expect(openFiles()).toBe(before);
  });

  it('is told with a way on only once something was written', async () => {
    const damaged = (size: number) => inputOf(plainStream(RECORDS).subarray(0, size), { rewindable: false });
    const start = apply(damaged(20), at('device'));
    await expect(start).rejects.toThrow(FormatError);
    await expect(start).rejects.not.toHaveProperty(
      'hint',
      expect.stringContaining('have been written') as string,
    );
    const digests = { rewindable: false, pieces: false };
    const cut = await lvsFile(RECORDS.map((record) => batchOf([record])));
    const middle = apply(inputOf(cut.subarray(0, -5), digests), at('device'));
    await expect(middle).rejects.toMatchObject({
      hint: `${2 * PIECE} bytes have been written; apply a sound copy of the stream again`,
    });
    expectHolds(AFTER);
  });

  it('is told as it is where a write failed', async () => {
    const failed = new FormatError('truncated', 1, 'said by a device');
    const failing = () => ({
      write: () => {
        throw failed;
      },
    });
    await expect(applyWith(plain(), failing)).rejects.toBe(failed);
    expect(failed.hint).toBeUndefined();
  });
});

describe('an interrupt', () => {
  const heard = () => runInterruptActions().map(({ message, hint }) => [message, hint]);

  it('says how far an apply has come while it is at work, and nothing behind it', async () => {
    const said: unknown[] = [];
    const listening = (target: RandomAccessWriter) => ({
      write: (bytes: Uint8Array, offset: number) => {
        if (offset > 0) said.push(...heard());
        target.write(bytes, offset);
      },
    });
    const stream = await lvsFile(RECORDS.map((record) => batchOf([record])));
    await applyWith(inputOf(stream), listening);
    expect(said).toEqual([
      [
        `${at('device')}: interrupted, ${PIECE} bytes of the stream are written, the rest is not`,
        'the same command again finishes it; what was there before is saved nowhere',
      ],
    ]);
    writeFileSync(at('device'), BEFORE);
    await applyWith(inputOf(stream), () => ({}), { snapback: at('undo') });
    await expect(apply(inputOf(stream.subarray(0, -5)), at('device'))).rejects.toThrow(FormatError);
    expect(heard()).toEqual([]);
  });

  it('tells how to take back what a snapback has recorded', async () => {
    const said: unknown[] = [];
    const listening = (target: RandomAccessWriter) => ({
      write: (bytes: Uint8Array, offset: number) => {
        target.write(bytes, offset);
        said.push(...heard());
      },
    });
    await applyWith(plain(), listening, { snapback: at('undo') });
    expect(said[0]).toEqual([`${at('device')}: interrupted before it was written to`, undefined]);
  });
});

describe('what the header alone tells', () => {
  it('is that a map holds no data', async () => {
    const map = await lvsFile([], { id: ID, kind: 'map', order: 'sorted' });
    const refused = apply(inputOf(map), at('device'), { skipPastEnd: true });
    await expect(refused).rejects.toThrow(RefusedError);
    await expect(refused).rejects.toThrow('stream: a map holds no data to apply');
    expectHolds(BEFORE);
  });

  it.each([
    [BEFORE.length, false, false],
    [BEFORE.length + 1, false, true],
    [BEFORE.length + 1, true, false],
  ])(
    'is that a device is too small for one of %i bytes, unless the rest is left out: %s',
    async (resultSize, skipPastEnd, refused) => {
      for (const rewindable of [true, false]) {
        const stream = await lvsFile([batchOf(RECORDS)], { resultSize });
        const run = apply(inputOf(stream, { rewindable }), at('device'), { skipPastEnd, dryRun: true });
        if (refused) await expect(run).rejects.toThrow(`the stream is of a device of ${resultSize} bytes`);
        else expect((await run).outcome).toBe('checked');
      }
    },
  );
});

describe('a pipe that is read once', () => {
  const pipe = (records: readonly TestRecord[] = RECORDS) =>
    inputOf(plainStream(records), { rewindable: false });

  it('is written as it comes, up to what does not fit', async () => {
    const records = [...RECORDS, { offset: 4 * PIECE - 1, data: new Uint8Array(2) }];
    const stream = await lvsFile(records.map((record) => batchOf([record])));
    const refused = apply(inputOf(stream, { rewindable: false }), at('device'));
    await expect(refused).rejects.toThrow(
      `has ${4 * PIECE} bytes, the stream goes up to byte ${4 * PIECE + 1}`,
    );
    expectHolds(AFTER);
    await apply(pipe([{ offset: 4 * PIECE - 1, data: Uint8Array.of(9) }]), at('device'));
    expectHolds(AFTER);
  });

  it('saves what it overwrites', async () => {
    expect(await apply(pipe(), at('device'), { snapback: at('undo') })).toMatchObject({ outcome: 'applied' });
    expectHolds(AFTER);
    await apply(await openFile(at('undo')), at('device'));
    expectHolds(BEFORE);
  });

  it('saves each byte once, though its records overlap', async () => {
    const twice = [1, 2].flatMap((byte) => [
      { offset: 0, data: new Uint8Array(2 * PIECE).fill(byte) },
      { offset: PIECE, data: new Uint8Array(2 * PIECE).fill(byte + 4) },
    ]);
    const stream = await lvsFile(twice.map((record) => batchOf([record])));
    await apply(inputOf(stream, { rewindable: false }), at('device'), { snapback: at('undo') });
    expectHolds(applied(BEFORE, twice));
    await apply(await openFile(at('undo')), at('device'));
    expectHolds(BEFORE);
  });

  it('goes on with nothing', async () => {
    await killAfter(1, plain(), { snapback: at('undo') });
    const held = readFileSync(at('device'));
    const before = openFiles();
    for (const dryRun of [true, false]) {
      const refused = apply(pipe(), at('device'), { snapback: at('undo'), dryRun });
      await expect(refused).rejects.toThrow(RefusedError);
      await expect(refused).rejects.toThrow(`${at('undo')}.partial: can't be gone on with from a pipe`);
    }
    expect(openFiles()).toBe(before);
    expectHolds(held);
    expect((await apply(plain(), at('device'), { snapback: at('undo') })).outcome).toBe('finished');
  });
});

describe('a file', () => {
  const open = (name: string) => openInput(at(name), codec, { pieces: true });

  it('with a plain stream is checked by its headers before anything is written', async () => {
    writeFileSync(
      at('stream'),
      plainStream([...RECORDS, { offset: 4 * PIECE - 1, data: new Uint8Array(2) }]),
    );
    const input = await open('stream');
    await expect(apply(input, at('device'))).rejects.toThrow(`the stream goes up to byte ${4 * PIECE + 1}`);
    expectHolds(BEFORE);
    expect((await apply(input, at('device'), { skipPastEnd: true })).bytesSkipped).toBe(1);
    writeFileSync(at('stream'), plainStream(RECORDS).subarray(0, -5));
    input.close();
    writeFileSync(at('device'), BEFORE);
    const cut = await open('stream');
    await expect(apply(cut, at('device'))).rejects.toThrow(FormatError);
    await expect(apply(cut, at('device'))).rejects.toThrow(at('stream'));
    expectHolds(BEFORE);
    const report = await apply(cut, at('device'), { salvage: true });
    expect([report.fault?.fault, report.bytesWritten]).toEqual(['truncated-record', PIECE]);
    cut.close();
    expectHolds(applied(BEFORE, RECORDS.slice(0, 1)));
  });
});

describe('a stream that is read first', () => {
  it('as a plain file is refused for its last record before its first is written', async () => {
    const before = new Uint8Array(2 * BATCH_SIZE).fill(9);
    writeFileSync(at('device'), before);
    const half = { data: new Uint8Array(BATCH_SIZE).fill(1) };
    const records = [0, 1, 2].map((n) => ({ ...half, offset: n * BATCH_SIZE }));
    writeFileSync(at('stream'), plainStream(records));
    const input = await openInput(at('stream'), codec, { pieces: true });
    await expect(apply(input, at('device'))).rejects.toThrow(`the stream goes up to byte ${3 * BATCH_SIZE}`);
    input.close();
    expectHolds(before);
  });

  it.each<[string, (records: readonly TestRecord[]) => Promise<StreamInput>]>([
    ['of the format', async (records) => inputOf(await lvsFile(records.map((record) => batchOf([record]))))],
    [
      'in a plain file',
      async (records) => {
        writeFileSync(at('stream'), plainStream(records));
        return openInput(at('stream'), codec, { pieces: true });
      },
    ],
  ])('%s may end where the device does, and not behind', async (_, make) => {
    const last = (offset: number) => [...RECORDS, { offset, data: Uint8Array.of(1, 2) }];
    const long = await make(last(4 * PIECE - 1));
    await expect(apply(long, at('device'))).rejects.toThrow(RefusedError);
    await expect(apply(long, at('device'))).rejects.toThrow(`the stream goes up to byte ${4 * PIECE + 1}`);
    expectHolds(BEFORE);
    await apply(await make(last(4 * PIECE - 2)), at('device'));
    expectHolds(applied(BEFORE, last(4 * PIECE - 2)));
    long.close();
  });

  it.each(['stream-digest', 'frame-digest'])('is hashed before anything is written: %s', async (name) => {
    writeFileSync(at('stream'), vectorInput(name));
    const input = await openInput(at('stream'), codec, { pieces: true });
    const written: number[] = [];
    const count = () => ({ write: (_bytes: Uint8Array, offset: number) => void written.push(offset) });
    await expect(applyWith(input, count, { skipPastEnd: true })).rejects.toThrow(FormatError);
    input.close();
    expect(written).toEqual([]);
  });
});

describe('base digests', () => {
  const wrong = BEFORE.slice().fill(1, 2 * PIECE, 2 * PIECE + 1);

  it('refuse another base, unless they are not to be asked', async () => {
    writeFileSync(at('device'), wrong);
    const stream = inputOf(await digested());
    const refused = apply(stream, at('device'));
    await expect(refused).rejects.toThrow(RefusedError);
    await expect(refused).rejects.toThrow(
      `${at('device')}: byte ${2 * PIECE} and what follows is not what the stream was made for (wrong base)`,
    );
    expectHolds(wrong);
    await expect(apply(stream, at('device'), { snapback: at('undo') })).rejects.toThrow('(wrong base)');
    expect((await apply(stream, at('device'), { baseCheck: false })).outcome).toBe('applied');
    expectHolds(AFTER);
  });

  it('refuse nothing where the device may rightly hold newer data than their base', async () => {
    const live = { id: 'uuid:live', time: 20, until: 25, covers: ['lv:1'] };
    const newer = [{ offset: 2 * PIECE, data: new Uint8Array(PIECE).fill(77) }];
    const first = await lvsFile(
      newer.map((record) => batchOf([record])),
      { id: ID, result: live },
    );
    await apply(inputOf(first), at('device'), { snapback: at('one') });
    const header = {
      id: new Uint8Array(16).fill(8),
      base: { id: 'lv:1', time: 10 },
      result: { id: 'lv:3', time: 30 },
    };
    const stream = inputOf(await digested({ ...header, exhaustive: true }));
    await expect(apply(stream, at('device'))).rejects.toThrow('(wrong base)');
    expect((await apply(stream, at('device'), { snapback: at('two') })).outcome).toBe('applied');
    expectHolds(AFTER);
  });

  it('are asked of what a snapback is to save, and not of what its journal has recorded', async () => {
    const stream = inputOf(await digested());
    await killAfter(1, stream, { snapback: at('undo') });
    const held = readFileSync(at('device'));
    expect((await apply(stream, at('device'), { snapback: at('undo') })).outcome).toBe('finished');
    await apply(await openFile(at('undo')), at('device'));
    expectHolds(BEFORE);
    expect(held.equals(BEFORE)).toBe(false);
  });

  it('tell of an interrupted apply, and of one that others have gone over', async () => {
    const stream = inputOf(await digested());
    await killAfter(1, stream);
    expect(await apply(stream, at('device'))).toMatchObject({
      outcome: 'finished',
      notices: ['an earlier apply of this stream was interrupted; finishing it'],
    });
    writeFileSync(at('device'), applied(BEFORE, RECORDS.slice(1)));
    await expect(apply(stream, at('device'))).rejects.toThrow(
      'holds some of the stream already, in no order that an interrupted apply leaves',
    );
    expect(await apply(stream, at('device'), { finish: true })).toMatchObject({
      outcome: 'applied',
      notices: ['the device held parts of the stream already'],
    });
  });

  it.each([1, 2])('say that a snapback of what was begun %i begins a chain of its own', async (which) => {
    const stream = inputOf(await digested());
    writeFileSync(at('device'), applied(BEFORE, [RECORDS[which - 1]!]));
    const { notices } = await apply(stream, at('device'), { snapback: at('undo'), finish: true });
    expect(notices.at(-1)).toBe('the device was between two states, so this snapback starts a new chain');
  });

  /** More records than have their pre-images put on stable storage together. */
  const MANY = Array.from({ length: 20 }, (_, i) => ({
    offset: i * 512,
    data: new Uint8Array(512).fill(i + 1),
  }));

  it('say that what an unfinished snapback has not recorded is as it was, so that it goes on', async () => {
    const stream = inputOf(await digested({}, MANY));
    await killAfter(1, stream, { snapback: at('undo') });
    expect((await apply(stream, at('device'), { snapback: at('undo') })).outcome).toBe('finished');
    expectHolds(applied(BEFORE, MANY));
    await apply(await openFile(at('undo')), at('device'));
    expectHolds(BEFORE);
  });

  it('say that all is done, but not whether an unfinished snapback knows of it', async () => {
    const stream = inputOf(await digested({}, MANY));
    await killAfter(1, stream, { snapback: at('undo') });
    const done = applied(BEFORE, MANY);
    writeFileSync(at('device'), done);
    const run = (options: Partial<ApplyOptions> = {}) =>
      apply(stream, at('device'), { snapback: at('undo'), ...options });
    await expect(run()).rejects.toThrow(RefusedError);
    await expect(run()).rejects.toThrow(
      `${at('device')}: holds data of the stream that the unfinished snapback has not recorded`,
    );
    expect((await run({ finish: true })).outcome).toBe('finished');
    expect(readdirSync(folder).sort()).toEqual(['device', 'undo']);
    expectHolds(done);
    expect((await run({ snapback: at('other') })).outcome).toBe('already-applied');
    expect(existsSync(at('other'))).toBe(false);
  });

  it('that are not there for all of it are counted', async () => {
    const [first, second] = RECORDS.map((record) => batchOf([record]));
    const pieces = digestsOver(BEFORE)(first!);
    const unknown = new PieceRunBuilder();
    unknown.addUnknown(1);
    const stream = await lvsFile(
      [
        { ...first!, pieces },
        { ...second!, pieces: unknown.takeSection() },
      ],
      {
        order: 'sorted',
        baseDigests: true,
      },
    );
    const { notices } = await apply(inputOf(stream), at('device'));
    expect(notices).toEqual([`${PIECE} bytes could not be checked: the stream does not know their base`]);
  });
});

describe('a snapback', () => {
  const write = (block: number, byte: number) =>
    inputOf(plainStream([{ offset: block * PIECE, data: new Uint8Array(PIECE).fill(byte) }]));

  async function saveTwo(): Promise<readonly string[]> {
    const paths = [at('one'), at('two')];
    for (const [i, snapback] of paths.entries()) await apply(write(i, i + 1), at('device'), { snapback });
    return paths;
  }

  it('is refused while a newer one has not been rolled back, unless that is not to be asked', async () => {
    const [one] = await saveTwo();
    const held = readFileSync(at('device'));
    const refused = apply(await openFile(one!), at('device'));
    await expect(refused).rejects.toThrow('is newer and has not been rolled back yet');
    expectHolds(held);
    for (const options of [{ outOfOrder: true }, { baseCheck: false }]) {
      writeFileSync(at('device'), held);
      await apply(await openFile(one!), at('device'), options);
      expectHolds(applied(held, [{ offset: 0, data: BEFORE.subarray(0, PIECE) }]));
    }
  });

  it('that was rolled back is done, whatever is newer', async () => {
    const [one, two] = await saveTwo();
    await apply(await openFile(two!), at('device'));
    await apply(await openFile(one!), at('device'));
    await apply(write(1, 7), at('device'));
    expect((await apply(await openFile(one!), at('device'))).outcome).toBe('already-applied');
  });

  it('is refused where one in between is lost, by the state that it starts from', async () => {
    await saveTwo();
    await apply(write(3, 4), at('device'), { snapback: at('three') });
    rmSync(at('two'));
    await apply(await openFile(at('three')), at('device'));
    await expect(apply(await openFile(at('one')), at('device'))).rejects.toThrow('starts from state');
  });

  it('is no matter to a stream that is none', async () => {
    await saveTwo();
    const stream = inputOf(await lvsFile([five(3)], { base: { id: 'lv:9' } }), { path: at('stream') });
    expect((await apply(stream, at('device'))).outcome).toBe('applied');
  });

  it('is gone on with being rolled back, though what that has saved is newer', async () => {
    await apply(inputOf(await digested()), at('device'), { snapback: at('one') });
    await killAfter(1, await openFile(at('one')), { snapback: at('redo') });
    expect((await apply(await openFile(at('one')), at('device'), { snapback: at('redo') })).outcome).toBe(
      'finished',
    );
    expectHolds(BEFORE);
  });

  it('without a name is not held against others', async () => {
    const [one] = await saveTwo();
    await apply(inputOf(readFileSync(one!)), at('device'));
    expectHolds(applied(BEFORE, [{ offset: PIECE, data: new Uint8Array(PIECE).fill(2) }]));
  });

  const five = (block: number) => batchOf([{ offset: block * PIECE, data: new Uint8Array(PIECE).fill(5) }]);

  it('is refused while an interrupted apply has left a newer one, which may be rolled back itself', async () => {
    await apply(write(0, 1), at('device'), { snapback: at('one') });
    await killAfter(1, inputOf(await lvsFile([1, 2].map(five))), { snapback: at('two') });
    await expect(apply(await openFile(at('one')), at('device'))).rejects.toThrow(
      `${at('two')}.partial: is newer, and left by an interrupted apply`,
    );
    await apply(await openInput(`${at('two')}.partial`, codec), at('device'), { salvage: true });
    await apply(await openFile(at('one')), at('device'));
    expectHolds(BEFORE);
  });
});
