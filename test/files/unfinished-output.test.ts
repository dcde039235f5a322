import { spawnSync } from 'node:child_process';
import fs, {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createUnfinished, type UnfinishedOutput } from '#src/files/unfinished-output.js';
import { kernelError, replaceCall } from './replace-call.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'temporary-'));
  path = join(folder, 'result');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const names = () => readdirSync(folder).sort();
const nameOf = (pid: number | string) => `.result.${pid}.tmp`;
const own = nameOf(process.pid);
/** Descriptors of this process on files of the folder. */
const held = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;

/** The number of a process that has ended. */
const deadPid = (): number => spawnSync('true').pid;

function create(): UnfinishedOutput {
  const temporary = createUnfinished(path);
  onTestFinished(() => {
    if (held() > 0) temporary.remove();
  });
  return temporary;
}

function plant(...planted: string[]): void {
  for (const name of planted) writeFileSync(join(folder, name), name);
}

describe('a temporary file', () => {
  it("is new, its owner's alone, and named after its output and its process", () => {
    const { fd, path: name } = create();
    expect(name).toBe(join(folder, own));
    expect(lstatSync(name).mode & 0o777).toBe(0o600);
    fs.writeSync(fd, 'some');
    expect(readFileSync(name, 'utf8')).toBe('some');
  });

  it('keeps its name when it is closed', () => {
    create().close();
    expect(names()).toEqual([own]);
    expect(held()).toBe(0);
  });

  it('is closed and loses its name when it is removed, also if somebody has removed the name', () => {
    create().remove();
    expect(names()).toEqual([]);
    expect(held()).toBe(0);
    const again = create();
    rmSync(again.path);
    again.remove();
    expect(held()).toBe(0);
  });

  it('is not taken from under whoever still writes it in this process', () => {
    const first = create();
    expect(() => createUnfinished(path)).toThrow('EEXIST');
    expect(names()).toEqual([own]);
    first.remove();
    create().remove();
  });
});

describe('the name of a temporary file', () => {
  it('leads to it, until it is removed', () => {
    const temporary = create();
    expect(temporary.hasItsName()).toBe(true);
    rmSync(temporary.path);
    expect(temporary.hasItsName()).toBe(false);
  });

  it('stays if another process has it now', () => {
    const temporary = create();
    rmSync(temporary.path);
    plant(own);
    expect(temporary.hasItsName()).toBe(false);
    temporary.remove();
    expect(names()).toEqual([own]);
    expect(held()).toBe(0);
  });

  it('is not told by the number of an inode alone, which another file system has too', () => {
    const temporary = create();
    const { ino, dev } = lstatSync(temporary.path);
    replaceCall(
      'lstatSync',
      (call) =>
        (...values: Parameters<typeof call>) =>
          values[0] === temporary.path ? { ino, dev: dev + 1 } : call(...values),
    );
    expect(temporary.hasItsName()).toBe(false);
  });

  it('may go at any time', () => {
    const temporary = create();
    replaceCall('lstatSync', (call) => (...values: Parameters<typeof call>) => {
      const stats = call(...values);
      if (values[0] === temporary.path && stats) unlinkSync(temporary.path);
      return stats;
    });
    temporary.remove();
    expect(held()).toBe(0);
  });
});

describe('what an ended process has left of the file', () => {
  it('is removed', () => {
    plant(nameOf(deadPid()), nameOf(deadPid()));
    create();
    expect(names()).toEqual([own]);
  });

  it('is removed too if it had the number of this process', () => {
    plant(own);
    const first = create();
    expect(readFileSync(first.path, 'utf8')).toBe('');
    first.close();
    create();
  });

  it('stays while its process lives, whoever owns the process', () => {
    plant(nameOf(1), nameOf(process.ppid));
    create().remove();
    vi.spyOn(process, 'kill').mockImplementation(() => {
      throw kernelError('EPERM');
    });
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    create().remove();
    expect(names()).toEqual([nameOf(1), nameOf(process.ppid)].sort());
  });

  it('is no file of another name, though it looks like it', () => {
    const dead = deadPid();
    const others = [
      `.other1.${dead}.tmp`,
      `.result.lvs.${dead}.tmp`,
      `result.${dead}.tmp`,
      `x.result.${dead}.tmp`,
      nameOf(`0${dead}`),
      nameOf(`${dead}x`),
      nameOf(`x${dead}`),
      nameOf('99999999'),
      `${nameOf(dead)}.tmp`,
    ].sort();
    plant(...others);
    create().remove();
    expect(names()).toEqual(others);
  });

  it('stays where it is no file', () => {
    const [link, inside] = [nameOf(deadPid()), nameOf(deadPid())];
    plant('victim');
    symlinkSync('victim', join(folder, link));
    mkdirSync(join(folder, inside));
    create().remove();
    expect(names()).toEqual([link, inside, 'victim'].sort());
  });

  it.skipIf(process.geteuid?.() !== 0)('stays where it is of another user', () => {
    const left = nameOf(deadPid());
    plant(left);
    chownSync(join(folder, left), 65_534, 65_534);
    create().remove();
    expect(names()).toEqual([left]);
  });

  it('is passed by where it cannot be removed', () => {
    const left = nameOf(deadPid());
    plant(left);
    replaceCall('unlinkSync', () => () => {
      throw kernelError('EACCES');
    });
    expect(existsSync(create().path)).toBe(true);
    expect(names()).toContain(left);
  });

  it('is passed by where the folder cannot be read', () => {
    replaceCall('readdirSync', (call) => (name: string) => {
      if (name === folder) throw kernelError('EACCES');
      return call(name);
    });
    expect(existsSync(create().path)).toBe(true);
  });
});
