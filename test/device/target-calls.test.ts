import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { identifyTarget, isSameDevice, openTarget, type Target } from '#src/device/target.js';
import { DeviceError, RefusedError } from '#src/errors.js';
import { kernelError, replaceCall } from '../files/replace-call.js';
import { attachLoop, KIB, makeFile, makeFolder, MIB, mountOn, run, startHolding } from './block-devices.js';

/** What a target asks of the kernel, and what it makes of each answer. */

const filled = (size: number): Uint8Array => new Uint8Array(size).fill(0xaa);
const openFiles = (): number => readdirSync('/proc/self/fd').length;

const open = (file: string, options: { inUse?: boolean; readOnly?: boolean } = {}): Target => {
  const target = openTarget(file, { inUse: false, ...options });
  onTestFinished(() => {
    target.close();
  });
  return target;
};

const claim = (device: string): number => {
  const fd = openSync(device, constants.O_RDWR | constants.O_EXCL);
  onTestFinished(() => {
    closeSync(fd);
  });
  return fd;
};

/** Another node of a device. */
function nodeOf(device: string): string {
  const node = path.join(makeFolder(), 'node');
  const { rdev } = statSync(device);
  run('mknod', node, 'b', String(rdev >> 8), String(rdev & 0xff));
  return node;
}

