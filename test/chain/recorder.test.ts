import { held } from './hold-calls.js';
import {
  chmodSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { RandomAccessWriter } from '#src/algebra/random-access.js';
import type { Recorder } from '#src/chain/recorder.js';
import { openRecorder } from '#src/chain/open-recorder.js';
import { writeBatch } from '#src/apply/write-batch.js';
import { DeviceError, RefusedError } from '#src/errors.js';
import { readLvsHeader } from '#src/files/lvs-header.js';
import { createBufferPool, dataSize, eachRange, type RecordBatch, releaseBatch } from '#src/format/batch.js';
import type { Range } from '#src/ranges/range.js';
import type { Closing } from '#src/format/lvs/maps/closing.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { MARK_SIZE } from '#src/format/layout.js';
import type { ClosingExtras } from '#src/format/lvs/writer.js';
import { PLAIN_HEADER, type ChangeStream } from '#src/format/open-stream.js';
import { counted } from '#src/format/counted.js';
import { resultStateId } from '#src/format/lvs/maps/result-state.js';
import { StreamDigest } from '#src/format/stream-digest.js';
import { kernelError, replaceCall } from '../files/replace-call.js';
import { applied, batchOf, codec, lvsFile, openBytes, plainStream, type TestRecord } from '../streams.js';
import { openFile } from '../apply/applying.js';
import { memoryDevice } from '../compare/memory-device.js';

/** What a recorder saves, and when (§6.3, §6.4). */

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recorder-'));
  path = join(folder, 'undo');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const idOf = (n: number) => new Uint8Array(16).fill(n);
const partial = () => `${path}.partial`;
const openFiles = () => readdirSync('/proc/self/fd').length;
const options = { baseCheck: true, generator: 'test', dryRun: false };

/** A device in memory that has the identity of a file. */
function deviceOf(bytes: Uint8Array): RandomAccessWriter {
  const name = join(folder, 'device');
  writeFileSync(name, bytes);
  return {
    ...memoryDevice(bytes, name),
    write: (data, offset) => {
      bytes.set(data, offset);
    },
    zero: ({ offset, length }) => {
      bytes.fill(0, offset, offset + length);
    },
    sync: () => undefined,
  };
}

const open = (target: RandomAccessWriter, header = PLAIN_HEADER, name = path): Promise<Recorder> =>
  openRecorder(name, { target, codec, openFile, rewindable: true, options }, header);

/** Applies a stream whole, and returns the snapback's bytes. */
async function save(
  bytes: Uint8Array,
  stream: ChangeStream,
  onWrite: (batch: RecordBatch) => void = () => undefined,
  isSorted = false,
): Promise<Uint8Array> {
  const target = deviceOf(bytes);
  const recorder = await open(target, stream.header);
  await recorder.writeRecorded(stream, isSorted, (batch) => {
    onWrite(batch);
    writeBatch(batch, target);
  });
  await recorder.finish(true);
  recorder.close();
  return readFileSync(path);
}

/** What is whole of a stream, of whose end nothing is known. */
const partOf = (stream: ChangeStream): ChangeStream => ({ ...stream, ...counted(stream.batches) });

async function closingOfSnapback(): Promise<{ header: StreamHeader; closing: Closing }> {
  const opened = await openBytes(readFileSync(path));
  for await (const batch of opened.batches) releaseBatch(batch);
  return { header: opened.header, closing: opened.closing() };
}

async function rollBack(bytes: Uint8Array, snapback: Uint8Array): Promise<number> {
  const target = deviceOf(bytes);
  let size = 0;
  for await (const batch of (await openBytes(snapback)).batches) {
    size += dataSize(batch);
    writeBatch(batch, target);
    for (const { offset, length } of eachRange(batch))
      expect(offset + length).toBeLessThanOrEqual(bytes.length);
  }
  return size;
}

describe('a snapback', () => {
  const SPACE = 3000;
  const record: fc.Arbitrary<TestRecord> = fc.record({
    offset: fc.nat(SPACE),
    data: fc.uint8Array({ minLength: 1, maxLength: 900 }),
  });

  it('takes back whatever was written, and saves each byte of the device once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: SPACE }),
        async (records, size) => {
          rmSync(path, { force: true });
          const before = Uint8Array.from({ length: size }, (_, i) => i % 251);
          const bytes = before.slice();
          const snapback = await save(bytes, await openBytes(plainStream(records)));
          const after = applied(new Uint8Array(2 * SPACE), [{ offset: 0, data: before }, ...records]);
          expect(bytes).toEqual(after.subarray(0, size));
          const places = new Set(
            records.flatMap(({ offset, data }) => [...data.keys()].map((i) => offset + i)),
          );
          expect(await rollBack(bytes, snapback)).toBe([...places].filter((at) => at < size).length);
          expect(bytes).toEqual(before);
        },
      ),
      { numRuns: 25 },
    );
  });

  it.each([true, false])(
    'of records that do not overlap asks nobody what is saved: sorted %s',
    async (isSorted) => {
      const records = [0, 8, 16].map((offset) => ({ offset, data: new Uint8Array(8).fill(1) }));
      const bytes = new Uint8Array(24).fill(9);
      const order = isSorted ? 'given' : 'disjoint';
      const stream = await openBytes(await lvsFile([batchOf(records)], { order }));
      const snapback = await save(bytes, stream, undefined, isSorted);
      expect(await rollBack(bytes, snapback)).toBe(24);
      expect(bytes).toEqual(new Uint8Array(24).fill(9));
    },
  );

  it('saves each place once of records that may overlap', async () => {
    const records = [0, 4].map((offset) => ({ offset, data: new Uint8Array(8).fill(1 + offset) }));
    const bytes = new Uint8Array(24).fill(9);
    const stream = await openBytes(await lvsFile([batchOf(records)], { order: 'given' }));
    const snapback = await save(bytes, stream);
    expect(await rollBack(bytes, snapback)).toBe(12);
    expect(bytes).toEqual(new Uint8Array(24).fill(9));
  });

  it('saves nothing past the end of the device', async () => {
    const bytes = new Uint8Array(24).fill(9);
    const records = [8, 20, 32].map((offset) => ({ offset, data: new Uint8Array(8).fill(1) }));
    const stream = await openBytes(await lvsFile([batchOf(records)], { order: 'disjoint' }));
    const opened = await openBytes(await save(bytes, stream));
    const saved: Range[] = [];
    for await (const batch of opened.batches) saved.push(...eachRange(batch));
    expect(saved).toEqual([
      { offset: 8, length: 8 },
      { offset: 20, length: 4 },
    ]);
  });

  it('is on stable storage before what it saves is overwritten, and waits for 16 MiB at most', async () => {
    const syncs: number[] = [];
    const { fdatasync } = held;
    held.fdatasync = async (fd) => {
      syncs.push(statSync(`/proc/self/fd/${fd}`).size);
      return fdatasync(fd);
    };
    onTestFinished(() => {
      held.fdatasync = fdatasync;
    });
    const size = 1 << 20;
    const pool = createBufferPool(size + 12);
    const source = await openBytes(plainStream([]));
    const batches = (async function* () {
      for (let i = 0; i < 20; i++)
        yield { kind: 'zeros', ranges: [{ offset: i * size, length: size }] } as RecordBatch;
      for (let i = 20; i < 40; i++)
        yield { ...batchOf([{ offset: i * size, data: new Uint8Array(size).fill(1) }]), pool } as RecordBatch;
    })();
    const groups = new Map<number, number>();
    const stream = { ...source, batches };
    await save(new Uint8Array(40 * size).fill(9), stream, () => {
      expect(statSync(partial()).size).toBe(syncs.at(-1)! + MARK_SIZE);
      groups.set(syncs.length, (groups.get(syncs.length) ?? 0) + 1);
    });
    expect([...groups.values()]).toEqual([16, 16, 8]);
    expect(pool.take().length).toBe(size + 12);
  });

  it('says where it leads: to the state before, from the one that the stream names', async () => {
    const before = { id: 'lv:1', time: 10 };
    const header = {
      id: new Uint8Array(16).fill(4),
      base: before,
      result: { id: 'lv:2', time: 20 },
      chunkSize: 4096,
    };
    const stream = await openBytes(
      await lvsFile([batchOf([{ offset: 0, data: new Uint8Array(8) }])], header),
    );
    const snapback = await save(new Uint8Array(24), stream);
    const opened = await openBytes(snapback);
    for await (const batch of opened.batches) releaseBatch(batch);
    expect(opened.header).toMatchObject({
      kind: 'snapback',
      order: 'disjoint',
      result: before,
      toward: header.result,
      baseSize: 24,
      resultSize: 24,
      chunkSize: 4096,
      sequence: 1,
      undoes: [header.id],
      target: { path: join(folder, 'device'), size: 24 },
    });
    expect(opened.closing()).toMatchObject({ base: header.result, undoes: [header.id] });
  });

  const RECORD = { offset: 0, data: new Uint8Array(8).fill(1) };
  const noDigest = () => ({ digest: undefined }) as ClosingExtras;
  const DIGEST = new Uint8Array(32).fill(3);

  /** The closing map of the snapback of a stream that was applied whole, or up to its damage. */
  async function closingOf(
    stream: ChangeStream,
    isWhole = true,
  ): Promise<{ header: StreamHeader; closing: Closing }> {
    const recorder = await open(deviceOf(new Uint8Array(24).fill(9)), stream.header);
    await recorder.writeRecorded(stream, true, () => undefined);
    await recorder.finish(isWhole);
    recorder.close();
    return closingOfSnapback();
  }

  it.each<
    [string, Partial<StreamHeader>, (() => ClosingExtras) | undefined, (digest: Uint8Array) => unknown[]]
  >([
    ['an id', { id: idOf(4) }, undefined, () => [idOf(4)]],
    ['an id and no digest', { id: idOf(4) }, noDigest, () => [idOf(4)]],
    ['a digest', {}, undefined, (digest) => [digest]],
  ])('names the stream that it undoes, which has %s', async (_, header, extras, ids) => {
    const bytes = await lvsFile([batchOf([RECORD])], header, extras);
    const { closing } = await closingOf(await openBytes(bytes));
    const plain = new StreamDigest(codec);
    plain.update(plainStream([RECORD]));
    expect(closing.undoes?.map((id) => Buffer.from(id))).toEqual(
      ids(plain.digest()).map((id) => Buffer.from(id as Uint8Array)),
    );
  });

  it.each([
    ['an .lvs stream', () => lvsFile([batchOf([RECORD])], { result: { id: 'lv:2' } })],
    ['a plain one', async () => plainStream([RECORD])],
  ])('of a part of %s starts from a state of its own', async (_, make) => {
    const { closing } = await closingOf(partOf(await openBytes(await make())), false);
    expect(closing.base?.id).toMatch(/^uuid:/);
  });

  it('of a part of a stream that has neither an id nor a digest yet names none', async () => {
    const stream = await openBytes(await lvsFile([batchOf([RECORD])]));
    const { closing } = await closingOf(partOf(stream), false);
    expect(closing.undoes).toBeUndefined();
  });

  it('of a stream that names no result starts from the state that its digest tells, if it has one', async () => {
    const bytes = await lvsFile([batchOf([RECORD])], { id: idOf(4) });
    const stream = await openBytes(bytes);
    const { header, closing } = await closingOf(stream);
    const { digest } = stream.closing();
    expect(closing.base?.id).toBe(resultStateId(header.result!.id, digest!, codec));
    rmSync(path);
    const without = await closingOf(
      await openBytes(await lvsFile([batchOf([RECORD])], { id: idOf(4) }, noDigest)),
    );
    expect(without.closing.base?.id).toMatch(/^uuid:/);
  });

  it('starts from the state that the stream computes where the named one has no room', async () => {
    const covers = [...Array(40_000).keys()].map((n) => `lv:${String(n).padStart(40, '0')}`);
    const stream = await openBytes(await lvsFile([batchOf([RECORD])], { id: idOf(4) }));
    const closing = () => ({
      ...stream.closing(),
      digest: DIGEST,
      result: { id: 'lv:2', covers },
    });
    const made = await closingOf({ ...stream, closing });
    expect(made.closing.base?.id).toBe(resultStateId(made.header.result!.id, DIGEST, codec));
  });

  it('of a plain stream starts from the state that its digest tells', async () => {
    const plain = plainStream([{ offset: 0, data: new Uint8Array(8) }]);
    const opened = await openBytes(await save(new Uint8Array(24), await openBytes(plain)));
    for await (const batch of opened.batches) releaseBatch(batch);
    const tree = new StreamDigest(codec);
    tree.update(plain);
    const digest = tree.digest();
    const { base, undoes } = opened.closing();
    expect(base?.id).toBe(resultStateId(opened.header.result!.id, digest, codec));
    expect(undoes?.map((id) => Buffer.from(id).equals(digest))).toEqual([true]);
  });
});

