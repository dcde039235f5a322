import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { afterEach, expect, it, vi } from 'vitest';
import { deviceSize, exitAtOnce, tryLock } from '#src/device/syscalls.js';
import { DeviceError } from '#src/errors.js';
import { makeFile } from './block-devices.js';

/** How system calls come into the process. They are loaded once, by the first that needs one: here by the last test. */

/** The one that the modules have too. */
const koffi = createRequire(import.meta.url)('koffi') as {
  -readonly [K in keyof typeof Koffi]: (typeof Koffi)[K];
};
const { load, errno } = koffi;
afterEach(() => {
  vi.restoreAllMocks();
  Object.assign(koffi, { load, errno });
});

/** Has the library's functions of some names replaced. */
function replaceFunctions(replacements: Readonly<Record<string, (...values: unknown[]) => unknown>>): void {
  koffi.load = (name) => {
    const library = load(name);
    const func = (declaration: string) => {
      const replacement = replacements[/(\w+)\(/.exec(declaration)![1]!];
      return replacement ?? library.func(declaration);
    };
    return { func } as unknown as Koffi.LibraryHandle;
  };
}

const EINTR = 4;
const NO_FILE = 2 ** 20;

it('they are refused where the numbers are those of another system', () => {
  const { platform } = process;
  Object.defineProperty(process, 'platform', { value: 'darwin' });
  try {
    expect(() => deviceSize(NO_FILE)).toThrow(DeviceError);
    expect(() => deviceSize(NO_FILE)).toThrow('devices are supported on Linux only, and this is darwin');
  } finally {
    Object.defineProperty(process, 'platform', { value: platform });
  }
});

it('what cannot be loaded has a way out', () => {
  const cause = new Error('of another machine');
  koffi.load = () => {
    throw cause;
  };
  expect(() => deviceSize(NO_FILE)).toThrow(
    expect.objectContaining({
      name: 'DeviceError',
      message: "the system calls for devices can't be loaded (package koffi)",
      hint: expect.stringMatching(/^install lvstream again on this machine/) as string,
      cause,
    }),
  );
});

it('they are not loaded for the sake of an end that nothing delays', () => {
  koffi.load = () => {
    throw new Error('it is loaded');
  };
  vi.spyOn(process, 'getActiveResourcesInfo').mockReturnValue(['Timeout']);
  expect(() => {
    exitAtOnce(3);
  }).not.toThrow();
});

it('once they are loaded, an end waits for nothing, and a call that a signal interrupts is made again', () => {
  const ended: unknown[] = [];
  let interruptions = 2;
  replaceFunctions({
    _exit: (status) => ended.push(status),
    flock: (...values) => {
      if (interruptions-- > 0) return -1;
      return load(null).func('int flock(int fd, int operation)')(...values) as number;
    },
  });
  const delays = vi.spyOn(process, 'getActiveResourcesInfo').mockReturnValue(['Timeout', 'FSReqCallback']);
  exitAtOnce(3);
  expect(ended).toEqual([3]);
  delays.mockReturnValue([]);
  exitAtOnce(4);
  expect(ended).toEqual([3, 4]);
  koffi.errno = () => EINTR;
  const fd = openSync(makeFile(0), 'r');
  expect(tryLock(fd, 'exclusive')).toBe(true);
  expect(interruptions).toBeLessThan(0);
  closeSync(fd);
});
