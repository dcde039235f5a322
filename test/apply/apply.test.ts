import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyToTarget } from '#src/apply/apply.js';
import type { ApplyOptions } from '#src/apply/work.js';
import { openInput, type StreamInput } from '#src/files/open-input.js';
import { openTarget } from '#src/device/target.js';
import { RefusedError } from '#src/errors.js';
import { applied, batchOf, codec, lvsFile, plainStream, type TestRecord } from '../streams.js';
import { apply, inputOf, openFile, OPTIONS } from './applying.js';
import { digestsOver } from '../compare/digests-over.js';

const RUNS = process.env['SLOW'] === undefined ? 60 : 2000;
const PIECE = 4096;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'apply-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

let files = 0;
function fileOf(bytes: Uint8Array): string {
  const path = join(folder, `device-${files++}`);
  writeFileSync(path, bytes);
  return path;
}

/** Devices of a few pieces, the last one partial. */
const devices = fc
  .integer({ min: 1, max: 3 * PIECE + 100 })
  .chain((size) => fc.uint8Array({ minLength: size, maxLength: size }));

/** Records anywhere in the device; they overlap, touch and come in any order. */
function recordsIn(size: number): fc.Arbitrary<TestRecord[]> {
  const record = fc
    .tuple(fc.nat(size - 1), fc.integer({ min: 1, max: 6000 }), fc.integer({ min: 0, max: 255 }))
    .map(([offset, length, byte]) => ({ offset, data: patterned(Math.min(length, size - offset), byte) }));
  return fc.array(record, { maxLength: 8 });
}

function patterned(length: number, byte: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => byte + i * 7);
}

/** Disjoint ascending records. */
function sortedRecordsIn(size: number): fc.Arbitrary<TestRecord[]> {
  return recordsIn(size).map((records) => {
    let end = 0;
    return [...records]
      .sort((a, b) => a.offset - b.offset)
      .filter(({ offset, data }) => {
        const fits = offset >= end;
        if (fits) end = offset + data.length;
        return fits;
      });
  });
}

const cases = devices.chain((device) => fc.tuple(fc.constant(device), recordsIn(device.length)));
const sortedCases = devices.chain((device) => fc.tuple(fc.constant(device), sortedRecordsIn(device.length)));

