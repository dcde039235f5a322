import { held } from './hold-calls.js';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Journal } from '#src/chain/journal.js';
import { DeviceError, RefusedError } from '#src/errors.js';
import { createBufferPool, rangesOf, type RecordBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import { ByteReader } from '#src/format/byte-reader.js';
import { MOST_IN_FLIGHT } from '#src/format/frame-codec.js';
import { readFileIndex } from '#src/format/lvs/file-index.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { MARK_SIZE, MAX_HEADER_SIZE } from '#src/format/layout.js';
import { encodeMark, MARK_START } from '#src/format/lvs/mark.js';
import { openStream } from '#src/format/open-stream.js';
import { kernelError, replaceCall } from '../files/replace-call.js';
import { createInlineCodec } from '../format/inline-codec.js';
import { batchOf, sourceOf } from '../streams.js';
import { makeFolder } from '../device/block-devices.js';
import { memoryDevice, readingDevice } from '../compare/memory-device.js';

/** A journal from its first byte to its final name, with what can go wrong on the way (§6.4). */

const codec = { ...createInlineCodec(), depth: 1 };
const HEADER: StreamHeader = {
  kind: 'snapback',
  requires: [],
  order: 'disjoint',
  baseDigests: true,
  result: { id: 'uuid:1' },
};
/** Takes more than one sector. */
const LONG_HEADER = { ...HEADER, origin: { lv: 'x'.repeat(1000) } };
const DEVICE = new Uint8Array(8 * 4096).fill(7);

let folder: string;
let path: string;
let partial: string;
beforeEach(() => {
  folder = makeFolder();
  path = join(folder, 'undo');
  partial = `${path}.partial`;
});

const names = () => readdirSync(folder).sort();
const openFiles = () => readdirSync('/proc/self/fd').length;
const block = (n: number, byte = 1) => batchOf([{ offset: n * 4096, data: new Uint8Array(4096).fill(byte) }]);
const zeros = (n: number): RecordBatch => ({ kind: 'zeros', ranges: [{ offset: n * 4096, length: 4096 }] });
const rangeOf = (n: number): Range => ({ offset: n * 4096, length: 4096 });

async function takeUp({ keep = false } = {}): Promise<{ journal: Journal | undefined; seen: Range[] }> {
  const seen: Range[] = [];
  const onBatch = async (batch: RecordBatch) => void seen.push(...rangesOf(batch));
  const journal = await Journal.resume(path, codec, { onBatch, isHeld: () => Promise.resolve(true), keep });
  onTestFinished(() => {
    journal?.close();
  });
  return { journal, seen };
}

async function begin(): Promise<Journal> {
  const journal = await Journal.create(path, HEADER, codec);
  onTestFinished(() => {
    journal.close();
  });
  return journal;
}

async function pagesOf(bytes: Uint8Array): Promise<number> {
  const file = {
    size: bytes.length,
    readAt: async (target: Uint8Array, position: number) => {
      target.set(bytes.subarray(position, position + target.length));
    },
  };
  let count = 0;
  for await (const { page } of (await readFileIndex(file, codec)).pages())
    count += page.entries.length > 0 ? 1 : 0;
  return count;
}

const finish = (journal: Journal) => journal.finish(memoryDevice(DEVICE), (closing) => closing);

/** Stands in for a call until the end of the test. */
function hold<K extends keyof typeof held>(
  name: K,
  make: (call: (typeof held)[K]) => (typeof held)[K],
): void {
  const call = held[name];
  held[name] = make(call);
  onTestFinished(() => {
    held[name] = call;
  });
}

const failing = (code: string) => () => () => Promise.reject(kernelError(code));

/** How long the file was at each sync. */
function logSyncs(): number[] {
  const sizes: number[] = [];
  hold('fdatasync', (call) => (fd) => {
    sizes.push(statSync(`/proc/self/fd/${fd}`).size);
    return call(fd);
  });
  return sizes;
}

/** What was synced by fsync(2), in order. */
function logFullSyncs(): string[] {
  const synced: string[] = [];
  replaceCall('fsyncSync', (call) => (fd: number) => {
    synced.push(statSync(`/proc/self/fd/${fd}`).isDirectory() ? 'folder' : 'file');
    call(fd);
  });
  return synced;
}

/** Where the marks of the journal begin. */
function findMarks(): number[] {
  const bytes = readFileSync(partial);
  const found: number[] = [];
  for (let at = bytes.indexOf(MARK_START); at >= 0; at = bytes.indexOf(MARK_START, at + 1)) found.push(at);
  return found;
}

describe('a journal that is begun', () => {
  it("has its header and its name on stable storage, and is its owner's alone", async () => {
    const syncs = logSyncs();
    const folders = logFullSyncs();
    const journal = await begin();
    expect(journal.header).toEqual(HEADER);
    expect(syncs).toEqual([statSync(partial).size - MARK_SIZE]);
    expect(folders).toEqual(['folder']);
    expect(statSync(partial).mode & 0o777).toBe(0o600);
    expect(names()).toEqual(['undo.partial']);
  });

  it('is never one that is there', async () => {
    writeFileSync(partial, 'of another', { mode: 0o600 });
    await expect(Journal.create(path, HEADER, codec)).rejects.toThrow(`${partial}: can't be opened`);
    expect(readFileSync(partial, 'utf8')).toBe('of another');
  });

  it('is not there with a header that no reader would take', async () => {
    const header = { ...HEADER, origin: { lv: 'x'.repeat(MAX_HEADER_SIZE) } };
    await expect(Journal.create(path, header, codec)).rejects.toThrow(RefusedError);
    expect(names()).toEqual([]);
  });
});

describe('what was flushed', () => {
  it('is on stable storage, all of it, whatever number of frames may be under way', async () => {
    for (const depth of [1, 2, 3, 100]) {
      rmSync(partial, { force: true });
      const syncs = logSyncs();
      const journal = await Journal.create(path, HEADER, { ...codec, depth });
      for (const batch of [block(0), zeros(1), block(2)]) await journal.add(batch);
      await journal.flush();
      expect(syncs.at(-1)).toBe(statSync(partial).size - MARK_SIZE);
      journal.close();
      expect((await takeUp()).seen).toEqual([0, 1, 2].map(rangeOf));
    }
  });

  it('is there when a later sync fails, and what that one may have lost is not', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.flush();
    const { size } = statSync(partial);
    await journal.add(block(1));
    hold('fdatasync', failing('EIO'));
    const flushed = journal.flush();
    await expect(flushed).rejects.toThrow(DeviceError);
    await expect(flushed).rejects.toThrow(`${partial}: can't be put on stable storage: `);
    expect(statSync(partial).size).toBe(size - MARK_SIZE);
    journal.close();
    expect((await takeUp()).seen).toEqual([rangeOf(0)]);
  });

  it('of a journal that was taken up stays when its first sync fails', async () => {
    const begun = await begin();
    await begun.add(block(0));
    await begun.flush();
    begun.close();
    const { journal } = await takeUp();
    const { size } = statSync(partial);
    await journal!.add(block(1));
    hold('fdatasync', failing('ENOSPC'));
    await expect(journal!.flush()).rejects.toThrow(DeviceError);
    expect(statSync(partial).size).toBe(size);
  });

  it('is written through short counts', async () => {
    hold(
      'write',
      (call) => (fd, bytes, start, length, at) => call(fd, bytes, start, Math.min(length, 7), at),
    );
    const journal = await begin();
    await journal.add(block(0));
    await journal.add(zeros(1));
    await journal.flush();
    journal.close();
    expect((await takeUp()).seen).toEqual([0, 1].map(rangeOf));
  });

  it('waits for as many frames as may be under way, and no more', async () => {
    const journal = await Journal.create(path, HEADER, { ...codec, depth: 2 });
    const { size } = statSync(partial);
    await journal.add(block(0));
    expect(statSync(partial).size).toBe(size);
    await journal.add(block(1));
    expect(statSync(partial).size).toBeGreaterThan(size);
    journal.close();
  });

  it('gives back the memory of its batches', async () => {
    const pool = createBufferPool(4096);
    const journal = await begin();
    const batch = { ...block(0), bytes: pool.take(), pool } as RecordBatch;
    await journal.add(batch);
    expect(pool.take().buffer).toBe(batch.kind === 'data' && batch.bytes.buffer);
  });

  it('of which a frame could not be made says so when it is waited for', async () => {
    const failed = new Error('no memory for zstd');
    const journal = await Journal.create(path, HEADER, {
      ...codec,
      depth: 3,
      compress: () => Promise.reject(failed),
    });
    await journal.add(block(0));
    await new Promise((resolve) => setTimeout(resolve, 1));
    await expect(journal.flush()).rejects.toBe(failed);
    journal.close();
  });

  it('has one mark before each unit, which says what was on stable storage', async () => {
    const journal = await begin();
    const ends = [statSync(partial).size];
    await journal.add(block(0));
    await journal.flush();
    ends.push(statSync(partial).size);
    await journal.add(zeros(1));
    ends.push(statSync(partial).size + MARK_SIZE);
    await journal.add(block(2));
    await journal.flush();
    ends.push(statSync(partial).size);
    journal.close();
    expect(findMarks()).toEqual(ends.map((end) => end - MARK_SIZE));
    truncateSync(partial, ends[0]! - MARK_SIZE);
    const { journal: taken } = await takeUp();
    await taken!.add(block(3));
    expect(findMarks()).toEqual([ends[0]! - MARK_SIZE]);
    expect(readFileSync(partial).length).toBeGreaterThan(ends[0]!);
  });

  it('does not wait in memory without end', async () => {
    const pool = createBufferPool();
    const content = 1 << 20;
    const journal = await Journal.create(path, HEADER, { ...codec, depth: 1000 });
    const written = () => statSync(partial).size;
    const begun = written();
    let mostHeld = 0;
    for (let i = 0, held = 0; i < 40; i++) {
      const batch = batchOf([{ offset: i * content, data: pool.take(content).fill(i) }]);
      const before = written();
      await journal.add(batch);
      held = written() === before ? held + 1 : held;
      mostHeld = Math.max(mostHeld, held);
    }
    expect(written()).toBeGreaterThan(begun);
    expect(mostHeld).toBeGreaterThan(2);
    expect(mostHeld * content).toBeLessThanOrEqual(MOST_IN_FLIGHT);
    journal.close();
  });
});

