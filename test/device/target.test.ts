import { closeSync, openSync, readFileSync, readSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openImage } from '#src/device/image.js';
import { identifyTarget, openTarget, type Target } from '#src/device/target.js';
import { DeviceError, RefusedError } from '#src/errors.js';
import {
  attachLoop,
  KIB,
  makeFile,
  makeFolder,
  MIB,
  mountOn,
  run,
  startHolding,
  TIB,
} from './block-devices.js';

const numRuns = process.env['SLOW'] === '1' ? 2000 : 20;

const open = (file: string, options: { inUse?: boolean; readOnly?: boolean } = {}): Target => {
  const target = openTarget(file, { inUse: false, ...options });
  onTestFinished(() => {
    target.close();
  });
  return target;
};

const refusal = (file: string): RefusedError => {
  try {
    open(file);
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
  throw new Error(`${file} was not refused`);
};

const expectRefused = (file: string, why: string | RegExp, hint: string | RegExp): void => {
  const { message, hint: wayOut } = refusal(file);
  expect(message).toMatch(why);
  expect(message).toMatch(file);
  expect(message).not.toContain('\n');
  expect(wayOut).toMatch(hint);
};

const filled = (size: number): Uint8Array => new Uint8Array(size).fill(0xaa);

describe('a target', () => {
  it('is written where it was asked to and nowhere else', () => {
    const file = makeFile(10_000, filled(10_000));
    const target = open(file);
    target.write(Uint8Array.of(1, 2, 3), 4095);
    target.write(Uint8Array.of(9), 9999);
    target.write(new Uint8Array(), 10_000);
    target.sync();
    const expected = filled(10_000);
    expected.set([1, 2, 3], 4095);
    expected.set([9], 9999);
    expect(Uint8Array.from(readFileSync(file))).toEqual(expected);
    const back = new Uint8Array(3);
    target.readInto(back, 4095);
    expect(back).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('is neither created, nor truncated, nor extended', () => {
    const file = makeFile(5000, filled(5000));
    const target = open(file);
    expect(() => {
      target.write(new Uint8Array(2), 4999);
    }).toThrow(DeviceError);
    expect(() => {
      target.write(new Uint8Array(1), 2 ** 40);
    }).toThrow(`${file}: 1 bytes at byte ${2 ** 40} reach past its end at byte 5000`);
    expect(() => {
      target.zero({ offset: 0, length: 5001 });
    }).toThrow(DeviceError);
    target.zero({ offset: 4096, length: 904 });
    target.sync();
    expect(statSync(file).size).toBe(5000);
    expect(
      readFileSync(file)
        .subarray(0, 4096)
        .every((byte) => byte === 0xaa),
    ).toBe(true);
    expect(() => open(`${file}-none`)).toThrow(
      expect.objectContaining({ name: 'DeviceError', hint: expect.any(String) as string }),
    );
    expect(() => statSync(`${file}-none`)).toThrow('ENOENT');
  });

  it('names path, byte and errno when it cannot be written', () => {
    const target = open(makeFile(100), { readOnly: true });
    expect(() => {
      target.write(Uint8Array.of(1), 50);
    }).toThrow(`${target.name}: can't be written at byte 50: EBADF: bad file descriptor`);
    expect(() => {
      target.zero({ offset: 0, length: 100 });
    }).toThrow(DeviceError);
  });

  it('touches no other file once it is closed', () => {
    const target = open(makeFile(100));
    target.close();
    const other = makeFile(100, filled(100));
    const fd = openSync(other, 'r+');
    onTestFinished(() => {
      closeSync(fd);
    });
    expect(() => {
      target.write(new Uint8Array(100), 0);
    }).toThrow('EBADF');
    target.close();
    expect(readSync(fd, new Uint8Array(1))).toBe(1);
    expect(readFileSync(other).every((byte) => byte === 0xaa)).toBe(true);
  });

  it('stays failed once a sync has failed', () => {
    const target = openTarget(makeFile(100), { inUse: false });
    target.close();
    const failures = [1, 2].map(() => {
      try {
        target.sync();
      } catch (error) {
        return error;
      }
      return undefined;
    });
    expect(failures[0]).toBeInstanceOf(DeviceError);
    expect(failures[1]).toBe(failures[0]);
  });
});

describe('zeroing a target', () => {
  const SIZE = 5 * 4096 + 512;
  const range = fc
    .tuple(fc.nat({ max: SIZE }), fc.nat({ max: SIZE }))
    .map(([a, b]) => ({ offset: Math.min(a, b), length: Math.abs(a - b) }));
  const aligned = fc
    .tuple(fc.nat({ max: 5 }), fc.nat({ max: 5 }))
    .map(([a, b]) => ({ offset: Math.min(a, b) * 4096, length: Math.abs(a - b) * 4096 }));

  it.each([
    ['a file', (file: string) => file],
    ['a device of 512-byte sectors', (file: string) => attachLoop(file)],
  ])('leaves zeros in the range and all else as it was, on %s', (_, deviceOn) => {
    const target = open(deviceOn(makeFile(SIZE)));
    fc.assert(
      fc.property(fc.oneof(range, aligned), (zeroed) => {
        target.write(filled(SIZE), 0);
        target.zero(zeroed);
        target.sync();
        const bytes = new Uint8Array(SIZE);
        target.readInto(bytes, 0);
        expect(bytes).toEqual(filled(SIZE).fill(0, zeroed.offset, zeroed.offset + zeroed.length));
      }),
      { numRuns },
    );
  });

  it('aligns to 4096-byte sectors', () => {
    const target = open(attachLoop(makeFile(MIB, filled(MIB)), '--sector-size', '4096'));
    target.zero({ offset: 512, length: 10_000 });
    const bytes = new Uint8Array(MIB);
    target.readInto(bytes, 0);
    expect(Buffer.compare(bytes, filled(MIB).fill(0, 512, 10_512))).toBe(0);
  });

  it('frees the space of a file', () => {
    const file = makeFile(4 * MIB, filled(4 * MIB));
    const target = open(file);
    target.zero({ offset: 100, length: 4 * MIB - 200 });
    target.sync();
    expect([...target.allocated!({ offset: 0, length: 4 * MIB })]).toEqual([
      { offset: 0, length: 4096 },
      { offset: 4 * MIB - 4096, length: 4096 },
    ]);
  });

  it('takes a terabyte of a sparse file at once', () => {
    const target = open(makeFile(TIB, filled(MIB)));
    const start = performance.now();
    target.zero({ offset: 1, length: TIB - 2 });
    target.sync();
    expect(performance.now() - start).toBeLessThan(5000);
    expect([...target.allocated!({ offset: 0, length: TIB })].every(({ length }) => length === 4096)).toBe(
      true,
    );
  });
});

describe('a target is refused', () => {
  it('as a directory or pipe', () => {
    const folder = makeFolder();
    run('mkfifo', path.join(folder, 'pipe'));
    expectRefused(folder, 'is a directory', 'name the block device');
    expectRefused(path.join(folder, 'pipe'), 'is not a file or block device', 'name the block device');
  });

  it('while it is mounted', () => {
    const device = attachLoop(makeFile(8 * MIB));
    const point = mountOn(device);
    expectRefused(device, `is mounted on ${point}`, /umount .*with in-use$/);
    open(device, { inUse: true }).readInto(new Uint8Array(1), 0);
  });

  it('under another name of its node', () => {
    const device = attachLoop(makeFile(8 * MIB));
    mountOn(device);
    const alias = path.join(makeFolder(), 'alias');
    symlinkSync(device, alias);
    expectRefused(alias, 'is mounted on', 'umount');
  });

  it('while a partition of it is mounted, and as a partition of a disk that is in use', async () => {
    const disk = attachLoop(makeFile(16 * MIB), '--partscan');
    run('addpart', disk, '1', '2048', '16384');
    onTestFinished(() => {
      run('delpart', disk, '1');
    });
    const point = mountOn(`${disk}p1`);
    expectRefused(disk, `is mounted on ${point}`, 'umount');
    run('umount', point);
    await startHolding('exec 3<"$1"; echo; exec sleep 1000', disk);
    expectRefused(`${disk}p1`, 'is open in process', /with in-use$/);
    run('mount', `${disk}p1`, point);
  });

  it('while it is behind a loop device', () => {
    const file = makeFile(MIB);
    const device = attachLoop(file);
    expectRefused(file, `is behind the loop device ${device}`, `losetup -d ${device}`);
    open(file, { inUse: true });
  });

  it('while another process has the file open, even for reading', async () => {
    const file = makeFile(MIB);
    const pid = await startHolding('exec 3<"$1"; echo; exec sleep 1000', file);
    expectRefused(file, `is open in process ${pid} (sleep 1000)`, /end that process first.*with in-use$/);
    open(file, { inUse: true });
  });

  it('while another process has the device open', async () => {
    const device = attachLoop(makeFile(MIB));
    const pid = await startHolding('exec 3<>"$1"; echo; exec sleep 1000', device);
    expectRefused(device, `is open in process ${pid} (sleep 1000)`, /with in-use$/);
    open(device, { inUse: true });
  });

  it('while another lvstream is at work on it, whatever the options', async () => {
    const file = makeFile(MIB);
    const pid = await startHolding('exec 3<"$1"; flock 3; echo; exec sleep 1000', file);
    expectRefused(file, `is locked by process ${pid}`, 'wait until that is done');
    expect(() => open(file, { inUse: true })).toThrow(RefusedError);
  });

  it('while it is a target already', () => {
    const file = makeFile(MIB);
    const device = attachLoop(makeFile(MIB));
    open(file);
    open(device);
    expect(() => open(file)).toThrow(RefusedError);
    expect(() => open(device)).toThrow(RefusedError);
  });
});

describe('a target is not refused', () => {
  it('because of what it is opened for in the same process', () => {
    const file = makeFile(MIB);
    const image = openImage(file);
    onTestFinished(() => {
      image.close();
    });
    open(file).close();
    open(file).close();
  });

  it('because of what opens a device for a moment after a change', async () => {
    const device = attachLoop(makeFile(MIB));
    await startHolding('exec 3<"$1"; echo; sleep 0.3', device);
    open(device);
  });

  it('because another image is mounted', () => {
    mountOn(attachLoop(makeFile(8 * MIB)));
    open(attachLoop(makeFile(MIB)));
    open(makeFile(MIB));
  });
});

describe('the identity of a target', () => {
  it('is its real path and size', () => {
    const file = makeFile(12_345);
    const alias = path.join(makeFolder(), 'alias');
    symlinkSync(file, alias);
    expect(identifyTarget(alias)).toEqual({ path: realpathSync(file), size: 12_345 });
    const device = attachLoop(makeFile(64 * KIB));
    expect(identifyTarget(device)).toEqual({ path: device, size: 64 * KIB });
  });
});
