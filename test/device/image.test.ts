import { openSync, closeSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openImage, type ImageReader } from '#src/device/image.js';
import { DeviceError } from '#src/errors.js';
import { attachLoop, KIB, makeFile, makeFolder, MIB, run, TIB } from './block-devices.js';

const open = (file: string): ImageReader => {
  const image = openImage(file);
  onTestFinished(() => {
    image.close();
  });
  return image;
};

const read = (image: ImageReader, offset: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  image.readInto(bytes, offset);
  return bytes;
};

const numbered = Uint8Array.from({ length: 10_001 }, (_, i) => i % 251);

describe('an image', () => {
  it('is read anywhere, whatever its length', () => {
    const image = open(makeFile(numbered.length, numbered));
    expect(image.size).toBe(numbered.length);
    expect(read(image, 0, numbered.length)).toEqual(numbered);
    expect(read(image, 4095, 3)).toEqual(numbered.slice(4095, 4098));
    expect(read(image, numbered.length, 0)).toEqual(new Uint8Array());
  });

  it('can be a block device', () => {
    const device = attachLoop(makeFile(MIB, numbered));
    const image = open(device);
    expect(image.name).toBe(device);
    expect(image.size).toBe(MIB);
    expect('allocated' in image).toBe(false);
    expect(read(image, 1, 10_000)).toEqual(numbered.slice(1));
  });

  it('does not read past its end', () => {
    const file = makeFile(100);
    const image = open(file);
    expect(() => read(image, 90, 11)).toThrow(DeviceError);
    expect(() => read(image, 90, 11)).toThrow(`${file}: 11 bytes at byte 90 reach past its end at byte 100`);
    expect(() => read(image, -1, 1)).toThrow(DeviceError);
    expect(() => read(image, Number.NaN, 1)).toThrow(DeviceError);
  });

  it('says at which byte it ends when it was cut after it was opened', () => {
    const file = makeFile(10_000);
    const image = open(file);
    truncateSync(file, 6000);
    expect(() => read(image, 0, 10_000)).toThrow(`${file}: ends at byte 6000, before the size it had`);
  });

  it('names path, byte and errno when reading fails', () => {
    const image = openImage(makeFile(100));
    image.close();
    image.close();
    expect(() => read(image, 10, 1)).toThrow(
      `${image.name}: can't be read at byte 10: EBADF: bad file descriptor`,
    );
  });

  it('says which parts of a sparse file hold data', () => {
    const file = makeFile(TIB);
    const fd = openSync(file, 'r+');
    for (const offset of [MIB, TIB / 2, TIB - 64 * KIB])
      writeSync(fd, new Uint8Array(64 * KIB).fill(1), 0, 64 * KIB, offset);
    closeSync(fd);
    const image = open(file);
    const allocated = (offset: number, length: number): unknown => [...image.allocated!({ offset, length })];
    const runs = [MIB, TIB / 2, TIB - 64 * KIB].map((offset) => ({ offset, length: 64 * KIB }));
    expect(allocated(0, TIB)).toEqual(runs);
    expect(allocated(MIB + 5, 10)).toEqual([{ offset: MIB + 5, length: 10 }]);
    expect(allocated(0, MIB)).toEqual([]);
    expect(allocated(TIB, 0)).toEqual([]);
    expect(() => allocated(TIB, 1)).toThrow(DeviceError);
  });

  it('is neither a directory, nor a pipe, nor missing', () => {
    const folder = makeFolder();
    const pipe = path.join(folder, 'pipe');
    run('mkfifo', pipe);
    writeFileSync(path.join(folder, 'file'), '');
    expect(() => openImage(folder)).toThrow(`${folder}: is a directory`);
    expect(() => openImage(pipe)).toThrow(`${pipe}: is not a file or block device`);
    expect(() => openImage(`${folder}/none`)).toThrow(
      /none: can't be opened: ENOENT: no such file or directory$/,
    );
    expect(() => openImage(`${folder}/file/below`)).toThrow(/ENOTDIR/);
    for (const name of [folder, pipe, `${folder}/none`]) {
      expect(() => openImage(name)).toThrow(
        expect.objectContaining({ name: 'DeviceError', hint: expect.any(String) as string }),
      );
    }
  });
});
