import { execFileSync } from 'node:child_process';
import fs, {
  closeSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DeviceError, RefusedError } from '#src/errors.js';
import { runInterruptActions } from '#src/files/interrupt.js';
import {
  ClosedOutputError,
  createOutputSink,
  dropSecondName,
  giveName,
  isStandardOutput,
  openOutput,
  refuseExisting,
  refuseTaken,
  statIfThere,
  syncFolder,
} from '#src/files/sink.js';
import { writeOutput } from '#src/files/write-output.js';
import { kernelError, replaceCall } from './replace-call.js';

/** How a result gets its name: whole and on stable storage, or not at all. */

let folder: string;
let path: string;
let temporary: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sink-'));
  path = join(folder, 'result');
  temporary = join(folder, 'temporary');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const names = () => readdirSync(folder).sort();
const openFiles = () => readdirSync('/proc/self/fd').length;
/** What is done when a signal ends the process touches no open file of anybody, and no name in the folder. */
function expectForgotten(): void {
  const before = names();
  const others = [...Array(8).keys()].map(() => openSync('/dev/null', 'r'));
  runInterruptActions();
  for (const fd of others) closeSync(fd);
  expect(names()).toEqual(before);
}

const bytes = Buffer.from('what a device held');

/** The calls that decide what a power cut leaves, in their order, until the end of the test. */
function logCalls(): string[] {
  const calls: string[] = [];
  const kindOf = (fd: number) => (fs.fstatSync(fd).isDirectory() ? 'folder' : 'file');
  replaceCall('fsyncSync', (call) => (fd: number) => {
    calls.push(`fsync ${kindOf(fd)}`);
    call(fd);
  });
  replaceCall('linkSync', (call) => (from: string, to: string) => {
    calls.push('link');
    call(from, to);
  });
  replaceCall('renameSync', (call) => (from: string, to: string) => {
    calls.push('rename');
    call(from, to);
  });
  replaceCall('unlinkSync', (call) => (name: string) => {
    calls.push('unlink');
    call(name);
  });
  return calls;
}

const failing = (code: string) => () => () => {
  throw kernelError(code);
};

/** Of the syncs of a folder alone. */
function failFolderSync(): void {
  replaceCall('fsyncSync', (call) => (fd: number) => {
    if (fs.fstatSync(fd).isDirectory()) throw kernelError('EIO');
    call(fd);
  });
}

