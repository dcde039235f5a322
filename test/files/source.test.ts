import fs, { closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DeviceError, UsageError } from '#src/errors.js';
import type { ByteSource } from '#src/format/byte-reader.js';
import { openRegular, openSource, type Source, spool } from '#src/files/source.js';
import { makeFile, makeFolder, MIB, run } from '../device/block-devices.js';
import { kernelError, moveInParts, replaceCall } from './replace-call.js';

afterEach(() => {
  vi.restoreAllMocks();
});

const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7);

/** What the descriptors of this process stand for, where that has such a name. */
const held = (name: string): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(name);
    } catch {
      return false;
    }
  }).length;

/** Closed at the end of the test, unless the test has done that. */
async function open(path: string): Promise<Source> {
  const source = await openSource(path);
  let isOpen = true;
  const close = () => {
    if (isOpen) source.close();
    isOpen = false;
  };
  onTestFinished(close);
  return { ...source, close };
}

/** A FIFO that this process holds open for writing, so that nobody waits; what is written comes out of it. */
function makePipe(content: Uint8Array = new Uint8Array()): string {
  const pipe = join(makeFolder(), 'pipe');
  run('mkfifo', pipe);
  const writer = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  onTestFinished(() => {
    closeSync(writer);
  });
  fs.writeSync(writer, content);
  return pipe;
}

/** All that comes, so many bytes at a time. */
async function readAll(from: ByteSource, most = 3): Promise<number[]> {
  const all: number[] = [];
  const buffer = new Uint8Array(most);
  for (let got = await from.readInto(buffer); got > 0; got = await from.readInto(buffer))
    all.push(...buffer.subarray(0, got));
  return all;
}

/** Has the next reads in another thread fail with these errors, one each. */
function failReads(...codes: string[]): void {
  replaceCall('read', (call) => (...values: Parameters<typeof call>) => {
    const code = codes.shift();
    if (code === undefined) call(...values);
    else (values.at(-1) as (error: Error) => void)(kernelError(code));
  });
}

describe('a file', () => {
  it('is read from its start, as often as somebody asks, and at any place', async () => {
    const file = makeFile(bytes.length, bytes);
    const source = await open(file);
    expect(source).toMatchObject({ name: file, path: file, size: bytes.length });
    expect(await readAll(source.start())).toEqual([...bytes]);
    expect(await readAll(source.start())).toEqual([...bytes]);
    const target = new Uint8Array(3);
    await source.readAt(target, 2);
    expect(target).toEqual(Uint8Array.of(3, 4, 5));
    source.close();
    expect(held(file)).toBe(0);
  });

  it('is read on where the kernel gives a part, and ends where it ends', async () => {
    const file = makeFile(bytes.length, bytes);
    const source = await open(file);
    moveInParts('readSync', 1);
    const target = new Uint8Array(4);
    await source.readAt(target, 2);
    expect(target).toEqual(Uint8Array.of(3, 4, 5, 6));
    const past = source.readAt(target, 5);
    await expect(past).rejects.toThrow(DeviceError);
    await expect(past).rejects.toThrow(`${file}: ends at byte 7, where more is expected`);
  });

  it('says what fails', async () => {
    const file = makeFile(bytes.length, bytes);
    const source = await open(file);
    failReads('EIO');
    const read = source.start().readInto(new Uint8Array(1));
    await expect(read).rejects.toThrow(DeviceError);
    await expect(read).rejects.toThrow(`${file}: can't be read: EIO`);
    replaceCall('readSync', () => () => {
      throw kernelError('EIO');
    });
    const readAt = source.readAt(new Uint8Array(1), 0);
    await expect(readAt).rejects.toThrow(DeviceError);
    await expect(readAt).rejects.toThrow(`${file}: can't be read: EIO`);
  });

  it('lets signals and timers have their turn when reads take long, and only then', async () => {
    const source = await open(makeFile(bytes.length, bytes));
    let now = performance.now();
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    const turnsOf = async (): Promise<number> => {
      let turns = 0;
      const count = nextTurn().then(() => (turns += 1));
      await source.readAt(new Uint8Array(1), 0);
      const before = turns;
      await count;
      return before;
    };
    expect(await turnsOf()).toBe(0);
    now += 30;
    expect(await turnsOf()).toBe(1);
    now += 20;
    expect(await turnsOf()).toBe(0);
  });
});

describe('a pipe', () => {
  it('is read once, from where it is, and waits for whoever writes', async () => {
    const pipe = makePipe(bytes);
    const source = await open(pipe);
    expect(source).toMatchObject({ name: pipe, path: pipe, size: undefined });
    const buffer = new Uint8Array(3);
    const from = source.start();
    expect(await from.readInto(buffer)).toBe(3);
    failReads('EAGAIN', 'EAGAIN');
    expect(await from.readInto(buffer)).toBe(3);
    expect(buffer).toEqual(Uint8Array.of(4, 5, 6));
    source.close();
    // The one that is left is that of the test.
    expect(held(pipe)).toBe(1);
  });

  it('is nothing to look at without reading it', async () => {
    const pipe = join(makeFolder(), 'pipe');
    run('mkfifo', pipe);
    expect(await openRegular(pipe)).toBeUndefined();
    expect(held(pipe)).toBe(0);
    const file = makeFile(bytes.length, bytes);
    const source = await openRegular(file);
    expect(source).toMatchObject({ name: file, path: file, size: bytes.length });
    source!.close();
  });
});