describe('a journal that is taken up', () => {
  it('is cut behind its last whole frame, and goes on there', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.add(block(1));
    await journal.flush();
    journal.close();
    truncateSync(partial, statSync(partial).size - MARK_SIZE - 3);
    const taken = await takeUp();
    expect(taken.seen).toEqual([rangeOf(0)]);
    await taken.journal!.add(block(2));
    await taken.journal!.flush();
    taken.journal!.close();
    expect((await takeUp()).seen).toEqual([0, 2].map(rangeOf));
  });

  it('is what its medium holds', async () => {
    (await begin()).close();
    const synced = logFullSyncs();
    await takeUp();
    expect(synced).toEqual(['file']);
  });

  it('is none before its first line is whole', async () => {
    (await begin()).close();
    const bytes = readFileSync(partial);
    const headed = bytes.length - MARK_SIZE;
    for (let size = 0; size < headed; size++) {
      writeFileSync(partial, bytes.subarray(0, size), { mode: 0o600 });
      expect((await takeUp()).journal).toBeUndefined();
      expect(names()).toEqual([]);
    }
    writeFileSync(partial, bytes.subarray(0, headed), { mode: 0o600 });
    expect((await takeUp()).journal?.header).toMatchObject(HEADER);
  });

  it('goes on before zero ranges whose zero frame is not whole', async () => {
    const journal = await begin();
    await journal.add(block(0));
    const { size } = statSync(partial);
    await journal.add(zeros(1));
    journal.close();
    const bytes = readFileSync(partial);
    for (let end = size; end < bytes.length; end++) {
      writeFileSync(partial, bytes.subarray(0, end), { mode: 0o600 });
      const taken = await takeUp();
      expect(taken.seen).toEqual([rangeOf(0)]);
      expect(statSync(partial).size).toBeLessThanOrEqual(size + MARK_SIZE);
      taken.journal!.close();
    }
  });

  it.each([...Array(MARK_SIZE).keys()])('is refused where byte %i of a mark is damaged', async (byte) => {
    const journal = await begin();
    for (const n of [0, 1]) {
      await journal.add(block(n));
      await journal.flush();
    }
    journal.close();
    const damaged = readFileSync(partial);
    damaged[findMarks()[1]! + byte]! ^= 1;
    writeFileSync(partial, damaged);
    await expect(takeUp()).rejects.toThrow('is damaged, with what was recorded later behind it');
    expect(readFileSync(partial).equals(damaged)).toBe(true);
  });

  it('asks the device for all that can be read behind what a power cut may have lost', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.flush();
    const { size } = statSync(partial);
    for (const batch of [block(1), zeros(2), block(3)]) await journal.add(batch);
    journal.close();
    const damaged = readFileSync(partial).fill(0, size, size + 8);
    writeFileSync(partial, damaged);
    const ask = async (holds: (batch: RecordBatch) => boolean): Promise<Range[]> => {
      const asked: Range[] = [];
      const isHeld = (batch: RecordBatch) => {
        asked.push(...rangesOf(batch));
        return Promise.resolve(holds(batch));
      };
      const opened = await Journal.resume(path, codec, {
        onBatch: () => Promise.resolve(),
        isHeld,
        keep: true,
      });
      opened?.close();
      return asked;
    };
    expect(await ask(() => true)).toEqual([2, 3].map(rangeOf));
    for (const lost of ['zeros', 'data'])
      await expect(ask(({ kind }) => kind !== lost)).rejects.toThrow(
        'is damaged, with what was recorded later',
      );
    expect(readFileSync(partial).equals(damaged)).toBe(true);
  });

  it('is gone on with where the mark is lost that said what was on stable storage', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.flush();
    const { size } = statSync(partial);
    for (const batch of [block(1), block(2)]) await journal.add(batch);
    journal.close();
    writeFileSync(partial, readFileSync(partial).fill(0, size - MARK_SIZE, size + 8));
    expect((await takeUp()).seen).toEqual([rangeOf(0)]);
  });

  it('is gone on with where nothing whole stands behind a damage', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.flush();
    const { size } = statSync(partial);
    for (const batch of [block(1), zeros(2), block(3)]) await journal.add(batch);
    journal.close();
    const [, , ...later] = findMarks().map((at) => at + MARK_SIZE);
    const damaged = readFileSync(partial).fill(0, size, size + 8);
    for (const unit of later) damaged.fill(0xff, unit + 4, unit + 16);
    for (const end of [damaged.length, ...later.flatMap((at) => [...Array(16).keys()].map((i) => at + i))]) {
      writeFileSync(partial, damaged.subarray(0, end), { mode: 0o600 });
      const seen: Range[] = [];
      const onBatch = async (batch: RecordBatch) => void seen.push(...rangesOf(batch));
      const taken = await Journal.resume(path, codec, { onBatch, isHeld: () => Promise.resolve(false) });
      taken!.close();
      expect(seen).toEqual([rangeOf(0)]);
    }
  });

  it('asks the device for what little was recorded behind a damage', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.flush();
    const { size } = statSync(partial);
    await journal.add(block(1));
    await journal.add(batchOf([{ offset: 2 * 4096, data: Uint8Array.of(7) }]));
    journal.close();
    writeFileSync(partial, readFileSync(partial).fill(0, size, size + 8));
    const opened = Journal.resume(path, codec, {
      onBatch: () => Promise.resolve(),
      isHeld: () => Promise.resolve(false),
    });
    await expect(opened).rejects.toThrow('is damaged, with what was recorded later behind it');
  });

  it('stays where what stands behind a damage can not be read', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.flush();
    const { size } = statSync(partial);
    for (const n of [1, 2]) await journal.add(block(n));
    journal.close();
    const damaged = readFileSync(partial).fill(0, size, size + 8);
    writeFileSync(partial, damaged);
    const frame = findMarks().at(-1)! + MARK_SIZE;
    let reads = 0;
    hold('read', (call) => (...args) => {
      const isOfFrame = args[4] === frame && reads++ > 0;
      return isOfFrame ? Promise.reject(kernelError('EIO')) : call(...args);
    });
    await expect(takeUp()).rejects.toThrow(`${partial}: can't be read: `);
    expect(readFileSync(partial).equals(damaged)).toBe(true);
  });

  it('is gone on with where its torn end records what looks like a mark', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.flush();
    const data = randomBytes(4096);
    data.set(encodeMark({ position: 2 ** 40, synced: 2 ** 40 }), 1000);
    await journal.add(batchOf([{ offset: 4096, data }]));
    journal.close();
    truncateSync(partial, statSync(partial).size - 3);
    expect(findMarks()).toHaveLength(3);
    expect((await takeUp()).seen).toEqual([rangeOf(0)]);
  });

  it('is refused wherever a mark stands behind a damage that it calls stored', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.flush();
    journal.close();
    const whole = readFileSync(partial);
    for (let before = 0; before <= MARK_START.length; before++) {
      const position = whole.length + (1 << 20) - before;
      writeFileSync(partial, whole);
      truncateSync(partial, position);
      appendFileSync(partial, encodeMark({ position, synced: position }));
      await expect(takeUp()).rejects.toThrow('is damaged, with what was recorded later behind it');
    }
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['a header that is damaged in a later sector', (bytes) => bytes.fill(0, 512, 600)],
    [
      'a header that claims to be longer than any',
      (bytes) => {
        bytes.writeUInt32LE(2 ** 32 - 1, 4);
        return Buffer.concat([bytes, Buffer.alloc(MAX_HEADER_SIZE)]);
      },
    ],
    ['one byte of something else', () => Buffer.from('n')],
  ])('is refused, with records and no mark behind %s', async (_, damage) => {
    const journal = await Journal.create(path, LONG_HEADER, codec);
    await journal.add(block(0));
    await journal.flush();
    journal.close();
    const bytes = readFileSync(partial);
    for (const at of findMarks()) bytes.fill(0, at, at + MARK_SIZE);
    const left = damage(bytes);
    writeFileSync(partial, left);
    await expect(takeUp()).rejects.toThrow('damaged in its header');
    expect(readFileSync(partial).equals(left)).toBe(true);
  });

  it('is removed where a power cut has kept a part of its header, whatever its length', async () => {
    const journal = await Journal.create(path, LONG_HEADER, codec);
    journal.close();
    const headed = readFileSync(partial).subarray(0, -MARK_SIZE);
    for (const size of [headed.length, headed.length - 1, 600]) {
      writeFileSync(partial, Buffer.from(headed.subarray(0, size)).fill(0, 512), { mode: 0o600 });
      expect((await takeUp()).journal).toBeUndefined();
      expect(names()).toEqual([]);
    }
  });

  it('stays, unfinished, though it has another name', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.flush();
    journal.close();
    linkSync(partial, join(folder, 'other'));
    expect((await takeUp()).seen).toEqual([rangeOf(0)]);
    expect(names()).toEqual(['other', 'undo.partial']);
  });

  it('is gone on with, though all of it was written, if it never got its name', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await finish(journal);
    renameSync(path, partial);
    const taken = await takeUp();
    expect(taken.seen).toEqual([rangeOf(0)]);
    await finish(taken.journal!);
    expect(names()).toEqual(['undo']);
  });

  it('that can not be read is named, and stays', async () => {
    (await begin()).close();
    const before = readFileSync(partial);
    const open = openFiles();
    let failures = 0;
    hold(
      'read',
      (call) =>
        (...args) =>
          failures++ === 0 ? Promise.reject(kernelError('EIO')) : call(...args),
    );
    await expect(takeUp()).rejects.toThrow(`${partial}: can't be read: `);
    expect(openFiles()).toBe(open);
    expect(readFileSync(partial).equals(before)).toBe(true);
  });

  it('stays byte for byte as it was in a dry run', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.flush();
    journal.close();
    truncateSync(partial, statSync(partial).size - 3);
    const before = readFileSync(partial);
    await takeUp({ keep: true });
    expect(readFileSync(partial).equals(before)).toBe(true);
    truncateSync(partial, 20);
    expect((await takeUp({ keep: true })).journal).toBeUndefined();
    expect(statSync(partial).size).toBe(20);
    const open = openFiles();
    expect((await takeUp()).journal).toBeUndefined();
    expect(openFiles()).toBe(open);
    expect(names()).toEqual([]);
  });

  it('is no snapback that was finished: its second name is dropped', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await finish(journal);
    linkSync(path, partial);
    const finished = readFileSync(path);
    expect((await takeUp()).journal).toBeUndefined();
    expect(names()).toEqual(['undo']);
    expect(readFileSync(path).equals(finished)).toBe(true);
  });

  it('that can not be removed is named, and nothing stays open of one that is refused', async () => {
    writeFileSync(partial, '', { mode: 0o600 });
    replaceCall('unlinkSync', () => () => {
      throw kernelError('EACCES');
    });
    await expect(takeUp()).rejects.toThrow(`${partial}: can't be removed`);
    const open = openFiles();
    writeFileSync(partial, 'no journal at all, and longer than one header', { mode: 0o600 });
    await expect(takeUp()).rejects.toThrow('is no unfinished snapback');
    expect(openFiles()).toBe(open);
  });

  it('shows once more what it records', async () => {
    const journal = await begin();
    await journal.add(block(3));
    await journal.add(zeros(5));
    await journal.flush();
    const seen: Range[] = [];
    await journal.review(async (batch) => void seen.push(...rangesOf(batch)));
    expect(seen).toEqual([3, 5].map(rangeOf));
  });
});

