import { closeSync, openSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDirect } from '#src/device/direct.js';
import { findWriter } from '#src/device/open-for-writing.js';
import { DeviceError } from '#src/errors.js';
import { attachLoop, makeFile, MIB, mountOn, run, startHolding } from './block-devices.js';

describe('what has a device open for writing', () => {
  it('is nothing, or this process, or what reads', async () => {
    const device = attachLoop(makeFile(MIB));
    expect(findWriter(device)).toBeUndefined();
    const own = openSync(device, 'r+');
    const reader = openDirect(device);
    onTestFinished(() => {
      closeSync(own);
      reader.close();
    });
    expect(findWriter(device)).toBeUndefined();
    await startHolding('exec 3<"$1"; echo; exec sleep 1000', device);
    attachLoop(device, '--read-only');
    expect(findWriter(device)).toBeUndefined();
  });

  it.each([
    ['for reading and writing', '3<>"$1"'],
    ['for writing', '3>>"$1"'],
  ])('is a process that opened it %s', async (_, redirection) => {
    const device = attachLoop(makeFile(MIB));
    const pid = await startHolding(`exec ${redirection}; echo; exec sleep 1000`, device);
    expect(findWriter(device)).toBe(`is open for writing in process ${pid} (sleep 1000)`);
  });

  it('is no process that had it for a moment', async () => {
    const device = attachLoop(makeFile(MIB));
    await startHolding('exec 3<>"$1"; echo; sleep 0.3', device);
    expect(findWriter(device)).toBeUndefined();
  });

  it('is a mount, unless its file system is read-only', () => {
    const device = attachLoop(makeFile(8 * MIB));
    const point = mountOn(device);
    expect(findWriter(device)).toBe(`is mounted read-write on ${point}`);
    run('mount', '-o', 'remount,bind,ro', point);
    expect(findWriter(device)).toBe(`is mounted read-write on ${point}`);
    run('mount', '-o', 'remount,ro', point);
    expect(findWriter(device)).toBeUndefined();
  });

  it('is a partition of it, or the disk that it is on', async () => {
    const disk = attachLoop(makeFile(16 * MIB), '--partscan');
    run('addpart', disk, '1', '2048', '16384');
    onTestFinished(() => {
      run('delpart', disk, '1');
    });
    const pid = await startHolding('exec 3<>"$1"; echo; exec sleep 1000', `${disk}p1`);
    expect(findWriter(disk)).toBe(`is open for writing in process ${pid} (sleep 1000)`);
    const other = await startHolding('exec 3<>"$1"; echo; exec sleep 1000', disk);
    expect(findWriter(`${disk}p1`)).toMatch(new RegExp(`process (${pid}|${other}) `));
  });

  it('is swap', () => {
    const device = attachLoop(makeFile(8 * MIB));
    run('mkswap', device);
    run('swapon', device);
    onTestFinished(() => {
      run('swapoff', device);
    });
    expect(findWriter(device)).toBe('is used as swap');
  });

  it('is a loop device on an image, unless it is read-only', () => {
    const image = makeFile(MIB);
    attachLoop(image, '--read-only');
    expect(findWriter(image)).toBeUndefined();
    const device = attachLoop(image);
    expect(findWriter(image)).toBe(`is behind the loop device ${device}`);
  });

  it('is asked of what is there', () => {
    expect(() => findWriter('/nowhere/device')).toThrow(DeviceError);
  });
});