describe('what was opened', () => {
  it.each(['dev', 'ino'] as const)('is refused and let go of if its %s is not what was found', (part) => {
    const file = makeFile(100);
    const before = openFiles();
    replaceCall('fstatSync', (call) => (fd: number, options: { bigint: true }) => {
      const stats = call(fd, options);
      stats[part] += 1n;
      return stats;
    });
    expect(() => open(file)).toThrow(RefusedError);
    expect(() => open(file)).toThrow(`${file}: was replaced while it was being opened`);
    expect(openFiles()).toBe(before);
  });

  it('is claimed, so that others can not claim or mount it, until it is closed', () => {
    const device = attachLoop(makeFile(MIB));
    const target = open(device);
    expect(() => claim(device)).toThrow('EBUSY');
    target.close();
    claim(device);
  });

  it('is not claimed where it may be in use', () => {
    const device = attachLoop(makeFile(MIB));
    open(device, { inUse: true });
    claim(device);
  });

  it('is refused where somebody else has claimed it, whom nothing tells of', () => {
    const device = attachLoop(makeFile(MIB));
    claim(device);
    const before = openFiles();
    expect(() => open(device)).toThrow(RefusedError);
    expect(() => open(device)).toThrow(
      expect.objectContaining({
        message: `${device}: the kernel says that it is in use: EBUSY: resource busy or locked`,
        hint: expect.stringContaining('all the same with in-use') as string,
        override: 'in-use',
      }),
    );
    expect(openFiles()).toBe(before);
    const target = open(device, { inUse: true });
    target.write(filled(10), 5);
    target.sync();
    expect(target.size).toBe(MIB);
  });

  it('is refused with the mount that has claimed it', () => {
    const device = attachLoop(makeFile(8 * MIB));
    const point = mountOn(device);
    expect(() => open(device)).toThrow(RefusedError);
    expect(() => open(device)).toThrow(`${device}: is mounted on ${point}`);
  });

  it.each([
    ['EBUSY', true],
    ['EACCES', false],
  ])('is no use of it where that can not be opened for another reason: %s, in use %s', (code, inUse) => {
    const device = attachLoop(makeFile(MIB));
    replaceCall('openSync', () => () => {
      throw kernelError(code);
    });
    expect(() => open(device, { inUse })).toThrow(DeviceError);
    expect(() => open(device, { inUse })).toThrow(`${device}: can't be opened: `);
  });

  it('is named with what kept it from being opened', () => {
    const file = makeFile(100);
    expect(() => open(path.join(file, 'below'))).toThrow(DeviceError);
    expect(() => open(`${file}-none`)).toThrow("can't be opened: ENOENT: no such file or directory");
  });

  it('for reading alone takes no writes, and is locked and claimed all the same', () => {
    const device = attachLoop(makeFile(MIB, filled(MIB)));
    const target = open(device, { readOnly: true });
    expect(() => {
      target.write(filled(1), 0);
    }).toThrow('EBADF');
    expect(() => claim(device)).toThrow('EBUSY');
    expect(() => open(device)).toThrow(RefusedError);
  });

  it('is refused where it is set read-only, for reading alone too', () => {
    const device = attachLoop(makeFile(MIB), '--read-only');
    const before = openFiles();
    for (const readOnly of [false, true]) {
      expect(() => open(device, { readOnly })).toThrow(DeviceError);
      expect(() => open(device, { readOnly })).toThrow(
        `${device}: can't be opened: EROFS: read-only file system`,
      );
    }
    expect(openFiles()).toBe(before);
  });

  it('is one device under all of its nodes, whatever the options', () => {
    const device = attachLoop(makeFile(MIB));
    const node = nodeOf(device);
    const target = open(device, { inUse: true });
    const before = openFiles();
    for (const other of [device, node]) {
      const refused = () => open(other, { inUse: true });
      expect(refused).toThrow(
        expect.objectContaining({
          name: 'RefusedError',
          message: expect.stringContaining(`${other}: is locked by`) as string,
        }),
      );
    }
    expect(openFiles()).toBe(before);
    target.close();
    open(node, { inUse: true }).close();
    open(device, { inUse: true });
  });

  it('is a file that no other lvstream changes, whatever the options', async () => {
    const file = makeFile(100);
    const target = open(file);
    const before = openFiles();
    for (const inUse of [false, true]) {
      expect(() => open(file, { inUse })).toThrow(RefusedError);
      expect(() => open(file, { inUse })).toThrow(
        `${file}: is locked by another process, which is probably an lvstream at work on it`,
      );
    }
    expect(openFiles()).toBe(before);
    target.close();
    const pid = await startHolding('exec 3<"$1"; flock 3; echo; exec sleep 1000', file);
    expect(() => open(file, { inUse: true })).toThrow(
      `${file}: is locked by process ${pid} (sleep 1000), which`,
    );
  });

  it('has a lock of its number for root alone', () => {
    const device = attachLoop(makeFile(MIB));
    const user = vi.spyOn(process as { geteuid: () => number }, 'geteuid').mockReturnValue(1000);
    onTestFinished(() => {
      user.mockRestore();
    });
    const before = openFiles();
    const target = open(device);
    expect(openFiles()).toBe(before + 1);
    target.close();
  });

  it('is let go of, with its locks, where it is in use', () => {
    const disk = makeFile(MIB);
    const [file, device] = [disk, attachLoop(disk)];
    attachLoop(device);
    const before = openFiles();
    for (const used of [file, device]) expect(() => open(used)).toThrow('is behind the loop device');
    expect(openFiles()).toBe(before);
    for (const used of [file, device]) open(used, { inUse: true });
  });

  it.each([
    ['a file', (file: string) => file, true],
    ['a device', (file: string) => attachLoop(file), false],
  ])('tells the holes of %s as far as there are any', (_, make, has) => {
    expect(open(make(makeFile(MIB))).allocated !== undefined).toBe(has);
  });

  it('closes nothing else when it is closed twice', () => {
    const target = open(attachLoop(makeFile(MIB)));
    const before = openFiles();
    target.close();
    expect(openFiles()).toBe(before - 2);
    const others = [1, 2, 3].map(() => openSync(makeFile(10), 'r'));
    target.close();
    for (const fd of others) {
      expect(fstatSync(fd).size).toBe(10);
      closeSync(fd);
    }
  });
});

it.each<[string, (place: string) => unknown]>([
  ['a directory', (place) => mkdirSync(place)],
  ['not a file or block device', (place) => run('mkfifo', place)],
])('what is %s is no target', (what, make) => {
  const place = path.join(makeFolder(), 'place');
  make(place);
  expect(() => open(place)).toThrow(RefusedError);
  expect(() => open(place, { inUse: true })).toThrow(`${place}: is ${what}`);
});