describe('a journal that is finished', () => {
  it('is synced before it gets its name', async () => {
    const journal = await begin();
    await journal.add(block(0));
    const syncs = logSyncs();
    const size: number[] = [];
    replaceCall('linkSync', (call) => (from: string, to: string) => {
      size.push(syncs.at(-1)!);
      call(from, to);
    });
    await finish(journal);
    expect(size).toEqual([statSync(path).size]);
    expect(names()).toEqual(['undo']);
  });

  it('holds what was saved, with the digests of what the device holds', async () => {
    const journal = await Journal.create(path, HEADER, { ...codec, depth: 100 });
    await journal.add(block(0));
    await journal.add(zeros(1));
    const open = openFiles();
    const closing = await finish(journal);
    expect(openFiles()).toBe(open - 1);
    expect(closing).toMatchObject({ records: 2, order: 'sorted' });
    const bytes = readFileSync(path);
    const stream = await openStream(new ByteReader(sourceOf(bytes)), codec);
    const seen: Range[] = [];
    for await (const batch of stream.batches) seen.push(...rangesOf(batch));
    expect(seen).toEqual([0, 1].map(rangeOf));
    expect(await pagesOf(bytes)).toBe(1);
  });

  it('has another page where one is full', async () => {
    const journal = await begin();
    const data = Uint8Array.of(1);
    const records = [...Array(66_000).keys()].map((n) => ({ offset: n * 4096, data }));
    await journal.add(batchOf(records));
    await journal.add(block(70_000));
    const device = readingDevice(2 ** 40, 'memory', (target) => target.fill(7));
    await journal.finish(device, (closing) => closing);
    expect(await pagesOf(readFileSync(path))).toBe(2);
  });

  it('in another order does not say that it is sorted', async () => {
    const journal = await begin();
    await journal.add(block(1));
    await journal.add(block(0));
    expect((await finish(journal)).order).toBeUndefined();
  });

  it('replaces nothing that has come up meanwhile', async () => {
    const journal = await begin();
    await journal.add(block(0));
    writeFileSync(path, 'of another');
    await expect(finish(journal)).rejects.toThrow(RefusedError);
    expect(readFileSync(path, 'utf8')).toBe('of another');
    expect(existsSync(partial)).toBe(true);
  });

  it('says where its last sync fails', async () => {
    const journal = await begin();
    await journal.add(block(0));
    await journal.flush();
    hold('fdatasync', failing('EIO'));
    await expect(finish(journal)).rejects.toThrow("can't be put on stable storage");
    expect(names()).toEqual(['undo.partial']);
  });
});

