import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Journal } from '#src/chain/journal.js';
import { RefusedError } from '#src/errors.js';
import { readLvsHeader } from '#src/files/lvs-header.js';
import { rangesOf, type RecordBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { MARK_SIZE } from '#src/format/layout.js';
import { createInlineCodec } from '../format/inline-codec.js';
import { batchOf } from '../streams.js';
import { makeFolder } from '../device/block-devices.js';

const numRuns = process.env['SLOW'] === undefined ? 40 : 1000;
const SECTOR = 512;
/** Every frame is written as it is added. */
const codec = { ...createInlineCodec(), depth: 1 };
const HEADER: StreamHeader = {
  kind: 'snapback',
  requires: [],
  order: 'disjoint',
  baseDigests: true,
  result: { id: 'uuid:1' },
  origin: { lv: 'x'.repeat(1500) },
};
/** What the two marks of a journal with one group begin with. */
const MARKS = [Buffer.from('lvs mark'), Buffer.from('lvs mark')];

let folder: string;
let path: string;
let partial: string;
beforeEach(() => {
  folder = makeFolder();
  path = join(folder, 'undo');
  partial = `${path}.partial`;
});

type Unit = { readonly zeros: number } | { readonly data: Uint8Array };

const zeros = fc.record({ zeros: fc.integer({ min: 1, max: 1 << 20 }) });
const data = fc.uint8Array({ minLength: 1, maxLength: 3000 }).map((bytes) => ({ data: bytes }));
/** Each group is flushed, and then the device written, before the next one begins. */
const groups = fc.array(fc.array(fc.oneof(zeros, data), { minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 4,
});

/** The unit as pre-images at a place of its own. */
function batchOfUnit(unit: Unit, place: number): RecordBatch {
  const offset = place << 20;
  if ('zeros' in unit) return { kind: 'zeros', ranges: [{ offset, length: unit.zeros }] };
  return batchOf([{ offset, data: unit.data }]);
}

/** A journal whose program was killed behind the last flush, or before it. */
async function leaveJournal(given: readonly (readonly Unit[])[], { isFlushed = true } = {}) {
  const journal = await Journal.create(path, HEADER, codec);
  const ranges: Range[] = [];
  let synced = readFileSync(partial);
  let flushed = 0;
  for (const [i, group] of given.entries()) {
    for (const unit of group) {
      const batch = batchOfUnit(unit, ranges.length);
      ranges.push(...rangesOf(batch));
      await journal.add(batch);
    }
    if (i === given.length - 1 && !isFlushed) break;
    await journal.flush();
    synced = readFileSync(partial);
    flushed = ranges.length;
  }
  journal.close();
  return { ranges, flushed, synced, written: readFileSync(partial) };
}

/** What a journal that is taken up shows of itself; undefined if it was not taken up. */
async function takeUp(isHeld: boolean): Promise<Range[] | undefined> {
  const seen: Range[] = [];
  const onBatch = async (batch: RecordBatch) => void seen.push(...rangesOf(batch));
  const journal = await Journal.resume(path, codec, { onBatch, isHeld: () => Promise.resolve(isHeld) });
  journal?.close();
  return journal && seen;
}

describe('a journal that was left unfinished', () => {
  it('is refused, and left as it is, where a damage would lose what was on stable storage', async () => {
    await fc.assert(
      fc.asyncProperty(groups, fc.nat(), fc.integer({ min: 1, max: 255 }), async (given, pick, xor) => {
        rmSync(partial, { force: true });
        const { ranges, written } = await leaveJournal(given);
        const damaged = Buffer.from(written);
        damaged[pick % written.length]! ^= xor;
        writeFileSync(partial, damaged, { mode: 0o600 });
        const seen = await takeUp(true).catch((error: unknown) => {
          expect(error).toBeInstanceOf(RefusedError);
          expect(readFileSync(partial).equals(damaged)).toBe(true);
          return ranges;
        });
        expect(seen).toEqual(ranges);
      }),
      { numRuns },
    );
  });

  it('is refused, and left as it is, where only zeros were recorded behind a damage', async () => {
    const noise = randomBytes(2000);
    const { written } = await leaveJournal([[{ data: noise }], [{ zeros: 70 }], [{ zeros: 1 << 20 }]]);
    const damaged = Buffer.from(written);
    damaged[written.indexOf(noise.subarray(1000, 1100))]! ^= 1;
    writeFileSync(partial, damaged, { mode: 0o600 });
    await expect(takeUp(true)).rejects.toThrow('is damaged, with what was recorded later behind it');
    expect(readFileSync(partial).equals(damaged)).toBe(true);
  });

  it('is gone on with behind a power cut that kept any sectors of what was not yet on stable storage', async () => {
    await fc.assert(
      fc.asyncProperty(groups, fc.infiniteStream(fc.boolean()), async (given, kept) => {
        rmSync(partial, { force: true });
        const { ranges, flushed, synced, written } = await leaveJournal(given, { isFlushed: false });
        writeFileSync(partial, cutPower(synced, written, kept), { mode: 0o600 });
        const seen = await takeUp(true);
        expect(seen).toEqual(ranges.slice(0, Math.max(flushed, seen?.length ?? 0)));
        expect(await takeUp(false)).toEqual(seen);
      }),
      { numRuns },
    );
  });

  it('is refused behind a lost frame if the device does not hold what a later one records', async () => {
    const unit = { data: randomBytes(2000) };
    const given = [[unit, { data: randomBytes(50) }], [{ zeros: 1 << 20 }], [unit, unit, unit, unit]];
    const { synced, written } = await leaveJournal(given, { isFlushed: false });
    const lost = Buffer.from(written);
    lost.fill(0, synced.length, synced.length + 1000);
    writeFileSync(partial, lost, { mode: 0o600 });
    await expect(takeUp(false)).rejects.toThrow('is damaged, with what was recorded later behind it');
    expect(readFileSync(partial).equals(lost)).toBe(true);
    expect(await takeUp(true)).toHaveLength(3);
  });

  it('is gone on with where its last frame is torn, though that one holds another journal', async () => {
    const inner = await leaveJournal([
      [{ data: randomBytes(40) }],
      [{ zeros: 70 }, { data: randomBytes(9) }],
    ]);
    rmSync(partial);
    const outer = [[{ data: randomBytes(100) }], [{ data: Buffer.concat([randomBytes(77), inner.written]) }]];
    const { synced, written } = await leaveJournal(outer, { isFlushed: false });
    for (let end = synced.length; end < written.length; end += 37) {
      writeFileSync(partial, written.subarray(0, end), { mode: 0o600 });
      expect(await takeUp(false)).toHaveLength(1);
    }
  });

  it('is removed where its header never was on stable storage', async () => {
    const { written } = await leaveJournal([]);
    const unsynced = written.subarray(0, -MARK_SIZE);
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.boolean()), fc.nat(unsynced.length), async (kept, size) => {
        writeFileSync(partial, cutPower(Buffer.alloc(0), unsynced.subarray(0, size), kept), { mode: 0o600 });
        const seen = await takeUp(false);
        expect(seen ?? []).toEqual([]);
        expect(existsSync(partial)).toBe(seen !== undefined);
      }),
      { numRuns },
    );
  });

  it.each([
    ['a mark behind the header', [], []],
    ['more than a header', [[{ data: randomBytes(3000) }]], MARKS],
  ])('is refused, and left as it is, without its first sector where there is %s', async (_, given, lost) => {
    const { written } = await leaveJournal(given);
    const left = Buffer.from(written).fill(0, 0, SECTOR);
    for (const mark of lost) left.fill(0, left.indexOf(mark), left.indexOf(mark) + mark.length);
    writeFileSync(partial, left, { mode: 0o600 });
    await expect(takeUp(true)).rejects.toThrow('damaged in its header');
    expect(readFileSync(partial).equals(left)).toBe(true);
  });
});