describe('an output', () => {
  const write = (options: { force?: boolean } = {}) =>
    writeOutput(path, options, async (output) => output.write(bytes));

  it('appears whole under its name, for its owner alone, and nothing else stays', async () => {
    const before = openFiles();
    const output = await openOutput(path);
    await output.write(bytes.subarray(0, 5));
    expect(existsSync(path)).toBe(false);
    expect(names()).toHaveLength(1);
    await output.write(bytes.subarray(5));
    await output.commit();
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(names()).toEqual(['result']);
    expect(openFiles()).toBe(before);
    expectForgotten();
  });

  it('is synced before it has its name, and the name before the other one goes', async () => {
    const calls = logCalls();
    await write();
    expect(calls).toEqual(['fsync file', 'link', 'fsync folder', 'unlink']);
  });

  it('that replaces another is synced before and behind', async () => {
    writeFileSync(path, 'old');
    const calls = logCalls();
    await write({ force: true });
    expect(calls).toEqual(['fsync file', 'rename', 'fsync folder']);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it('leaves nothing when its making fails, and is given up when a signal ends the process', async () => {
    const before = openFiles();
    const failed = writeOutput(path, {}, async (output) => {
      await output.write(bytes);
      throw new Error('no more');
    });
    await expect(failed).rejects.toThrow('no more');
    expect(names()).toEqual([]);
    await openOutput(path);
    expect(names()).toHaveLength(1);
    runInterruptActions();
    expect(names()).toEqual([]);
    expect(openFiles()).toBe(before);
  });

  it('is forgotten when it is given up: another file of that name stays', async () => {
    const output = await openOutput(path);
    rmSync(join(folder, names()[0]!));
    output.abort();
    writeFileSync(join(folder, `.result.${process.pid}.tmp`), 'of another');
    expectForgotten();
  });

  it.each([
    ['EIO of a sync', 'fsyncSync', DeviceError, "can't be finished"],
    ['a name that somebody takes meanwhile', 'linkSync', RefusedError, 'exists already'],
  ] as const)('leaves nothing behind %s', async (_, call, error, says) => {
    const before = openFiles();
    replaceCall(call, failing(call === 'linkSync' ? 'EEXIST' : 'EIO'));
    const failed = write();
    await expect(failed).rejects.toThrow(error);
    await expect(failed).rejects.toThrow(says);
    expect(names()).toEqual([]);
    expect(openFiles()).toBe(before);
    writeFileSync(join(folder, `.result.${process.pid}.tmp`), 'of another');
    expectForgotten();
  });

  it('says where its folder fails', async () => {
    failFolderSync();
    await expect(write()).rejects.toThrow("the name result can't be put on stable storage");
    expect(names()).toEqual([]);
  });

  it('that has replaced another stays where its folder fails, and says so', async () => {
    writeFileSync(path, 'old');
    failFolderSync();
    const written = write({ force: true });
    await expect(written).rejects.toThrow(DeviceError);
    await expect(written).rejects.toMatchObject({
      message: `${path}: is whole and in its place, but a power cut may bring back what it replaced`,
      cause: { message: expect.stringContaining("the name result can't be put on stable storage") as string },
      hint: expect.stringContaining('run the same command again') as string,
    });
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(names()).toEqual(['result']);
  });

  it('replaces nothing unasked', async () => {
    writeFileSync(path, 'old');
    await expect(write()).rejects.toMatchObject({ hint: 'choose another name' });
    const said = write({ force: false });
    await expect(said).rejects.toThrow(RefusedError);
    await expect(said).rejects.toMatchObject({
      hint: 'choose another name; force replaces it, and what it holds is lost',
      override: 'force',
    });
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(names()).toEqual(['result']);
  });

  it('replaces the file behind a symbolic link, which stays', async () => {
    const place = join(folder, 'place');
    writeFileSync(place, 'old');
    symlinkSync(place, path);
    await write({ force: true });
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(readFileSync(place).equals(bytes)).toBe(true);
  });

  it.each(['a folder', 'a link that leads nowhere'])('never replaces %s', async (what) => {
    if (what === 'a folder') mkdirSync(path);
    else symlinkSync(join(folder, 'nowhere'), path);
    const before = lstatSync(path).ino;
    await expect(write({ force: true })).rejects.toThrow('exists already');
    expect(lstatSync(path).ino).toBe(before);
    expect(names()).toEqual(['result']);
  });

  it('takes the place of what a process of the same number left, and not of what this one writes', async () => {
    writeFileSync(join(folder, `.result.${process.pid}.tmp`), 'left');
    const output = await openOutput(path);
    await output.write(Buffer.from('new'));
    await expect(openOutput(path)).rejects.toThrow("can't be created: EEXIST");
    await output.commit();
    expect(readdirSync(folder)).toEqual(['result']);
    expect(readFileSync(path, 'utf8')).toBe('new');
  });

  it.each([{ force: false }, { force: true }])(
    'is not made of what a process of the same number wrote, %o',
    async (force) => {
      if (force.force) writeFileSync(path, 'old');
      const other = join(folder, `.result.${process.pid}.tmp`);
      const written = writeOutput(path, force, async (output) => {
        await output.write(bytes);
        rmSync(other);
        writeFileSync(other, 'half of another');
      });
      await expect(written).rejects.toThrow(DeviceError);
      await expect(written).rejects.toThrow(`${path}: can't be finished: another process has removed`);
      expect(readFileSync(other, 'utf8')).toBe('half of another');
      expect(names()).toEqual(force.force ? [basename(other), 'result'] : [basename(other)]);
      if (force.force) expect(readFileSync(path, 'utf8')).toBe('old');
    },
  );

  it('goes as it is to a pipe or a character device', async () => {
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    onTestFinished(() => {
      closeSync(reader);
    });
    await write();
    const read = Buffer.alloc(bytes.length);
    expect(readSync(reader, read)).toBe(bytes.length);
    expect(read.equals(bytes)).toBe(true);
    expect(names()).toEqual(['result']);
    await writeOutput('/dev/null', {}, async (output) => output.write(bytes));
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('of a name that can be followed nowhere is refused', async () => {
    symlinkSync(path, path);
    await expect(write({ force: true })).rejects.toThrow(DeviceError);
    await expect(openOutput(join(folder, 'no folder', 'result'))).rejects.toThrow("can't be created");
    rmSync(path);
    writeFileSync(path, 'old');
    replaceCall('realpathSync', failing('EACCES'));
    const failed = write({ force: true });
    await expect(failed).rejects.toThrow(`${path}: can't be created`);
    await expect(failed).rejects.toThrow('said by a test');
  });

  it('that was a pipe and is gone is named', async () => {
    execFileSync('mkfifo', [temporary]);
    replaceCall(
      'statSync',
      (call) => (name: string, options: fs.StatSyncOptions) =>
        call(name === path ? temporary : name, options),
    );
    path = join(folder, 'gone', 'result');
    await expect(openOutput(path)).rejects.toThrow(`${path}: can't be opened`);
  });
});

describe('a pipe', () => {
  function openPipe(): { reader: number; writer: number } {
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return { reader, writer: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) };
  }

  it('that is full is waited for', async () => {
    const { reader, writer } = openPipe();
    const much = Buffer.alloc(300_000, 'lvs');
    const got: Buffer[] = [];
    const timer = setInterval(() => {
      const part = Buffer.alloc(65536);
      try {
        got.push(part.subarray(0, readSync(reader, part)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
    }, 1);
    await createOutputSink(writer, 'pipe').write(much);
    closeSync(writer);
    while (Buffer.concat(got).length < much.length) await new Promise((resolve) => setTimeout(resolve, 1));
    clearInterval(timer);
    closeSync(reader);
    expect(Buffer.concat(got).equals(much)).toBe(true);
  });

  it('that says it is full is written to again', async () => {
    const { reader, writer } = openPipe();
    const said = ['EAGAIN', 'EAGAIN'];
    replaceCall('write', (call) => (...values: Parameters<typeof call>) => {
      const code = values[0] === writer ? said.pop() : undefined;
      if (code === undefined) call(...values);
      else (values.at(-1) as (error: Error) => void)(kernelError(code));
    });
    await createOutputSink(writer, 'pipe').write(bytes);
    closeSync(writer);
    const part = Buffer.alloc(bytes.length + 1);
    expect(part.subarray(0, readSync(reader, part)).equals(bytes)).toBe(true);
    closeSync(reader);
    expect(said).toEqual([]);
  });

  it('whose reader has gone is told from one that fails', async () => {
    const { reader, writer } = openPipe();
    closeSync(reader);
    const written = createOutputSink(writer, 'pipe').write(bytes);
    await expect(written).rejects.toThrow(ClosedOutputError);
    closeSync(writer);
    const failed = createOutputSink(openSync('/dev/full', 'w'), 'full').write(bytes);
    await expect(failed).rejects.toThrow("full: can't be written");
    await expect(failed).rejects.not.toThrow(ClosedOutputError);
  });
});

describe('a finished file', () => {
  beforeEach(() => {
    writeFileSync(temporary, bytes);
  });
  const holds = (name: string) => readFileSync(join(folder, name)).equals(bytes);

  it.each(['EIO', 'ENOSPC'])('is free to get its name again where the folder says %s', () => {
    failFolderSync();
    expect(() => {
      giveName(temporary, path, false);
    }).toThrow(DeviceError);
    expect(names()).toEqual(['temporary']);
    expect(holds('temporary')).toBe(true);
  });

  it('gets none that is taken', () => {
    writeFileSync(path, 'old');
    expect(() => {
      giveName(temporary, path, false);
    }).toThrow(RefusedError);
    expect(names()).toEqual(['result', 'temporary']);
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  describe('where nothing can be linked', () => {
    beforeEach(() => {
      replaceCall('linkSync', failing('EPERM'));
    });

    it('is renamed, and the name put on stable storage', () => {
      const calls = logCalls();
      giveName(temporary, path, false);
      expect(calls).toEqual(['link', 'rename', 'fsync folder']);
      expect(names()).toEqual(['result']);
      expect(holds('result')).toBe(true);
    });

    it('gets none that is taken', () => {
      writeFileSync(path, 'old');
      expect(() => {
        giveName(temporary, path, false);
      }).toThrow(RefusedError);
      expect(readFileSync(path, 'utf8')).toBe('old');
      expect(holds('temporary')).toBe(true);
    });

    it('is free to get its name again where the folder fails', () => {
      failFolderSync();
      expect(() => {
        giveName(temporary, path, false);
      }).toThrow(DeviceError);
      expect(names()).toEqual(['temporary']);
    });
  });
});

describe('a second name', () => {
  beforeEach(() => {
    writeFileSync(temporary, bytes);
  });

  it('is dropped, and that put on stable storage', () => {
    linkSync(temporary, path);
    const calls = logCalls();
    dropSecondName(temporary, path);
    expect(calls).toEqual(['unlink', 'fsync folder']);
    expect(names()).toEqual(['result']);
  });

  it('is no other file, no folder and nothing', () => {
    dropSecondName(temporary, path);
    writeFileSync(path, bytes);
    dropSecondName(temporary, path);
    expect(names()).toEqual(['result', 'temporary']);
    dropSecondName(join(folder, 'none'), path);
    dropSecondName(folder, folder);
    expect(names()).toEqual(['result', 'temporary']);
  });

  it('that can not be dropped is named', () => {
    linkSync(temporary, path);
    replaceCall('unlinkSync', failing('EACCES'));
    expect(() => {
      dropSecondName(temporary, path);
    }).toThrow(`${temporary}: can't be removed`);
  });
});

describe('a folder', () => {
  it('is synced through a descriptor of its own', () => {
    const before = openFiles();
    const calls = logCalls();
    syncFolder(path);
    expect(calls).toEqual(['fsync folder']);
    expect(openFiles()).toBe(before);
  });

  it('that fails, or is not there, is named', () => {
    const before = openFiles();
    failFolderSync();
    const says = `${folder}: the name result can't be put on stable storage`;
    expect(() => {
      syncFolder(path);
    }).toThrow(says);
    expect(openFiles()).toBe(before);
    expect(() => {
      syncFolder('/nowhere/result');
    }).toThrow(DeviceError);
  });
});

describe('standard output', () => {
  /** Makes another file look like it. */
  const standIn = (name: string) => {
    replaceCall('fstatSync', () => (_fd: number, options?: fs.StatSyncOptions) => statSync(name, options));
  };

  it('is - and every other name of it', () => {
    writeFileSync(path, '');
    writeFileSync(temporary, '');
    standIn(path);
    linkSync(path, join(folder, 'link'));
    const isIt = (name: string) => isStandardOutput(name);
    expect([path, join(folder, 'link'), '-'].map(isIt)).toEqual([true, true, true]);
    expect([temporary, join(folder, 'none')].map(isIt)).toEqual([false, false]);
    expect(() => {
      refuseTaken(path, {});
    }).not.toThrow();
  });

  it('is a file alone on its device', () => {
    const stats = statSync(folder, { bigint: true });
    replaceCall('fstatSync', () => () => ({ ...stats, ino: stats.ino, dev: stats.dev + 1n }));
    expect(isStandardOutput(folder)).toBe(false);
  });

  it.each([
    ['closed: Node opens /dev/null for it, for reading too', '/dev/null', true, 'is closed'],
    ['/dev/null, to be written', '/dev/null', false, undefined],
    ['another device', '/dev/zero', true, undefined],
    ['a file', '/etc/hostname', true, undefined],
  ])('can be %s', (_, name, isReadable, says) => {
    standIn(name);
    replaceCall('readSync', isReadable ? () => () => 0 : failing('EBADF'));
    const take = () => {
      refuseTaken('-', {});
    };
    if (says === undefined) expect(take).not.toThrow();
    else expect(take).toThrow(says);
  });

  it('can be anything where there is no /dev/null', () => {
    standIn('/dev/zero');
    replaceCall(
      'statSync',
      (call) => (name: string, options: fs.StatSyncOptions) =>
        call(name === '/dev/null' ? '/nowhere/null' : name, options),
    );
    expect(() => {
      refuseTaken('-', {});
    }).not.toThrow();
  });

  it('is written to as it is', async () => {
    const output = await openOutput('-');
    expect(output.name).toBe('standard output');
    await output.commit();
    output.abort();
  });
});

describe('a name', () => {
  it('is told from nothing, and from what can not be followed', () => {
    symlinkSync(path, path);
    expect(statIfThere(temporary, lstatSync)).toBeUndefined();
    expect(statIfThere(path, lstatSync)?.isSymbolicLink()).toBe(true);
    expect(() => statIfThere(path, statSync)).toThrow(DeviceError);
    expect(() => {
      refuseExisting(path, 'go away');
    }).toThrow(RefusedError);
    refuseExisting(temporary);
  });

  it('of a pipe is free for an output', () => {
    execFileSync('mkfifo', [path]);
    expect(() => {
      refuseTaken(path, {});
    }).not.toThrow();
  });
});