describe('a snapback can be saved', () => {
  const device = () => deviceOf(new Uint8Array(10));
  const name = (rest: string) => open(device(), undefined, rest);

  it.each(['', '-', 'undo.partial', '.undo', 'folder/', 'folder/.undo', 'a/undo.partial'])(
    'under no name such as "%s"',
    async (rest) => {
      mkdirSync(join(folder, 'folder'));
      const full = rest === '' || rest === '-' ? rest : join(folder, rest);
      await expect(name(full)).rejects.toThrow(RefusedError);
      await expect(name(full)).rejects.toThrow(`can't be called "${full}"`);
    },
  );

  it('in a folder that is there and can be written to', async () => {
    const nowhere = name(join(folder, 'none', 'undo'));
    await expect(nowhere).rejects.toThrow(DeviceError);
    await expect(nowhere).rejects.toThrow('is no folder');
    writeFileSync(join(folder, 'file'), '');
    await expect(name(join(folder, 'file', 'undo'))).rejects.toThrow('is no folder');
    mkdirSync(join(folder, 'folder'));
    symlinkSync(join(folder, 'folder'), join(folder, 'link'));
    (await name(join(folder, 'link', 'undo'))).close();
  });

  it('in no folder that can not be written to', async () => {
    const asked: unknown[] = [];
    replaceCall('accessSync', () => (...args: unknown[]) => {
      asked.push(args);
      throw kernelError('EROFS');
    });
    const refused = name(path);
    await expect(refused).rejects.toThrow(DeviceError);
    await expect(refused).rejects.toThrow(`${folder}: no snapback can be saved there: EROFS`);
    expect(asked).toEqual([[folder, constants.W_OK | constants.X_OK]]);
  });

  it.skipIf(process.getuid?.() === 0)('in no folder of which it may not', async () => {
    mkdirSync(join(folder, 'folder'));
    chmodSync(join(folder, 'folder'), 0o500);
    await expect(name(join(folder, 'folder', 'undo'))).rejects.toThrow('no snapback can be saved there');
  });

  it('under a name that nothing has', async () => {
    writeFileSync(path, 'old');
    await expect(name(path)).rejects.toThrow('exists already');
    rmSync(path);
    symlinkSync(join(folder, 'nowhere'), path);
    await expect(name(path)).rejects.toThrow('exists already');
    expect(readdirSync(folder).sort()).toEqual(['device', 'undo']);
  });
});

