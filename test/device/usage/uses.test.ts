import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { statImage } from '#src/device/image.js';
import { refuseWhenUsed } from '#src/device/usage/in-use.js';
import { hasOpen } from '#src/device/usage/open-files.js';
import { findWriter } from '#src/device/open-for-writing.js';
import { refuseItself } from '#src/apply/refuse-itself.js';
import { holdersOf, liesOn } from '#src/device/usage/stacked-devices.js';
import { deviceNumber, findLasting, subjectOf } from '#src/device/usage/subject.js';
import { DeviceError, RefusedError } from '#src/errors.js';
import { makeUp, statsOf, type MadeUp, type Running } from './made-up-kernel.js';

/** What uses a device or an image, as made-up systems tell it: what no machine of tests has, and in no time. */

const NODES = {
  '/dev/sdb': '8:16',
  '/dev/sdb1': '8:17',
  '/dev/sdb2': '8:18',
  '/dev/sdc': '8:32',
  '/dev/vg/lv': '253:1',
  '/dev/vg/lv1': '253:2',
  '/dev/loop3': '7:3',
  '/images/a': undefined,
  '/images/b': undefined,
  /** The inode of /images/a, in another file system. */
  '/other/a': undefined,
  'undefined.partial': undefined,
  /** Files that lie in the working directory, and are called as what is no path. */
  none: '8:16',
  Filename: '8:16',
};

const mountLine = (number: string, point: string, source: string, [own, system] = ['rw', 'rw,errors=x']) =>
  `22 1 ${number} / ${point} ${own} shared:1 - ext4 ${source} ${system}`;
const ROOT = mountLine('8:1', '/', '/dev/sda1');

type Texts = Record<string, string>;
const mounts = (...lines: string[]): Texts => ({ '/proc/self/mountinfo': [ROOT, ...lines, ''].join('\n') });
/** The disk has two partitions, as it and they tell. */
const PARTITIONS: Texts = {
  '/sys/dev/block/8:16/queue/dev': 'of nothing\n',
  '/sys/dev/block/8:16/sdb1/partition': '1\n',
  '/sys/dev/block/8:16/sdb1/dev': '8:17\n',
  '/sys/dev/block/8:16/sdb2/partition': '2\n',
  '/sys/dev/block/8:16/sdb2/dev': '8:18\n',
  '/sys/dev/block/8:17/partition': '1\n',
  '/sys/dev/block/8:17/../dev': '8:16\n',
  '/sys/dev/block/8:18/partition': '2\n',
  '/sys/dev/block/8:18/../dev': '8:16\n',
  '/sys/dev/block/8:32/../dev': '8:16\n',
};
const holder = (number: string, name: string, readOnly = '0'): Texts => ({
  [`/sys/dev/block/${number}/holders/${name}`]: '',
  [`/sys/class/block/${name}/ro`]: `${readOnly}\n`,
});
const loopOn = (file: string, readOnly = '0'): Texts => ({
  '/sys/block/loop2/size': '0',
  '/sys/block/loop3/loop/backing_file': `${file}\n`,
  '/sys/class/block/loop3/ro': `${readOnly}\n`,
});
const swapOn = (path: string): Texts => ({
  '/proc/swaps': `Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n${path}    partition\t8\t0\t-2\n`,
});
const MAPPED: Texts = { '/sys/dev/block/253:1/dm/name': 'vg-lv\n' };

/** A process that has a file open. */
const opener = (path: string, { pid = '77', fd = '4', flags = '0100002' } = {}): MadeUp => ({
  opened: { [`/proc/${pid}/fd/${fd}`]: path },
  texts: {
    [`/proc/${pid}/cmdline`]: 'vim\0a\nfile\0',
    [`/proc/${pid}/fdinfo/${fd}`]: `pos:\t0\nflags:\t${flags}\nmnt_id:\t1\n`,
  },
});
const dmsetup = (stdout: string, status = 0, stderr = '') => ({ dmsetup: { status, stdout, stderr } });

/** All of these at once, on the same nodes. */
function systemOf(...parts: (MadeUp | Texts)[]): MadeUp {
  const isSystem = (part: MadeUp | Texts): part is MadeUp =>
    'texts' in part || 'opened' in part || 'dmsetup' in part;
  const systems = parts.map((part) => (isSystem(part) ? part : { texts: part }));
  return {
    ...(Object.assign({}, ...systems) as MadeUp),
    nodes: NODES,
    texts: Object.assign({}, mounts(), ...systems.map(({ texts }) => texts)) as Texts,
    opened: Object.assign({}, ...systems.map(({ opened }) => opened)) as Texts,
  };
}
const run = (...parts: (MadeUp | Texts)[]): Running => makeUp(systemOf(...parts));

