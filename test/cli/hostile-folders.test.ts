import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openLockFile } from '#src/device/lock-file.js';
import { openOutput } from '#src/files/sink.js';
import { captureFile, readCapture } from '../captures.js';
import { run } from '../device/block-devices.js';
import { plainStream } from '../streams.js';
import { BIN, Folder, lvstream, succeed } from './run-lvstream.js';

/** Folders in which others have put something, that are full or read-only, or where a run was killed. */

const ROOT = process.getuid?.() === 0;
const NOBODY = 65534;
const folder = new Folder();
const stream = captureFile('a', 'ruby.stream');
const undo = folder.fresh('undo');
await succeed(['apply', stream, folder.file('image', readCapture('a', 'snapshot.img')), '--snapback', undo]);
/** Enough for a command to begin with its output before it has read all. */
const LONG = plainStream([0, 1, 2].map((i) => ({ offset: i << 22, data: Buffer.alloc(1 << 22, i) })));
let place: string;
let out: string;
beforeEach(() => {
  place = folder.fresh('place');
  mkdirSync(place);
  out = path.join(place, 'out.lvs');
});

/** A PID that no process has: its process has just ended. */
const deadPid = (): number => spawnSync('true').pid;
const temporary = (pid: number, name = 'out.lvs') => path.join(place, `.${name}.${pid}.tmp`);
const compress = (...more: string[]) => lvstream(['compress', stream, '-o', out, ...more]);

/** A stream with base digests is read twice: one from a pipe is kept where `place` is the folder for temporary files. */
function applySpooled() {
  const image = folder.file('image', readCapture('a', 'origin.img'));
  const options = { env: { TMPDIR: place }, input: readFileSync(undo), reject: false } as const;
  return execa(process.execPath, [BIN, 'apply', '-', image], options);
}

/** A file system of its own on `place`. */
function mountThere(...options: string[]): void {
  run('mount', '-t', 'tmpfs', '-o', options.join(), 'none', place);
  onTestFinished(() => {
    run('umount', place);
  });
}

/** What somebody else may have put under a name. */
const PLANTED: readonly (readonly [string, (name: string) => void])[] = [
  ['a pipe', (name) => run('mkfifo', name)],
  ['a symbolic link', (name) => symlinkSync(folder.file('victim', 'precious'), name)],
  ['a folder', (name) => mkdirSync(name)],
  ...(ROOT ? [["another user's file", plantForeign] as const] : []),
];

function plantForeign(name: string): void {
  writeFileSync(name, 'precious');
  chownSync(name, NOBODY, NOBODY);
}

describe('what a killed run has left of a file', () => {
  it('is removed by the next one, and nothing is under the final name meanwhile', async () => {
    const killed = execa(process.execPath, [BIN, 'compress', '-', '-o', out], { reject: false });
    killed.stdin.write(LONG.subarray(0, LONG.length - 1));
    while (readdirSync(place).length === 0) await sleep(10);
    killed.kill('SIGKILL');
    await killed;
    expect(readdirSync(place)).toEqual([path.basename(temporary(killed.pid!))]);
    expect((await compress()).status).toBe(0);
    expect(readdirSync(place)).toEqual(['out.lvs']);
  });

  it('stays where its process lives, and so does what is of another file', async () => {
    const others = [
      temporary(process.pid),
      temporary(deadPid(), 'other.lvs'),
      temporary(deadPid(), 'out.lvs.1'),
    ];
    for (const each of others) writeFileSync(each, 'theirs');
    expect((await compress()).status).toBe(0);
    expect(readdirSync(place).sort()).toEqual(
      [...others.map((each) => path.basename(each)), 'out.lvs'].sort(),
    );
  });

  it.each(PLANTED)('stays if it is %s', async (_, plant) => {
    const name = temporary(deadPid());
    plant(name);
    const before = lstatSync(name);
    expect((await compress()).status).toBe(0);
    expect(lstatSync(name).ino).toBe(before.ino);
  });
});

describe.each(PLANTED)('%s', (_, plant) => {
  it('under the temporary name is not written to', async () => {
    plant(temporary(process.pid));
    await expect(openOutput(out)).rejects.toThrow("out.lvs: can't be created: EEXIST");
    expect(existsSync(out)).toBe(false);
  });

  it('under the name of a lock is no lock', () => {
    const lock = path.join(place, 'device.lock');
    plant(lock);
    expect(() => openLockFile(lock)).toThrow(/device\.lock: (is no file of ours|can't be opened)/);
  });

  it('in the temporary folder is passed by', async () => {
    plant(path.join(place, 'lvstream-spool'));
    expect(await applySpooled()).toMatchObject({ exitCode: 0 });
    expect(readdirSync(place)).toEqual(['lvstream-spool']);
  });
});

describe.runIf(ROOT)('a folder', () => {
  const apply = (image: string) => lvstream(['apply', stream, image, '--snapback', path.join(place, 'undo')]);

  it('that is full gets no half of a file, and the same command works when there is room', async () => {
    mountThere('size=16k');
    writeFileSync(path.join(place, 'filler'), Buffer.alloc(12 << 10));
    const { status, errors } = await compress();
    expect({ status, errors }).toEqual({
      status: 1,
      errors: `lvstream: ${out}: can't be written: ENOSPC: no space left on device\n`,
    });
    expect(readdirSync(place)).toEqual(['filler']);
    run('mount', '-o', 'remount,size=1m', place);
    expect((await compress()).status).toBe(0);
  });

  it('that is read-only gets none', async () => {
    mountThere('ro');
    const { status, errors } = await compress();
    expect(status).toBe(1);
    expect(errors).toMatch(/^lvstream: .*out\.lvs: can't be created: EROFS/);
  });

  it('that is full gets no snapback, and the device stays as it is', async () => {
    mountThere('size=4k');
    const image = folder.file('image', readCapture('a', 'snapshot.img'));
    const { status, errors } = await apply(image);
    expect(status).toBe(1);
    expect(errors).toMatch(/ENOSPC.*\nlvstream: hint: make room and run the same command again/);
    expect(readFileSync(image).equals(readCapture('a', 'snapshot.img'))).toBe(true);
  });

  it.each([
    ['full', 'size=4k', 'ENOSPC'],
    ['read-only', 'ro', 'EROFS'],
  ])('for temporary files that is %s is named', async (_, option, code) => {
    mountThere(option);
    const { exitCode, stderr } = await applySpooled();
    expect(exitCode).toBe(1);
    expect(stderr).toContain(place);
    expect(stderr).toContain(code);
    expect(readdirSync(place)).toEqual([]);
  });
});