describe('what is no stream', () => {
  it.each([
    ['is missing', () => '/nowhere/stream', "can't be opened: ENOENT"],
    ['is a directory', makeFolder, 'is a directory, where a stream is expected'],
  ])('because it %s is refused by name', async (_, make: () => string, says) => {
    const path = make();
    const opened = openSource(path);
    await expect(opened).rejects.toThrow(DeviceError);
    await expect(opened).rejects.toThrow(`${path}: ${says}`);
    expect(held(path)).toBe(0);
    if (says.startsWith('can')) await expect(openRegular(path)).rejects.toThrow(`${path}: ${says}`);
  });

  it('because it is a terminal is refused', async () => {
    const before = held('/dev/ptmx') + held('/dev/pts');
    const opened = openSource('/dev/ptmx');
    await expect(opened).rejects.toThrow(UsageError);
    await expect(opened).rejects.toThrow('/dev/ptmx: is a terminal, where a stream is expected');
    expect(held('/dev/ptmx') + held('/dev/pts')).toBe(before);
  });

  it('because it cannot even be looked at says so', async () => {
    const file = makeFile(1);
    replaceCall('fstatSync', () => () => {
      throw kernelError('EIO');
    });
    const opened = openSource(file);
    await expect(opened).rejects.toThrow(DeviceError);
    await expect(opened).rejects.toThrow(`${file}: can't be read: EIO`);
  });
});

describe('standard input', () => {
  /** Puts a file in its place, and nothing closes it but what this returns. */
  function replaceInput(file: string): { closed: number[] } {
    const closed: number[] = [];
    const stats = fstatSync(openForTest(file));
    replaceCall('fstatSync', (call) => (fd: number) => (fd === 0 ? stats : call(fd)));
    replaceCall('closeSync', (call) => (fd: number) => {
      if (fd === 0) closed.push(fd);
      else call(fd);
    });
    return { closed };
  }

  function openForTest(file: string): number {
    const fd = openSync(file, 'r');
    onTestFinished(() => {
      closeSync(fd);
    });
    return fd;
  }

  it('has a name and no path, and stays open', async () => {
    const { closed } = replaceInput(makePipe());
    const source = await openSource('-');
    expect(source).toMatchObject({ name: 'standard input', path: undefined, size: undefined });
    source.close();
    expect(closed).toEqual([]);
  });

  it('that is a directory is refused, and stays open', async () => {
    const { closed } = replaceInput(makeFolder());
    await expect(openSource('-')).rejects.toThrow('standard input: is a directory');
    expect(closed).toEqual([]);
  });
});

describe('what is spooled', () => {
  const long = Uint8Array.from({ length: 2 * MIB + 5 }, (_, i) => i % 251);

  /** A source that is read once, and whether it was closed. */
  function pipeOf(start: () => ByteSource): Source & { closings: number } {
    const source = {
      closings: 0,
      name: 'pipe',
      path: undefined,
      size: undefined,
      start,
      readAt: () => Promise.reject(new Error('a pipe has no places')),
      close: () => {
        source.closings += 1;
      },
    };
    return source;
  }

  function sourceOf(content: Uint8Array): ByteSource {
    let at = 0;
    return {
      readInto: (target) => {
        const part = content.subarray(at, at + Math.min(target.length, 700_000));
        target.set(part);
        at += part.length;
        return Promise.resolve(part.length);
      },
    };
  }

  it('is a file without a name that can be read again, and the pipe is done with', async () => {
    const pipe = pipeOf(() => sourceOf(long));
    const spooled = await spool(pipe);
    expect(spooled).toMatchObject({ name: 'pipe', path: undefined, size: long.length });
    expect(pipe.closings).toBe(1);
    for (let again = 0; again < 2; again++) {
      const target = new Uint8Array(long.length + 1);
      expect(await spooled.start().readInto(target)).toBe(long.length);
      expect(Buffer.compare(target.subarray(0, long.length), long)).toBe(0);
    }
    spooled.close();
  });

  it('begins with what has been taken off the pipe', async () => {
    const pipe = pipeOf(() => sourceOf(long));
    const spooled = await spool(pipe, sourceOf(bytes));
    expect(await readAll(spooled.start())).toEqual([...bytes]);
    spooled.close();
  });

  it('is no file, which stays as it is', async () => {
    const source = await open(makeFile(bytes.length, bytes));
    expect(await spool(source)).toBe(source);
    expect(await readAll(source.start())).toEqual([...bytes]);
  });

  it('leaves no file open when the pipe breaks', async () => {
    const broken = { readInto: () => Promise.reject(new Error('broken')) };
    const openFiles = (): number => readdirSync('/proc/self/fd').length;
    const before = openFiles();
    await expect(spool(pipeOf(() => broken))).rejects.toThrow('broken');
    expect(openFiles()).toBe(before);
  });
});
