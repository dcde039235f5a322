import { openSync, readdirSync, readlinkSync, statSync, type PathLike } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { flushDevice } from '#src/device/flush.js';
import { openSettled, settle } from '#src/device/medium.js';
import { DeviceError } from '#src/errors.js';
import { kernelError, replaceCall } from '../files/replace-call.js';
import { attachLoop, makeFile, MIB, mountOn } from './block-devices.js';

/** What is flushed and synced, in which order, and what is left open. */

const openFiles = () => readdirSync('/proc/self/fd').length;
const numberOf = (device: string) => {
  const { rdev } = statSync(device);
  return `${rdev >> 8}:${rdev & 0xff}`;
};

let lower: string;
let upper: string;
let point: string;
/** What was opened and synced; koffi opens the program itself. */
let log: string[];
/** What stands in for an open of a path. */
let opening: (path: string) => number | undefined;

/** A file system on a device on a device. */
beforeEach(() => {
  lower = attachLoop(makeFile(8 * MIB));
  upper = attachLoop(lower);
  point = mountOn(upper);
  log = [];
  opening = () => undefined;
  replaceCall('openSync', (call) => (path: string, ...rest: [number]) => {
    if (path !== process.execPath) log.push(`open ${path}`);
    return opening(path) ?? call(path, ...rest);
  });
  replaceCall('fsyncSync', (call) => (fd: number) => {
    log.push(`sync ${readlinkSync(`/proc/self/fd/${fd}`)}`);
    call(fd);
  });
});

const flushed = (device: string): readonly string[] => {
  const before = openFiles();
  log.length = 0;
  flushDevice(device);
  expect(openFiles()).toBe(before);
  return log;
};
const all = (top: string, node = upper) => [
  ...(top === '' ? [] : [`open ${top}`]),
  `open ${node}`,
  `sync ${upper}`,
  `open ${lower}`,
  `sync ${lower}`,
];
/** What `/sys` and `/dev` say otherwise than they do. */
function tell(texts: Readonly<Record<string, string>>, nodes: Readonly<Record<string, string>> = {}): void {
  replaceCall(
    'readFileSync',
    (call) =>
      (path: string, ...rest: [never]) =>
        texts[path] ?? call(path, ...rest),
  );
  replaceCall(
    'statSync',
    (call) =>
      (path: PathLike, ...rest: [never]) =>
        call(nodes[String(path)] ?? path, ...rest),
  );
  opening = (path) => (nodes[path] === undefined ? undefined : openSync(nodes[path], 'r'));
}

describe('a flush', () => {
  it('goes from the file system at the top down to the device', () => {
    expect(flushed(lower)).toEqual(all(point));
  });

  it('is of a device and what lies on it, not of what it lies on', () => {
    expect(flushed(upper)).toEqual([`open ${point}`, `open ${upper}`, `sync ${upper}`]);
  });

  it('of a file syncs it', () => {
    const file = makeFile(10);
    expect(flushed(file)).toEqual([`open ${file}`, `sync ${file}`]);
  });

  it('passes over a mount that can not be opened', () => {
    opening = (path) => {
      if (path === point) throw kernelError('EACCES');
      return undefined;
    };
    expect(flushed(lower)).toEqual(all(point));
  });

  it('says what failed, and closes all', () => {
    const before = openFiles();
    const place = 0o10000000;
    opening = (path) => (path === point ? openSync('/proc/self/root', place) : undefined);
    const flush = () => {
      flushDevice(lower);
    };
    expect(flush).toThrow(DeviceError);
    expect(flush).toThrow(`${point}: its file system can't be synced: EBADF: bad file descriptor`);
    opening = () => undefined;
    replaceCall('fsyncSync', () => () => {
      throw kernelError('EIO');
    });
    expect(flush).toThrow(DeviceError);
    expect(flush).toThrow(`${upper}: can't be flushed: EIO`);
    expect(openFiles()).toBe(before);
  });

  it('knows a device by the name that device-mapper has for it', () => {
    tell({ [`/sys/dev/block/${numberOf(upper)}/dm/name`]: 'vg-lv\n' }, { '/dev/mapper/vg-lv': upper });
    const steps = flushed(lower).filter((step) => step !== `open ${upper}`);
    expect(steps).toEqual(all(point, '/dev/mapper/vg-lv'));
  });

  it.each<[string, () => string]>([
    ['another device', () => attachLoop(makeFile(MIB))],
    ['no device', () => makeFile(1)],
    ['nothing', () => '/nowhere'],
  ])('knows it by the name of the kernel where that name is of %s', (_, other) => {
    tell({ [`/sys/dev/block/${numberOf(upper)}/dm/name`]: 'vg-lv\n' }, { '/dev/mapper/vg-lv': other() });
    expect(flushed(lower)).toEqual(all(point));
  });

  it.each<[string, string]>([
    ['no name', 'MAJOR=7\n'],
    ['the name of no node', 'DEVNAME=nowhere\n'],
  ])('leaves out what has %s', (_, uevent) => {
    tell({ [`/sys/dev/block/${numberOf(upper)}/uevent`]: uevent });
    expect(flushed(lower)).toEqual([`open ${lower}`, `sync ${lower}`]);
  });
});

describe('settling', () => {
  it('syncs first, and says if the cache can not be dropped', () => {
    const steps: string[] = [];
    const sync = () => void steps.push('sync');
    const closed = { fd: 2 ** 31 - 1, name: 'image' };
    expect(() => {
      settle(closed, sync);
    }).toThrow("image: can't be dropped from the page cache: EBADF: bad file descriptor");
    expect(steps).toEqual(['sync']);
  });

  it('gives an image that was synced, and leaves nothing else open', () => {
    const file = makeFile(100, Uint8Array.of(1, 2, 3));
    const before = openFiles();
    const image = openSettled(file);
    expect(log).toContain(`sync ${file}`);
    expect(openFiles()).toBe(before + 1);
    const bytes = new Uint8Array(3);
    image.readInto(bytes, 0);
    expect(bytes).toEqual(Uint8Array.of(1, 2, 3));
    image.close();
    expect(openFiles()).toBe(before);
  });

  it('that fails leaves nothing open', () => {
    const file = makeFile(100);
    const before = openFiles();
    replaceCall('fsyncSync', () => () => {
      throw kernelError('EIO');
    });
    expect(() => openSettled(file)).toThrow(DeviceError);
    expect(() => openSettled(file)).toThrow(`${file}: can't be synced, so what was written may be lost: EIO`);
    expect(openFiles()).toBe(before);
  });
});