describe('another name', () => {
  it('is the one that it is finished under', async () => {
    const journal = await begin();
    const other = join(folder, 'other');
    const folders = logFullSyncs();
    await journal.rename(other);
    expect(folders).toEqual(['folder']);
    expect(names()).toEqual(['other.partial']);
    await journal.add(block(0));
    await finish(journal);
    expect(names()).toEqual(['other']);
  });

  it('that is taken is refused', async () => {
    const journal = await begin();
    const other = join(folder, 'other');
    writeFileSync(`${other}.partial`, 'of another');
    await expect(journal.rename(other)).rejects.toThrow(RefusedError);
    expect(readFileSync(`${other}.partial`, 'utf8')).toBe('of another');
    await journal.add(block(0));
    await finish(journal);
    expect(names()).toEqual(['other.partial', 'undo']);
  });

  it('is in the message where it fails', async () => {
    const journal = await begin();
    replaceCall('linkSync', () => () => {
      throw kernelError('EPERM');
    });
    replaceCall('renameSync', () => () => {
      throw kernelError('EIO');
    });
    const other = join(folder, 'other');
    const renamed = journal.rename(other);
    await expect(renamed).rejects.toThrow(`${partial}: can't be renamed to ${other}.partial: `);
    await expect(renamed).rejects.toMatchObject({
      hint: expect.stringContaining('run the same command') as string,
    });
  });
});

it('a journal is closed once', async () => {
  const open = openFiles();
  const journal = await Journal.create(path, HEADER, codec);
  journal.close();
  expect(openFiles()).toBe(open);
  const others = [...Array(8).keys()].map(() => openSync('/dev/null', 'r'));
  journal.close();
  for (const fd of others) closeSync(fd);
});
