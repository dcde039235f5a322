import { closeSync, fdatasyncSync, openSync, readSync, truncateSync, writeSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { alignedMemory } from '#src/device/aligned-memory.js';
import { openDirect, type DirectReader } from '#src/device/direct.js';
import { DeviceError } from '#src/errors.js';
import { moveInParts } from '../files/replace-call.js';
import { attachLoop, KIB, makeFile, MIB, run } from './block-devices.js';

const numRuns = process.env['SLOW'] === '1' ? 3000 : 60;
const filled = (size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => (i ^ (i >> 9)) % 253);

const open = (path: string): DirectReader => {
  const reader = openDirect(path);
  onTestFinished(() => {
    reader.close();
  });
  return reader;
};

const read = (reader: DirectReader, offset: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  reader.readInto(bytes, offset);
  return bytes;
};

describe('a device read directly', () => {
  // Its last block of 4096 bytes is a partial one.
  const size = 2 * MIB + 5 * 512;

  it.each([
    ['512-byte sectors', size, [] as string[]],
    ['4096-byte sectors', 2 * MIB + 8192, ['--sector-size', '4096']],
  ])('gives every range of it, with %s', (_, bytes, options) => {
    const content = filled(bytes);
    const reader = open(attachLoop(makeFile(bytes, content), ...options));
    expect(reader.size).toBe(bytes);
    const near = fc
      .constantFrom(0, 4096, MIB, bytes - 4096, bytes)
      .chain((at) => fc.integer({ min: at - 600, max: at + 600 }));
    const place = fc.oneof(near, fc.nat({ max: bytes })).map((at) => Math.max(0, Math.min(bytes, at)));
    fc.assert(
      fc.property(place, place, (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        expect(Buffer.compare(read(reader, start, end - start), content.subarray(start, end))).toBe(0);
      }),
      { numRuns },
    );
  });

  it('shows what the page cache of its node does not know of', () => {
    const file = makeFile(MIB, filled(MIB));
    const device = attachLoop(file);
    const cached = openSync(device, 'r');
    onTestFinished(() => {
      closeSync(cached);
    });
    const held = Buffer.alloc(16 * KIB);
    readSync(cached, held, 0, held.length, 0);
    writeBehind(file, Buffer.alloc(16 * KIB, 0xab));
    readSync(cached, held, 0, held.length, 0);
    expect(held.equals(filled(16 * KIB))).toBe(true);
    expect(read(open(device), 0, 16 * KIB).every((byte) => byte === 0xab)).toBe(true);
  });

  it('shows what is written but not yet on it', () => {
    const device = attachLoop(makeFile(MIB));
    const fd = openSync(device, 'r+');
    onTestFinished(() => {
      closeSync(fd);
    });
    writeSync(fd, Buffer.alloc(8 * KIB, 7), 0, 8 * KIB, 4096);
    expect(read(open(device), 4096, 8 * KIB).every((byte) => byte === 7)).toBe(true);
  });

  it('is not read past its end', () => {
    const device = attachLoop(makeFile(MIB));
    const reader = open(device);
    expect(() => read(reader, MIB - 10, 11)).toThrow(DeviceError);
    expect(() => read(reader, MIB - 10, 11)).toThrow(
      `${device}: 11 bytes at byte ${MIB - 10} reach past its end`,
    );
    expect(() => read(reader, -1, 1)).toThrow(DeviceError);
    expect(() => read(reader, Number.NaN, 1)).toThrow(DeviceError);
  });

  it('names the first byte that cannot be read, however much was asked for', () => {
    const file = makeFile(4 * MIB, filled(4 * MIB));
    const device = attachLoop(file);
    const reader = open(device);
    // A loop device on a file that has become shorter fails behind its end (drivers/block/loop.c).
    truncateSync(file, MIB + 12 * KIB);
    expect(() => read(reader, 100, 4 * MIB - 100)).toThrow(
      `${device}: can't be read at byte ${MIB + 12 * KIB}: EIO`,
    );
    expect(() => read(reader, 2 * MIB + 5, 1)).toThrow(
      `${device}: can't be read at byte ${2 * MIB + 5}: EIO`,
    );
    expect(read(reader, 100, 10)).toEqual(filled(110).slice(100));
  });

  it('is read on where the kernel gives a part', () => {
    const content = filled(MIB);
    const reader = open(attachLoop(makeFile(MIB, content)));
    moveInParts('readSync', KIB);
    expect(Buffer.compare(read(reader, 100, 64 * KIB), content.subarray(100, 100 + 64 * KIB))).toBe(0);
  });

  it('says at which byte it ends when it was made smaller after it was opened', () => {
    const file = makeFile(MIB);
    const device = attachLoop(file);
    const reader = open(device);
    truncateSync(file, 64 * KIB);
    run('losetup', '--set-capacity', device);
    expect(() => read(reader, 100, MIB - 100)).toThrow(
      expect.objectContaining({
        name: 'DeviceError',
        message: `${device}: ends at byte ${64 * KIB}, before the size it had when it was opened`,
      }),
    );
  });

  it('is read ahead into aligned memory', async () => {
    const content = filled(size);
    const { ahead } = open(attachLoop(makeFile(size, content)));
    expect(ahead?.unit).toBe(4096);
    const target = alignedMemory(2 * MIB).subarray(4096, 4096 + size - MIB);
    await ahead!.read(target, MIB);
    expect(Buffer.compare(target, content.subarray(MIB))).toBe(0);
    await expect(ahead!.read(target, 2 * MIB)).rejects.toThrow(`ends at byte ${size}, before the size`);
  });

  it('touches no other file once it is closed', () => {
    const reader = openDirect(attachLoop(makeFile(MIB)));
    reader.close();
    reader.close();
    expect(() => read(reader, 10, 1)).toThrow(
      `${reader.name}: can't be read at byte 10: EBADF: bad file descriptor`,
    );
  });
});

describe('a file', () => {
  it('is read as an image is', () => {
    const content = filled(10_001);
    const reader = open(makeFile(content.length, content));
    expect(reader.ahead).toBeUndefined();
    expect(read(reader, 1, 10_000)).toEqual(content.slice(1));
    expect([...reader.allocated!({ offset: 0, length: 100 })]).toEqual([{ offset: 0, length: 100 }]);
  });

  it('that is missing is an error that names it', () => {
    expect(() => openDirect('/nowhere/image')).toThrow(/^\/nowhere\/image: can't be opened: .*ENOENT/);
  });
});

/** Changes what is behind a loop device without telling its page cache, and puts it onto the disk. */
function writeBehind(file: string, bytes: Uint8Array): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, bytes, 0, bytes.length, 0);
  fdatasyncSync(fd);
  closeSync(fd);
}