const refusal = (path: string): RefusedError | undefined => {
  try {
    refuseWhenUsed(path, statImage(path));
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
  return undefined;
};
/** What a path is refused for, behind its name, and what would help. */
const whyNot = (path: string): readonly [string, string | undefined] | undefined => {
  const refused = refusal(path);
  expect(refused?.message.startsWith(`${path}: `)).not.toBe(false);
  return refused && [refused.message.slice(path.length + 2), refused.hint];
};
const WRITE = ', or write all the same with in-use';

describe('what is used by nothing', () => {
  it.each(['/dev/sdb', '/dev/sdb1', '/dev/sdc', '/images/a'])('is refused to nobody: %s', (path) => {
    const running = run(
      PARTITIONS,
      mounts(mountLine('0:50', '/mnt', 'none'), mountLine('8:48', '/sdd', '/dev/sdd')),
      swapOn('/dev/sdd'),
      loopOn('/images/b'),
      holder('8:48', 'dm-9'),
      opener('/other/a'),
      opener('/images/b', { pid: '78' }),
    );
    expect(whyNot(path)).toBeUndefined();
    expect(findWriter(path)).toBeUndefined();
    expect(running.waited).toBe(0);
    expect(running.asked).toEqual([]);
  });
});

describe('a mount', () => {
  it.each<[string, string, string]>([
    ['of a device', '/dev/sdb', mountLine('8:16', '/mnt/a\\040b', '/dev/other')],
    ['of a partition of it', '/dev/sdb', mountLine('8:18', '/mnt/a\\040b', '/dev/other')],
    ['of the disk that it is on', '/dev/sdb1', mountLine('8:16', '/mnt/a\\040b', '/dev/other')],
    ['of a number that a file system made up', '/dev/sdb', mountLine('0:40', '/mnt/a\\040b', '/dev/sdb')],
    ['of such one on a partition', '/dev/sdb', mountLine('0:40', '/mnt/a\\040b', '/dev/sdb1')],
    ['of an image without a device', '/images/a', mountLine('0:40', '/mnt/a\\040b', '/images/a')],
  ])('%s is named, and ends by umount', (_, path, line) => {
    run(PARTITIONS, mounts(line));
    expect(whyNot(path)).toEqual(['is mounted on /mnt/a b', `unmount it first (umount /mnt/a b)${WRITE}`]);
    expect(findWriter(path)).toBe('is mounted read-write on /mnt/a b');
  });

  it('of another partition is none of a partition', () => {
    run(PARTITIONS, mounts(mountLine('8:18', '/mnt', '/dev/sdb2')));
    expect(whyNot('/dev/sdb1')).toBeUndefined();
    expect(findWriter('/dev/sdb1')).toBeUndefined();
  });

  it.each<[string, readonly [string, string], string | undefined]>([
    ['of a file system that is read-only', ['ro', 'ro,errors=x'], undefined],
    ['of one that is written elsewhere', ['ro', 'rw,ro'], 'is mounted read-write on /mnt'],
  ])('%s writes accordingly', (_, options, writer) => {
    run(mounts(mountLine('8:16', '/mnt', '/dev/sdb', [...options])));
    expect(findWriter('/dev/sdb')).toBe(writer);
    expect(whyNot('/dev/sdb')?.[0]).toBe('is mounted on /mnt');
  });

  it('can not be seen without /proc', () => {
    run({ '/proc/self/mountinfo': '' });
    expect(whyNot('/dev/sdb')).toEqual([
      "mounts can't be seen, since /proc is not there",
      `mount /proc first${WRITE}`,
    ]);
    expect(findWriter('/dev/sdb')).toBe("may be mounted, which can't be seen, since /proc is not there");
  });
});

it.each([
  ['/dev/sdb', '/dev/sdb'],
  ['/dev/sdb', '/dev/sdb2'],
  ['/dev/sdb1', '/dev/sdb'],
  ['/images/a', '/images/a'],
])('%s is refused while %s is swap', (path, area) => {
  run(PARTITIONS, swapOn(area));
  expect(whyNot(path)).toEqual(['is used as swap', `end that first (swapoff ${area})${WRITE}`]);
  expect(findWriter(path)).toBe('is used as swap');
});

describe('a device on top', () => {
  const wayOut = `deactivate that first (lvchange -an, dmsetup remove, mdadm --stop)${WRITE}`;

  it.each([
    ['/dev/sdb', '8:16'],
    ['/dev/sdb', '8:18'],
    ['/dev/sdb2', '8:16'],
  ])('of %s, made of %s, is named, and writes unless it is read-only', (path, below) => {
    const running = run(PARTITIONS, holder(below, 'md0'));
    expect(whyNot(path)).toEqual(['is part of the device md0', wayOut]);
    expect(findWriter(path)).toBe('is part of the device md0');
    running.system = systemOf(PARTITIONS, holder(below, 'md0', '1'));
    expect(whyNot(path)?.[0]).toBe('is part of the device md0');
    expect(findWriter(path)).toBeUndefined();
  });

  it('is told by its number too', () => {
    run(holder('8:16', 'dm-4', '1'), { '/sys/class/block/dm-4/dev': '253:4\n' });
    expect([...holdersOf('8:16')]).toEqual([{ name: 'dm-4', number: '253:4', readOnly: true }]);
    expect([...holdersOf('8:32')]).toEqual([]);
  });

  it('is called by the name that device-mapper has for it', () => {
    run(holder('8:16', 'dm-4'), { '/sys/class/block/dm-4/dm/name': 'vg-lv\n' });
    expect(whyNot('/dev/sdb')?.[0]).toBe('is part of the device vg-lv');
  });

  it.each([
    ['/images/a', '/images/a'],
    ['/dev/sdb', '/dev/sdb'],
    ['/dev/sdb', '/dev/sdb1'],
    ['/dev/sdb1', '/dev/sdb'],
  ])('of %s that is a loop device on %s is named, and writes unless it is read-only', (path, file) => {
    const running = run(PARTITIONS, loopOn(file));
    expect(whyNot(path)).toEqual([
      'is behind the loop device /dev/loop3',
      `detach that first (losetup -d /dev/loop3)${WRITE}`,
    ]);
    expect(findWriter(path)).toBe('is behind the loop device /dev/loop3');
    running.system = systemOf(PARTITIONS, loopOn(file, '1'));
    expect(whyNot(path)?.[0]).toBe('is behind the loop device /dev/loop3');
    expect(findWriter(path)).toBeUndefined();
  });
});

describe('a process', () => {
  it.each([
    ['/images/a', '/images/a', 0],
    ['/dev/sdb', '/dev/sdb', 1000],
    ['/dev/sdb', '/dev/sdb1', 1000],
    ['/dev/sdb1', '/dev/sdb', 1000],
  ])('keeps %s while it has %s open for a second, a file at once', (path, file, waited) => {
    const running = run(PARTITIONS, opener(file));
    expect(whyNot(path)).toEqual(['is open in process 77 (vim a file)', `end that process first${WRITE}`]);
    expect(running.waited).toBe(waited);
    expect(findWriter(path)).toBe('is open for writing in process 77 (vim a file)');
    expect(running.waited).toBe(2 * waited);
  });

  it('that lets go of a device within a second does not', () => {
    const running = run(opener('/dev/sdb'));
    running.then = { after: 1000, system: systemOf() };
    expect(whyNot('/dev/sdb')).toBeUndefined();
    expect(running.waited).toBe(1000);
  });

  it.each([['self'], [String(process.pid)]])('is no other one as %s', (pid) => {
    run(opener('/dev/sdb', { pid }));
    expect(whyNot('/dev/sdb')).toBeUndefined();
    expect(findWriter('/dev/sdb')).toBeUndefined();
  });

  it.each([
    ['0100000', undefined],
    ['0100001', 'is open for writing in process 77 (vim a file)'],
    ['0100002', 'is open for writing in process 77 (vim a file)'],
    ['012100000', undefined],
  ])('that opened it with flags %s writes accordingly', (flags, writer) => {
    run(opener('/dev/sdb', { flags }));
    expect(findWriter('/dev/sdb')).toBe(writer);
  });

  it.each<[string, Texts, string]>([
    ['a long command', { '/proc/77/cmdline': `${'x'.repeat(100)}\0` }, 'x'.repeat(80)],
    ['a thread of the kernel', { '/proc/77/cmdline': '', '/proc/77/comm': 'kworker/1\n' }, 'kworker/1'],
    ['blanks alone', { '/proc/77/cmdline': '\0\0', '/proc/77/comm': 'odd\n' }, 'odd'],
    ['one that is gone', { '/proc/77/cmdline': '' }, '?'],
  ])('is called by its command: %s', (_, texts, command) => {
    run(opener('/dev/sdb'), texts);
    expect(whyNot('/dev/sdb')?.[0]).toBe(`is open in process 77 (${command})`);
  });
});

describe('the open count of device-mapper', () => {
  const own = { opened: { '/proc/self/fd/9': '/dev/vg/lv', '/proc/self/fd/8': '/dev/sdb' } };
  const more = "is open elsewhere: device-mapper counts 2, of which 1 is lvstream's own";
  const writes =
    'is open for writing somewhere: device-mapper counts 2 opens, of which 1 are known to be for reading';

  it.each<[string, string | undefined, string | undefined]>([
    [' 1\n', undefined, undefined],
    [' 2\n', more, writes],
  ])('that is%sis held against what is known', (count, refused, writer) => {
    const running = run(MAPPED, own, dmsetup(count));
    expect(whyNot('/dev/vg/lv')?.[0]).toBe(refused);
    expect(findWriter('/dev/vg/lv')).toBe(writer);
    const ask = 'dmsetup info -c --noheadings -o open --major 253 --minor 1';
    expect(new Set(running.asked.map((words) => words.join(' ')))).toEqual(new Set([ask]));
    expect(running.waited).toBe(refused === undefined ? 0 : 2000);
  });

  it('says what ends that use', () => {
    run(MAPPED, dmsetup('1'));
    expect(whyNot('/dev/vg/lv')?.[1]).toBe(`end that use first${WRITE}`);
  });

  it('that dmsetup can not tell keeps the device', () => {
    run(MAPPED, own, dmsetup('', 1, 'not\n permitted\n'));
    expect(whyNot('/dev/vg/lv')).toEqual([
      "dmsetup can't say how often it is open: not; permitted",
      `see what dmsetup info says${WRITE}`,
    ]);
    expect(findWriter('/dev/vg/lv')).toBe(
      "may be open for writing: dmsetup can't say how often it is open: not; permitted",
    );
  });

  it('is left out where there is no dmsetup, and of what is none of its devices', () => {
    const running = run(MAPPED);
    expect(whyNot('/dev/vg/lv')).toBeUndefined();
    expect(running.asked.length).toBeGreaterThan(0);
    running.system = systemOf(dmsetup('5'));
    expect(whyNot('/dev/vg/lv')).toBeUndefined();
    expect(findWriter('/dev/vg/lv')).toBeUndefined();
    expect(whyNot('/images/a')).toBeUndefined();
  });

  it('of a device that is read-only is no writer', () => {
    run(MAPPED, { '/sys/dev/block/253:1/ro': '1\n' }, dmsetup('5'));
    expect(findWriter('/dev/vg/lv')).toBeUndefined();
  });

  const reading = (pid: string, path = '/dev/vg/lv') => opener(path, { pid, flags: '0100000' });
  const MAPPED_PARTITION: Texts = {
    '/sys/dev/block/253:1/dm-2/partition': '1\n',
    '/sys/dev/block/253:1/dm-2/dev': '253:2\n',
  };
  it.each<[string, (MadeUp | Texts)[], number]>([
    ['nothing', [], 0],
    ['a mount that is read-only', [mounts(mountLine('253:1', '/mnt', '/dev/vg/lv', ['ro', 'ro']))], 1],
    [
      'two mounts of one file system',
      [
        mounts(
          mountLine('253:1', '/mnt', '/dev/vg/lv', ['ro', 'ro']),
          mountLine('253:1', '/srv', '/dev/vg/lv', ['ro', 'ro']),
        ),
      ],
      1,
    ],
    ['a device on it that is read-only', [holder('253:1', 'dm-5', '1')], 1],
    ['a loop device on it that is read-only', [loopOn('/dev/vg/lv', '1')], 1],
    ['this process', [own], 1],
    ['a process that reads', [reading('77')], 1],
    ['a process that has its place alone', [opener('/dev/vg/lv', { flags: '012100000' })], 0],
    ['a process that has another device open', [opener('/dev/sdb', { flags: '0100000' })], 0],
    ['a process that has a partition of it open', [MAPPED_PARTITION, reading('77', '/dev/vg/lv1')], 0],
    ['two processes that may have got it from one another', [reading('77'), reading('78')], 1],
    ['a process that is gone', [reading('77'), { '/proc/77/fdinfo/4': '' }], 0],
    ['all of them', [own, reading('77'), holder('253:1', 'dm-5', '1'), loopOn('/dev/vg/lv', '1')], 4],
  ])('is explained by %s', (_, parts, known) => {
    const running = run(MAPPED, ...parts, dmsetup(`${known}`));
    expect(findWriter('/dev/vg/lv')).toBeUndefined();
    running.system = systemOf(MAPPED, ...parts, dmsetup(`${known + 1}`));
    expect(findWriter('/dev/vg/lv')).toContain(
      `device-mapper counts ${known + 1} opens, of which ${known} are known`,
    );
  });
});

it.each([
  ['one open of a file that a process has twice', false, 1],
  ['two opens', true, 2],
])('%s is told by the kernel', async (_, opensTwice, known) => {
  const files = [1, 2].map(() => openSync('/dev/null', 'r'));
  const [one, other] = files as [number, number];
  const holder = spawn('sleep', ['1000'], { stdio: ['ignore', one, opensTwice ? other : one] });
  onTestFinished(() => {
    holder.kill();
  });
  await once(holder, 'spawn');
  for (const fd of files) closeSync(fd);
  const of = (fd: string) => opener('/dev/vg/lv', { pid: String(holder.pid), fd, flags: '0100000' });
  const parts = [MAPPED, of('1'), of('2')];
  const running = run(...parts, dmsetup(`${known}`));
  expect(findWriter('/dev/vg/lv')).toBeUndefined();
  running.system = systemOf(...parts, dmsetup(`${known + 1}`));
  expect(findWriter('/dev/vg/lv')).toContain(`counts ${known + 1} opens, of which ${known} are known`);
});

describe('a path', () => {
  /** A volume on a partition, behind it a disk in an image, with a name that has a slash. */
  const STACK: Texts = {
    ...PARTITIONS,
    '/sys/dev/block/253:1/slaves/sdb2': '',
    '/sys/dev/block/8:16/loop/backing_file': '/images/a\n',
    '/sys/dev/block/7:3/slaves/vg!lv': '',
  };

  it.each([
    ['/dev/vg/lv', '/dev/vg/lv', true],
    ['/dev/vg/lv', '/dev/sdb2', true],
    ['/dev/vg/lv', '/dev/sdb', true],
    ['/dev/vg/lv', '/images/a', true],
    ['/dev/loop3', '/images/a', true],
    ['/images/a', '/images/a', true],
    ['/dev/sdb', '/dev/sdb1', true],
    ['/images/a', '/dev/vg/lv', false],
    ['/dev/vg/lv', '/images/b', false],
    ['/dev/vg/lv', '/dev/sdc', false],
    ['/dev/sdc', '/images/a', false],
  ])('%s lies on %s: %s', (path, below, lies) => {
    run(STACK);
    expect(liesOn(path, subjectOf(statImage(below)))).toBe(lies);
    const check = (target: string, stream: string, snapback?: string) => () => {
      refuseItself(target, stream, snapback);
    };
    if (!lies) return;
    for (const [one, other] of [
      [path, below],
      [below, path],
    ] as const) {
      expect(check(one, other)).toThrow(RefusedError);
      expect(check(one, other)).toThrow(`${one}: is the stream itself`);
    }
  });

  it('that leads nowhere lies on nothing', () => {
    run({ '/sys/dev/block/7:3/loop/backing_file': '/images/gone\n' });
    const subject = subjectOf(statImage('/images/a'));
    expect(liesOn('/dev/loop3', subject)).toBe(false);
    for (const each of [subject, subjectOf(statImage('/dev/sdb'))])
      expect(() => liesOn('/dev/gone', each)).toThrow(DeviceError);
    refuseItself('/images/a', '/dev/gone', '/images/gone');
  });

  it('is open in this process, or not', () => {
    run({ opened: { '/proc/self/fd/3': '/images/a', '/proc/77/fd/3': '/images/b' } });
    expect(hasOpen('/images/a')).toBe(true);
    expect(hasOpen('/images/b')).toBe(false);
    expect(() => hasOpen('/images/gone')).toThrow(DeviceError);
  });
});

it('a snapback that is being saved is no target, whatever of it lies on what', () => {
  const nodes = { ...NODES, '/images/undo.partial': '7:3' };
  makeUp({ nodes, texts: { '/sys/dev/block/7:3/loop/backing_file': '/images/a\n' } });
  for (const target of ['/images/a', '/dev/loop3']) {
    expect(() => {
      refuseItself(target, '/images/b', '/images/undo');
    }).toThrow(`${target}: is the unfinished snapback itself`);
    refuseItself(target, '/images/b', undefined);
  }
  refuseItself('undefined.partial', '/images/b', undefined);
});

it.each(['8:16', '259:300', '4095:0', '4096:1048575', '0:256'])(
  '%s is how a device is numbered',
  (number) => {
    expect(deviceNumber(statsOf(number).rdev)).toBe(number);
  },
);

describe('a use of a device', () => {
  it('is looked for at least five times, however slow that is', () => {
    const running = run();
    let tries = 0;
    const find = () => {
      tries += 1;
      running.waited += 10_000;
      return tries < 5 || undefined;
    };
    expect(findLasting(subjectOf(statsOf('8:16')), find)).toBeUndefined();
    expect(tries).toBe(5);
  });
});
