import { held } from './hold-calls.js';
import {
  closeSync,
  existsSync,
  linkSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Journal } from '#src/device/journal.js';
import { DeviceError, RefusedError } from '#src/errors.js';
import { createBufferPool, rangesOf, type Range, type RecordBatch } from '#src/format/batch.js';
import { ByteReader } from '#src/format/byte-reader.js';
import { MOST_IN_FLIGHT } from '#src/format/codec.js';
import { readFileIndex } from '#src/format/file-index.js';
import type { StreamHeader } from '#src/format/header.js';
import { MARK_SIZE, MAX_HEADER_SIZE } from '#src/format/layout.js';
import { openStream } from '#src/format/open-stream.js';
import { kernelError, replaceCall } from '../files/replace-call.js';
import { createInlineCodec } from '../format/inline-codec.js';
import { batchOf, sourceOf } from '../streams.js';
import { memoryDevice } from './memory-device.js';

/** A journal from its first byte to its final name, with what can go wrong on the way (§6.4). */

const codec = { ...createInlineCodec(), depth: 1 };
const HEADER: StreamHeader = {
  kind: 'snapback',
  requires: [],
  order: 'disjoint',
  baseDigests: true,
  result: { id: 'uuid:1' },
};
const DEVICE = new Uint8Array(8 * 4096).fill(7);

let folder: string;
let path: string;
let partial: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'));
  path = join(folder, 'undo');
  partial = `${path}.partial`;
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const names = () => readdirSync(folder).sort();
const openFiles = () => readdirSync('/proc/self/fd').length;
const block = (n: number, byte = 1) => batchOf([{ offset: n * 4096, data: new Uint8Array(4096).fill(byte) }]);
const zeros = (n: number): RecordBatch => ({ kind: 'zeros', ranges: [{ offset: n * 4096, length: 4096 }] });
const rangeOf = (n: number): Range => ({ offset: n * 4096, length: 4096 });

async function takeUp({ keep = false } = {}): Promise<{ journal: Journal | undefined; seen: Range[] }> {
  const seen: Range[] = [];
  const onBatch = (batch: RecordBatch) => void seen.push(...rangesOf(batch));
  const journal = await Journal.resume(path, codec, { onBatch, isHeld: () => true, keep });
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

const finish = (journal: Journal) => journal.finish(memoryDevice(DEVICE), (closing) => closing);

function failSync(code: string): void {
  const { fdatasync } = held;
  held.fdatasync = (_, done) => {
    done(kernelError(code));
  };
  onTestFinished(() => {
    held.fdatasync = fdatasync;
  });
}

/** How long the file was at each sync. */
function logSyncs(): number[] {
  const sizes: number[] = [];
  const { fdatasync } = held;
  held.fdatasync = (fd, done) => {
    sizes.push(statSync(`/proc/self/fd/${fd}`).size);
    fdatasync(fd, done);
  };
  onTestFinished(() => {
    held.fdatasync = fdatasync;
  });
  return sizes;
}

describe('a journal that is begun', () => {
  it("has its header and its name on stable storage, and is its owner's alone", async () => {
    const syncs = logSyncs();
    const folders: string[] = [];
    replaceCall('fsyncSync', (call) => (fd: number) => {
      folders.push(statSync(`/proc/self/fd/${fd}`).isDirectory() ? 'folder' : 'file');
      call(fd);
    });
    await begin();
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
    failSync('EIO');
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
    failSync('ENOSPC');
    await expect(journal!.flush()).rejects.toThrow(DeviceError);
    expect(statSync(partial).size).toBe(size);
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
    await journal.review((batch) => void seen.push(...rangesOf(batch)));
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
    const journal = await begin();
    await journal.add(block(0));
    await journal.add(zeros(1));
    const closing = await finish(journal);
    expect(closing).toMatchObject({ records: 2, order: 'sorted' });
    const bytes = readFileSync(path);
    const stream = await openStream(new ByteReader(sourceOf(bytes)), codec);
    const seen: Range[] = [];
    for await (const batch of stream.batches) seen.push(...rangesOf(batch));
    expect(seen).toEqual([0, 1].map(rangeOf));
    const file = {
      size: bytes.length,
      readAt: async (target: Uint8Array, position: number) => {
        target.set(bytes.subarray(position, position + target.length));
      },
    };
    const index = await readFileIndex(file, codec);
    for await (const page of index.pages()) expect(page).toBeDefined();
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
    failSync('EIO');
    await expect(finish(journal)).rejects.toThrow("can't be put on stable storage");
    expect(names()).toEqual(['undo.partial']);
  });
});

describe('another name', () => {
  it('is the one that it is finished under', async () => {
    const journal = await begin();
    const other = join(folder, 'other');
    const folders: number[] = [];
    replaceCall('fsyncSync', (call) => (fd: number) => {
      folders.push(fd);
      call(fd);
    });
    await journal.rename(other);
    expect(folders).toHaveLength(1);
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
  const journal = await Journal.create(path, HEADER, codec);
  journal.close();
  const others = [...Array(8).keys()].map(() => openSync('/dev/null', 'r'));
  journal.close();
  for (const fd of others) closeSync(fd);
});