function changesWithDigests(device: Uint8Array, records: readonly TestRecord[]): Promise<Uint8Array> {
  const digestPieces = digestsOver(device);
  const batches = records.map((record) => {
    const batch = batchOf([record]);
    return { ...batch, pieces: digestPieces(batch) };
  });
  return lvsFile(batches, {
    order: 'sorted',
    baseDigests: true,
    baseSize: device.length,
    resultSize: device.length,
  });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function expectHolds(path: string, bytes: Uint8Array): void {
  expect(sha256(readFileSync(path))).toBe(sha256(bytes));
}

describe('laws', () => {
  test('apply does what its records say, and rolling back undoes it', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.boolean(), async ([device, records], rewindable) => {
        const path = fileOf(device);
        const snapback = join(folder, `undo-${files++}`);
        await apply(inputOf(plainStream(records), { rewindable }), path, { snapback });
        expectHolds(path, applied(device, records));
        await apply(await openFile(snapback), path);
        expectHolds(path, device);
        rmSync(snapback);
      }),
      { numRuns: RUNS },
    );
  });

  test('applying twice equals applying once', async () => {
    await fc.assert(
      fc.asyncProperty(sortedCases, async ([device, records]) => {
        const path = fileOf(device);
        const stream = await changesWithDigests(device, records);
        await apply(inputOf(stream), path);
        const again = await apply(inputOf(stream), path);
        expectHolds(path, applied(device, records));
        const changes = Buffer.compare(device, applied(device, records)) !== 0;
        if (changes) expect(again.outcome).toBe('already-applied');
      }),
      { numRuns: RUNS },
    );
  });

  test('a device that differs in one byte of a touched piece is the wrong base, and stays as it is', async () => {
    await fc.assert(
      fc.asyncProperty(
        sortedCases,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async ([device, records], pick, xor) => {
          fc.pre(records.length > 0);
          const stream = await changesWithDigests(device, records);
          const { offset, data } = records[pick % records.length]!;
          const at = offset + (pick % data.length);
          const other = device.slice();
          other[at]! ^= xor;
          fc.pre(!holdsResultPieces(other, offset, data, at));
          const path = fileOf(other);
          await expect(apply(inputOf(stream), path)).rejects.toThrow(RefusedError);
          expectHolds(path, other);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('killed after any write, or in it, a second run ends right and the snapback holds what was first', async () => {
    await fc.assert(
      fc.asyncProperty(
        cases,
        fc.nat(),
        fc.boolean(),
        fc.uint8Array({ maxLength: 40 }),
        async (given, cut, torn, junk) => {
          const [device, records] = given;
          const path = fileOf(device);
          const snapback = join(folder, `undo-${files++}`);
          const left = cut % (records.length + 1);
          const first = applyAndDie(inputOf(plainStream(records)), path, left, torn, { snapback });
          if (left === records.length) await first;
          else {
            await expect(first).rejects.toThrow(Killed);
            appendFileSync(`${snapback}.partial`, junk);
            const report = await apply(inputOf(plainStream(records)), path, { snapback });
            expect(report.outcome).toBe('finished');
          }
          expectHolds(path, applied(device, records));
          await apply(await openFile(snapback), path);
          expectHolds(path, device);
          rmSync(snapback);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('killed without a snapback, a stream with base digests is finished or refused, never called the wrong base', async () => {
    await fc.assert(
      fc.asyncProperty(sortedCases, fc.nat(), async ([device, records], cut) => {
        const path = fileOf(device);
        const stream = await changesWithDigests(device, records);
        fc.pre(records.length > 0);
        await expect(applyAndDie(inputOf(stream), path, cut % records.length, false)).rejects.toThrow(Killed);
        await apply(inputOf(stream), path);
        expectHolds(path, applied(device, records));
      }),
      { numRuns: RUNS },
    );
  });
});

class Killed extends Error {}

/** Applies to a target whose process dies in the write after `left` writes; `torn`: half of that one is done. */
async function applyAndDie(
  input: StreamInput,
  path: string,
  left: number,
  torn: boolean,
  options: Partial<ApplyOptions> = {},
): Promise<unknown> {
  const target = openTarget(path, { inUse: false });
  let writes = 0;
  const mortal = {
    ...target,
    write: (bytes: Uint8Array, offset: number) => {
      if (writes++ < left) {
        target.write(bytes, offset);
        return;
      }
      if (torn) target.write(bytes.subarray(0, bytes.length >> 1), offset);
      throw new Killed();
    },
  };
  try {
    return await applyToTarget(input, mortal, codec, openFile, { ...OPTIONS, ...options });
  } finally {
    target.close();
  }
}

/** Whether every piece of the record holds what the record writes, but for those that do not: then it is no other base. */
function holdsResultPieces(device: Uint8Array, offset: number, data: Uint8Array, at: number): boolean {
  const start = Math.max(offset, Math.floor(at / PIECE) * PIECE);
  const end = Math.min(offset + data.length, (Math.floor(at / PIECE) + 1) * PIECE);
  return Buffer.compare(device.subarray(start, end), data.subarray(start - offset, end - offset)) === 0;
}

describe('a chain of snapbacks', () => {
  const BLOCK = new Uint8Array(PIECE);
  const blocks = (...bytes: number[]) => Buffer.concat(bytes.map((byte) => Buffer.from(BLOCK).fill(byte)));
  const write = (block: number, byte: number) =>
    inputOf(plainStream([{ offset: block * PIECE, data: blocks(byte) }]));
  let device: string;

  async function saveThree(): Promise<string[]> {
    device = fileOf(blocks(0, 0, 0, 0));
    const paths = ['1', '2', '3'].map((name) => join(folder, name));
    for (const [i, snapback] of paths.entries()) await apply(write(i, i + 1), device, { snapback });
    expectHolds(device, blocks(1, 2, 3, 0));
    return paths;
  }

  test('is rolled back newest first', async () => {
    const paths = await saveThree();
    for (const path of paths.reverse()) await apply(await openFile(path), device);
    expectHolds(device, blocks(0, 0, 0, 0));
  });

  test('is rolled back newest first where its streams wrote the same blocks, in part or as a whole', async () => {
    device = fileOf(blocks(0, 0, 0, 0));
    const paths = ['1', '2', '3'].map((name) => join(folder, name));
    const [half, whole] = [PIECE / 2, blocks(2, 2)];
    await apply(inputOf(plainStream([{ offset: 0, data: blocks(1, 1) }])), device, { snapback: paths[0] });
    await apply(inputOf(plainStream([{ offset: half, data: whole }])), device, { snapback: paths[1] });
    await apply(inputOf(plainStream([{ offset: PIECE, data: blocks(3, 3) }])), device, {
      snapback: paths[2],
    });
    for (const path of paths.reverse()) await apply(await openFile(path), device);
    expectHolds(device, blocks(0, 0, 0, 0));
  });

  test('is not rolled back out of order', async () => {
    const [first, second] = await saveThree();
    await expect(apply(await openFile(second!), device)).rejects.toThrow(
      'is newer and has not been rolled back yet',
    );
    expectHolds(device, blocks(1, 2, 3, 0));
    await apply(await openFile(first!), device, { outOfOrder: true });
    expectHolds(device, blocks(0, 2, 3, 0));
  });

  test('with one lost is noticed by its states, though the ranges are disjoint', async () => {
    const [first, second, third] = await saveThree();
    rmSync(second!);
    await apply(await openFile(third!), device);
    await expect(apply(await openFile(first!), device)).rejects.toThrow('starts from state');
    expectHolds(device, blocks(1, 2, 0, 0));
  });

  test('goes on from where it was rolled back to', async () => {
    const [first, second, third] = await saveThree();
    await apply(await openFile(third!), device);
    const fourth = join(folder, '4');
    await apply(write(3, 9), device, { snapback: fourth });
    expectHolds(device, blocks(1, 2, 0, 9));
    await apply(await openFile(fourth), device);
    await apply(await openFile(second!), device);
    await apply(await openFile(first!), device);
    expectHolds(device, blocks(0, 0, 0, 0));
  });

  test('begins anew when the device has become shorter than the newest reaches', async () => {
    const [, , third] = await saveThree();
    writeFileSync(device, blocks(1, 2));
    const fourth = join(folder, '4');
    const report = await apply(write(0, 5), device, { snapback: fourth });
    expect(report.notices.join()).toContain(`neither end of ${third!}`);
  });

  test('begins anew, and says so, when the device holds neither end of the newest', async () => {
    await saveThree();
    writeFileSync(device, blocks(8, 8, 8, 8));
    const report = await apply(write(0, 5), device, { snapback: join(folder, '4') });
    expect(report.notices.join()).toContain('starts a new chain');
  });
});

test('a second run behind a finished one says that it is done', async () => {
  const device = fileOf(new Uint8Array(PIECE));
  const snapback = join(folder, 'undo');
  const id = new Uint8Array(16).fill(5);
  const stream = inputOf(await lvsFile([batchOf([{ offset: 9, data: patterned(50, 1) }])], { id }));
  await apply(stream, device, { snapback });
  const again = await apply(stream, device, { snapback });
  expect(again.outcome).toBe('already-applied');
  const other = inputOf(
    await lvsFile([batchOf([{ offset: 9, data: patterned(50, 1) }])], { id: id.map((byte) => byte + 1) }),
  );
  await expect(apply(other, device, { snapback })).rejects.toThrow('exists already');
});

test.each([
  ['writes what is there already', [{ offset: 9, data: new Uint8Array(50) }]],
  ['is empty', []],
])('a second run says that it is done, too, of a stream that %s', async (_, records) => {
  const device = fileOf(new Uint8Array(PIECE));
  const snapback = join(folder, 'undo');
  await apply(inputOf(plainStream(records)), device, { snapback });
  const again = await apply(inputOf(plainStream(records)), device, { snapback });
  expect(again.outcome).toBe('already-applied');
});

describe('a pipe that turns out damaged', () => {
  const device = new Uint8Array(40 * PIECE).fill(7);
  const records = Array.from({ length: 40 }, (_, i) => ({ offset: i * PIECE, data: patterned(PIECE, i) }));
  const cut = plainStream(records).subarray(0, -5);
  const whole = applied(device, records.slice(0, -1));

  test('says how to go on, and its unfinished snapback takes it back', async () => {
    const path = fileOf(device);
    const snapback = join(folder, 'undo');
    const long = plainStream([
      ...records,
      { offset: 0, data: patterned(20 * PIECE, 3) },
      ...repeated(17),
    ]).subarray(0, -5);
    const failed = apply(inputOf(long, { rewindable: false }), path, { snapback });
    await expect(failed).rejects.toMatchObject({ hint: expect.stringContaining('take it back') as string });
    await apply(await openInput(`${snapback}.partial`, codec, { pieces: true }), path, { salvage: true });
    expectHolds(path, device);
  });

  test('gives every whole record to a salvage, with and without a snapback', async () => {
    for (const snapback of [undefined, join(folder, 'undo')]) {
      const path = fileOf(device);
      const report = await apply(inputOf(cut), path, { salvage: true, snapback });
      expect(report.fault?.fault).toBe('truncated-record');
      expectHolds(path, whole);
    }
    const path = fileOf(whole);
    await apply(await openFile(join(folder, 'undo')), path, { baseCheck: true });
    expectHolds(path, Buffer.concat([device.subarray(0, 39 * PIECE), device.subarray(39 * PIECE)]));
  });

  /** Megabytes enough that what comes first is written before the end is seen. */
  function repeated(batches: number): TestRecord[] {
    return Array.from({ length: batches }, (_, i) => ({ offset: i, data: patterned(30 * PIECE, i) })).flatMap(
      (record) => Array.from({ length: 9 }, () => record),
    );
  }
});

describe('undo is never lost silently', () => {
  const size = 60 * PIECE;
  const device = new Uint8Array(size).fill(7);
  const records = Array.from({ length: 60 }, (_, i) => ({ offset: i * PIECE, data: patterned(PIECE, i) }));
  const long = records.map(({ offset, data }) => ({ offset, data: Buffer.from(data) }));

  /** The batches of a plain stream are 1 MiB: only an .lvs stream of many has a journal of many frames. */
  const manyBatches = (id: number) =>
    lvsFile(
      long.map((record) => batchOf([record])),
      { order: 'sorted', id: new Uint8Array(16).fill(id) },
    );

  test('a journal that is damaged in the middle is refused and kept', async () => {
    const path = fileOf(device);
    const snapback = join(folder, 'undo');
    const stream = inputOf(await manyBatches(1));
    await expect(applyAndDie(stream, path, 40, false, { snapback })).rejects.toThrow(Killed);
    const journal = readFileSync(`${snapback}.partial`);
    const damaged = Buffer.from(journal);
    damaged[journal.length >> 1]! ^= 1;
    writeFileSync(`${snapback}.partial`, damaged);
    const before = readFileSync(path);
    await expect(apply(stream, path, { snapback })).rejects.toThrow(
      'is damaged, with what was recorded later',
    );
    expectHolds(path, before);
    expectHolds(`${snapback}.partial`, damaged);
  });

  test('a snapback over an interrupted apply does not claim to lead back to the base', async () => {
    const path = fileOf(device);
    const digested = await changesWithDigests(device, records);
    await expect(applyAndDie(inputOf(digested), path, 30, false)).rejects.toThrow(Killed);
    const between = readFileSync(path);
    const snapback = join(folder, 'undo');
    const report = await apply(inputOf(digested), path, { snapback });
    expect(report.notices.join()).toContain('between two states');
    await apply(await openFile(snapback), path);
    expectHolds(path, between);
  });

  test('a run that its journal knows is finished, though all it has not recorded is done', async () => {
    const path = fileOf(device);
    const snapback = join(folder, 'undo');
    const digested = await changesWithDigests(device, records);
    await expect(applyAndDie(inputOf(digested), path, 5, false, { snapback })).rejects.toThrow(Killed);
    await apply(inputOf(digested), path);
    const report = await apply(inputOf(digested), path, { snapback, finish: true });
    expect(report.outcome).toBe('finished');
    expect(existsSync(`${snapback}.partial`)).toBe(false);
    expectHolds(path, applied(device, records));
  });

  test('a damaged snapback beside is named, with a way out', async () => {
    const path = fileOf(device);
    const snapback = join(folder, '1');
    await apply(inputOf(plainStream(records.slice(0, 3))), path, { snapback });
    const damaged = readFileSync(snapback);
    damaged[damaged.length >> 1]! ^= 1;
    writeFileSync(snapback, damaged);
    const next = apply(inputOf(plainStream(records.slice(5))), path, { snapback: join(folder, '2') });
    await expect(next).rejects.toThrow('the newest snapback beside it is damaged');
  });
});

describe('refusals leave the device as it was', () => {
  const device = new Uint8Array(2 * PIECE).fill(7);
  const stream = plainStream([{ offset: PIECE, data: new Uint8Array(PIECE).fill(1) }]);

  test('a device that is too small, unless what does not fit is to be left out', async () => {
    const path = fileOf(device.subarray(0, PIECE + 10));
    await expect(apply(inputOf(stream), path)).rejects.toThrow('has 4106 bytes');
    expectHolds(path, device.subarray(0, PIECE + 10));
    const report = await apply(inputOf(stream), path, { skipPastEnd: true });
    expect(report.bytesSkipped).toBe(PIECE - 10);
    expectHolds(path, Buffer.concat([device.subarray(0, PIECE), new Uint8Array(10).fill(1)]));
  });

  test('a snapback that exists', async () => {
    const path = fileOf(device);
    const snapback = fileOf(new Uint8Array(3));
    await expect(apply(inputOf(stream), path, { snapback })).rejects.toThrow('exists already');
    expectHolds(path, device);
    expect(readFileSync(snapback).length).toBe(3);
  });

  test('a damaged file', async () => {
    const path = fileOf(device);
    const file = await lvsFile([batchOf([{ offset: 0, data: new Uint8Array(100).fill(2) }])]);
    for (let at = 0; at < file.length; at++) {
      const damaged = file.slice();
      damaged[at]! ^= 1 << (at % 8);
      await expect(apply(inputOf(damaged), path)).rejects.toThrow(/byte \d+/);
    }
    expectHolds(path, device);
  });

  test('a dry run', async () => {
    const path = fileOf(device);
    const report = await apply(inputOf(stream), path, { dryRun: true });
    expect(report.outcome).toBe('checked');
    expectHolds(path, device);
  });

  test('an unfinished snapback when somebody else has written since', async () => {
    const path = fileOf(device);
    const snapback = join(folder, 'undo');
    await expect(applyAndDie(inputOf(stream), path, 0, true, { snapback })).rejects.toThrow(Killed);
    const written = Buffer.from(device).fill(9);
    writeFileSync(path, written);
    await expect(apply(inputOf(stream), path, { snapback })).rejects.toThrow('neither what the unfinished');
    expectHolds(path, written);
    expect(existsSync(`${snapback}.partial`)).toBe(true);
  });
});
