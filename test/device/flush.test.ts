import { closeSync, constants, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDirect } from '#src/device/direct.js';
import { flushDevice } from '#src/device/flush.js';
import { DeviceError } from '#src/errors.js';
import { attachLoop, KIB, makeFile, MIB, mountOn, run } from './block-devices.js';

const MARK = Buffer.alloc(64 * KIB, 'lvstream was here. ');

/** Whether the device holds the mark. Reads what is behind the loop device: direct reads of the node would flush it. */
const holds = (file: string): boolean => readFileSync(file).includes(MARK);

describe('flushing a device', () => {
  it('writes out what a file system on it holds back', () => {
    const file = makeFile(16 * MIB);
    const device = attachLoop(file);
    writeFileSync(path.join(mountOn(device), 'file'), MARK);
    expect(holds(file)).toBe(false);
    flushDevice(device);
    expect(holds(file)).toBe(true);
  });

  it('writes out a file system that another one is mounted over', () => {
    const file = makeFile(16 * MIB);
    const device = attachLoop(file);
    const point = mountOn(device);
    writeFileSync(path.join(point, 'file'), MARK);
    run('mount', '-t', 'tmpfs', 'none', point);
    onTestFinished(() => {
      run('umount', point);
    });
    flushDevice(device);
    expect(holds(file)).toBe(true);
  });

  it('writes out what lies on top of it: partitions and loop devices', () => {
    const file = makeFile(32 * MIB);
    const disk = attachLoop(file, '--partscan');
    run('addpart', disk, '1', '2048', '49152');
    onTestFinished(() => {
      run('delpart', disk, '1');
    });
    const upper = attachLoop(`${disk}p1`);
    writeFileSync(path.join(mountOn(upper), 'file'), MARK);
    flushDevice(disk);
    expect(holds(file)).toBe(true);
  });

  it('writes out the pages of its node, and the next buffered read of them asks the device', () => {
    const file = makeFile(MIB);
    const device = attachLoop(file);
    const fd = openSync(device, constants.O_RDWR);
    onTestFinished(() => {
      closeSync(fd);
    });
    writeSync(fd, MARK, 0, MARK.length, 4096);
    expect(holds(file)).toBe(false);
    flushDevice(device);
    expect(holds(file)).toBe(true);
    const other = openSync(file, 'r+');
    writeSync(other, Buffer.alloc(4096, 5), 0, 4096, 4096);
    closeSync(other);
    const read = Buffer.alloc(4096);
    readSync(fd, read, 0, 4096, 4096);
    expect(read.every((byte) => byte === 5)).toBe(true);
  });

  it('takes files as well', () => {
    const file = makeFile(10);
    flushDevice(file);
    expect(readFileSync(file)).toEqual(Buffer.alloc(10));
  });

  it('names what is not there', () => {
    expect(() => {
      flushDevice('/nowhere/device');
    }).toThrow(DeviceError);
  });

  it('leaves direct readers what they see', () => {
    const device = attachLoop(makeFile(MIB, MARK));
    const reader = openDirect(device);
    onTestFinished(() => {
      reader.close();
    });
    flushDevice(device);
    const bytes = new Uint8Array(MARK.length);
    reader.readInto(bytes, 0);
    expect(MARK.equals(bytes)).toBe(true);
  });
});