describe('a write', () => {
  it('or a zeroing reaches the end, and not behind', () => {
    const file = makeFile(5000, filled(5000));
    const target = open(file);
    target.write(Uint8Array.of(1, 2), 4998);
    target.zero({ offset: 4096, length: 902 });
    const expected = filled(5000).fill(0, 4096, 4998);
    expected.set([1, 2], 4998);
    const behind = [
      () => {
        target.write(Uint8Array.of(1, 2), 4999);
      },
      () => {
        target.zero({ offset: 4096, length: 905 });
      },
    ];
    for (const act of behind) expect(act).toThrow(DeviceError);
    for (const act of behind) expect(act).toThrow('past its end at byte 5000');
    expect(readFileSync(file).equals(expected)).toBe(true);
  });

  it('goes on behind a short one', () => {
    const file = makeFile(100, filled(100));
    const target = open(file);
    const bytes = Uint8Array.from({ length: 50 }, (_, i) => i);
    replaceCall(
      'writeSync',
      (call) => (fd: number, from: Uint8Array, start: number, length: number, at: number) =>
        call(fd, from, start, Math.min(7, length), at),
    );
    target.write(bytes, 30);
    const expected = filled(100);
    expected.set(bytes, 30);
    expect(readFileSync(file).equals(expected)).toBe(true);
  });

  it('of which nothing is taken ends', () => {
    const target = open(makeFile(100));
    replaceCall('writeSync', () => () => 0);
    const write = () => {
      target.write(filled(4), 9);
    };
    expect(write).toThrow(DeviceError);
    expect(write).toThrow(`${target.name}: takes no more data at byte 9`);
  });
});

/** A file in a file system that knows of no holes. */
function fileWithoutHoles(size: number): string {
  const folder = makeFolder();
  run('mount', '-t', 'ramfs', 'none', folder);
  onTestFinished(() => {
    run('umount', folder);
  });
  writeFileSync(path.join(folder, 'image'), filled(size));
  return path.join(folder, 'image');
}

describe('zeroing', () => {
  const SIZE = 3 * MIB + 100;
  const zeroed = (file: string, offset: number, length: number): boolean =>
    readFileSync(file).equals(filled(SIZE).fill(0, offset, offset + length));

  it('writes zeros where holes can not be made', () => {
    for (const [offset, length] of [
      [10, SIZE - 30],
      [0, SIZE],
      [4096, 2 * 4096],
      [MIB, MIB],
    ] as const) {
      const file = fileWithoutHoles(SIZE);
      const target = open(file);
      target.zero({ offset, length });
      expect(zeroed(file, offset, length)).toBe(true);
    }
  });

  it.each(['512', '4096'])('of a device leaves what lies around, with sectors of %s', (sector) => {
    const medium = makeFile(MIB, filled(MIB));
    const device = attachLoop(medium, '--sector-size', sector);
    const target = open(device);
    for (const [offset, length] of [
      [100, 10_000],
      [20_480, 512],
      [24_576, 8192],
      [40_960, 10],
      [65_536, 4097],
      [81_919, 4097],
    ] as const) {
      target.write(filled(MIB), 0);
      target.zero({ offset, length });
      target.sync();
      const expected = filled(MIB).fill(0, offset, offset + length);
      expect(readFileSync(device).equals(expected)).toBe(true);
      expect(readFileSync(medium).equals(expected)).toBe(true);
    }
  });

  it('is done each time, where holes can not be made', () => {
    const file = fileWithoutHoles(SIZE);
    const target = open(file);
    for (const offset of [0, 4096, 8192]) target.zero({ offset, length: 4096 });
    expect(zeroed(file, 0, 3 * 4096)).toBe(true);
  });

  it('that fails is told', () => {
    const file = makeFile(SIZE, filled(SIZE));
    const target = open(file, { readOnly: true });
    expect(() => {
      target.zero({ offset: 4096, length: 4096 });
    }).toThrow(`${file}: can't be zeroed at byte 4096: EBADF: bad file descriptor`);
    expect(() => {
      target.zero({ offset: 10, length: 10 });
    }).toThrow(`${file}: can't be written at byte 10: EBADF: bad file descriptor`);
  });

  it.each([
    [0, 4096],
    [4096, 4096],
    [1, 4095 + 4096],
    [100, 2 * 4096 - 100],
    [8192, MIB],
  ])('of a file frees each whole block, after small ranges too: %i, %i', (offset, length) => {
    const file = makeFile(SIZE, filled(SIZE));
    const target = open(file);
    for (const small of [0, 1, 20, 4000]) target.zero({ offset: 2 * MIB, length: small });
    target.zero({ offset, length });
    target.sync();
    const [first, end] = [Math.ceil(offset / 4096) * 4096, Math.floor((offset + length) / 4096) * 4096];
    const inside = [...target.allocated!({ offset: first, length: end - first })];
    expect(inside).toEqual([]);
    const expected = filled(SIZE)
      .fill(0, 2 * MIB, 2 * MIB + 4000)
      .fill(0, offset, offset + length);
    expect(readFileSync(file).equals(expected)).toBe(true);
  });
});