describe('a name that somebody else has taken', () => {
  it('is refused at once as a pipe', async () => {
    execFileSync('mkfifo', ['-m', '600', partial]);
    await expect(takeUp(true)).rejects.toThrow('is not a file');
    expect(await readLvsHeader(partial)).toBeUndefined();
  });

  it.each([0o620, 0o602, 0o640, 0o604])('is refused where others can use the file: mode %o', async (mode) => {
    await leaveJournal([]);
    chmodSync(partial, mode);
    await expect(takeUp(true)).rejects.toThrow('others can read it');
  });

  it('is refused where the file has still another name', async () => {
    await leaveJournal([]);
    linkSync(partial, `${path}.1`);
    linkSync(partial, `${path}.2`);
    await expect(takeUp(true)).rejects.toThrow('under another name');
  });

  it.skipIf(process.getuid?.() !== 0)('is refused where the file is of another user', async () => {
    await leaveJournal([]);
    chownSync(partial, 65534, 65534);
    await expect(takeUp(true)).rejects.toThrow('belongs to another user');
  });
});

/** What a power cut can leave of a file: all that was synced, and of the rest any of the sectors. */
function cutPower(synced: Buffer, written: Buffer, kept: Iterable<boolean>): Buffer {
  const left = Buffer.alloc(written.length);
  const keeps = kept[Symbol.iterator]();
  for (let at = 0; at < written.length; at += SECTOR) {
    const isKept = keeps.next().value === true;
    if (isKept) written.copy(left, at, at, at + SECTOR);
  }
  synced.copy(left);
  return left;
}