describe('a recorder', () => {
  it('creates nothing until it has something to save, and leaves its journal when it is closed', async () => {
    const target = deviceOf(new Uint8Array(100).fill(9));
    const before = openFiles();
    const recorder = await open(target);
    expect(readdirSync(folder)).toEqual(['device']);
    expect([recorder.recorded, recorder.written, recorder.isUnfinished, recorder.isCovered]).toEqual([
      undefined,
      undefined,
      false,
      false,
    ]);
    const stream = await openBytes(plainStream([{ offset: 3, data: Uint8Array.of(1, 2) }]));
    const killed = recorder.writeRecorded(stream, false, () => {
      throw new Error('killed');
    });
    await expect(killed).rejects.toThrow('killed');
    recorder.close();
    expect(openFiles()).toBe(before);
    expect(readdirSync(folder)).toEqual(['device', 'undo.partial']);
    expect((await readLvsHeader(partial()))?.kind).toBe('snapback');

    const again = await open(target);
    expect(again.notices).toEqual([`goes on with ${partial()}, which an interrupted apply left`]);
    expect([again.recorded?.saved.size, again.isUnfinished, again.isCovered]).toEqual([2, true, false]);
    expect(again.written).toBeUndefined();
    await again.checkRecorded();
    again.startAnew('it is gone on with all the same');
    expect([again.notices.length, again.recorded?.saved.size]).toEqual([1, 2]);
    again.close();
    expect(openFiles()).toBe(before);

    target.write(Uint8Array.of(1), 3);
    const changed = await open(target);
    expect(changed.written?.size).toBe(2);
    changed.close();
  });

  it.each<[string, Partial<StreamHeader>, number[]]>([
    ['the same one', { id: idOf(1) }, [1]],
    ['another one', { id: idOf(2) }, [1, 2]],
    ['a part of one without an id', {}, [1]],
  ])('that goes on with what a stream left undoes that, and %s', async (_, header, ids) => {
    const ends = { base: { id: 'lv:1' }, result: { id: 'lv:2' } };
    const record = { offset: 0, data: Uint8Array.of(1, 2) };
    const target = deviceOf(new Uint8Array(100).fill(9));
    for (const each of [{ id: idOf(1) }, header]) {
      const stream = await openBytes(await lvsFile([batchOf([record])], { ...ends, ...each }));
      const recorder = await open(target, stream.header);
      await recorder.writeRecorded(partOf(stream), true, () => undefined);
      if (each === header) await recorder.finish(false);
      recorder.close();
    }
    const undoes = (await closingOfSnapback()).closing.undoes ?? [];
    expect(undoes.map((id) => Buffer.from(id))).toEqual(ids.map((n) => Buffer.from(idOf(n))));
  });

  it('holds nothing open when its snapback could not be finished', async () => {
    const target = deviceOf(new Uint8Array(100).fill(9));
    const before = openFiles();
    const recorder = await open(target);
    const stream = await openBytes(plainStream([{ offset: 3, data: Uint8Array.of(1, 2) }]));
    await recorder.writeRecorded(stream, true, () => undefined);
    const { fdatasync } = held;
    held.fdatasync = () => Promise.reject(kernelError('EIO'));
    const finished = recorder.finish(true);
    await expect(finished).rejects.toThrow("can't be put on stable storage");
    held.fdatasync = fdatasync;
    recorder.close();
    expect(openFiles()).toBe(before);
  });

  it('whose device is at no known state begins a chain of its own', async () => {
    const target = deviceOf(new Uint8Array(100).fill(9));
    const recorder = await open(target);
    recorder.startAnew('because of that');
    expect(recorder.isCovered).toBe(false);
    expect(recorder.notices).toEqual(['because of that']);
    const stream = await openBytes(plainStream([{ offset: 3, data: Uint8Array.of(1, 2) }]));
    await recorder.writeRecorded(stream, true, () => undefined);
    recorder.close();
    const header = await readLvsHeader(partial());
    expect(header?.result?.covers).toEqual([]);
    expect(header?.follows).toBeUndefined();
  });

  it('refuses what another device has begun under its name', async () => {
    const first = await open(deviceOf(new Uint8Array(100)));
    const stream = await openBytes(plainStream([{ offset: 3, data: Uint8Array.of(1, 2) }]));
    await first.writeRecorded(stream, true, () => undefined);
    first.close();
    const other = join(folder, 'other');
    writeFileSync(other, new Uint8Array(100));
    const begun = open({ ...deviceOf(new Uint8Array(100)), name: other });
    await expect(begun).rejects.toThrow(RefusedError);
    await expect(begun).rejects.toThrow(`is an unfinished snapback of ${join(folder, 'device')}`);
  });
});