describe('a sync', () => {
  it('that failed once fails for good, since the kernel does not tell it again', () => {
    const file = makeFile(100);
    const target = open(file);
    let syncs = 0;
    replaceCall('fsyncSync', (call) => (fd: number) => {
      syncs += 1;
      if (syncs === 1) throw kernelError('EIO');
      call(fd);
    });
    const message = `${file}: can't be synced, so what was written may be lost: EIO: said by a test`;
    const attempts = [() => target.sync(), () => target.sync(), () => target.settle()].map((act) => {
      try {
        act();
      } catch (error) {
        return error;
      }
      return undefined;
    });
    expect(attempts[0]).toBeInstanceOf(DeviceError);
    expect((attempts[0] as DeviceError).message).toBe(message);
    expect((attempts[0] as DeviceError).hint).toContain('dmesg');
    expect(attempts).toEqual([attempts[0], attempts[0], attempts[0]]);
  });

  it('reaches the target, and settling it syncs it first', () => {
    const target = open(makeFile(100));
    const synced: bigint[] = [];
    replaceCall('fsyncSync', (call) => (fd: number) => {
      synced.push(fstatSync(fd, { bigint: true }).ino);
      call(fd);
    });
    const { ino } = statSync(target.name, { bigint: true });
    target.sync();
    expect(synced).toEqual([ino]);
    target.settle();
    expect(synced).toEqual([ino, ino]);
  });
});

describe('the identity of a device', () => {
  const tellUuid = (device: string, text: string | undefined) => {
    const { rdev } = statSync(device);
    const file = `/sys/dev/block/${rdev >> 8}:${rdev & 0xff}/dm/uuid`;
    replaceCall('readFileSync', (call) => (...args: Parameters<typeof readFileSync>) => {
      if (args[0] !== file) return call(...args);
      if (text === undefined) throw kernelError('ENOENT');
      return text;
    });
  };

  it.each([
    ['LVM-abc\n', 'LVM-abc'],
    ['\n', undefined],
    [undefined, undefined],
  ])('has the name of device-mapper if there is one: %j', (text, deviceId) => {
    const device = attachLoop(makeFile(64 * KIB));
    tellUuid(device, text);
    const before = openFiles();
    const found = identifyTarget(device);
    expect(found).toEqual({ path: device, size: 64 * KIB, ...(deviceId !== undefined && { deviceId }) });
    expect('deviceId' in found).toBe(deviceId !== undefined);
    expect(openFiles()).toBe(before);
  });

  it('of a file has none, whatever device that number has', () => {
    const file = makeFile(100);
    replaceCall(
      'readFileSync',
      (call) =>
        (...args: Parameters<typeof readFileSync>) =>
          String(args[0]).startsWith('/sys/dev/block/0:0/') ? 'LVM-other\n' : call(...args),
    );
    expect(identifyTarget(file)).toEqual({ path: file, size: 100 });
  });

  it('that can not be followed is told', () => {
    const file = makeFile(100);
    replaceCall('realpathSync', () => () => {
      throw kernelError('ELOOP');
    });
    expect(() => identifyTarget(file)).toThrow(`${file}: can't be followed to what it leads to: ELOOP`);
  });

  it.each([
    ['LVM-a', 'LVM-a', '/dev/x', '/dev/y', true],
    ['LVM-a', 'LVM-b', '/dev/x', '/dev/x', false],
    [undefined, 'LVM-b', '/dev/x', '/dev/x', true],
    ['LVM-a', undefined, '/dev/x', '/dev/x', true],
    [undefined, 'LVM-b', '/dev/x', '/dev/y', false],
    ['LVM-a', undefined, '/dev/x', '/dev/y', false],
    [undefined, undefined, '/dev/x', '/dev/x', true],
    [undefined, undefined, '/dev/x', '/dev/y', false],
  ])('%s or %s, at %s or %s: the same is %s', (one, other, from, to, same) => {
    const target = { path: to, size: 1, ...(other !== undefined && { deviceId: other }) };
    expect(isSameDevice({ path: from, deviceId: one }, target)).toBe(same);
  });
});
