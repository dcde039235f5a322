import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openScratchFile } from '#src/codec/temporary-file.js';

let folder: string;
const before = process.env['TMPDIR'];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'scratch-'));
  process.env['TMPDIR'] = folder;
});
afterEach(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  rmSync(folder, { recursive: true, force: true });
});

describe('a scratch file', () => {
  it('keeps what is written anywhere in it, and has no name', () => {
    const scratch = openScratchFile();
    scratch.write(8192, Uint8Array.of(1, 2, 3, 4));
    scratch.write(0, Uint8Array.of(5, 6));
    scratch.write(8193, Uint8Array.of(7));
    const into = new Uint8Array(4);
    scratch.read(8192, into);
    expect(into).toEqual(Uint8Array.of(1, 7, 3, 4));
    expect(readdirSync(folder)).toEqual([]);
    scratch.close();
  });

  it('says so where nothing was written', () => {
    const scratch = openScratchFile();
    scratch.write(0, Uint8Array.of(5, 6));
    expect(() => {
      scratch.read(1, new Uint8Array(2));
    }).toThrow(`${folder}: a temporary file there fails: the file ends too early`);
    scratch.close();
  });

  it('says so where there can be none', () => {
    rmSync(folder, { recursive: true });
    expect(openScratchFile).toThrow(
      `${folder}: no temporary file can be made there: ENOENT: no such file or directory`,
    );
  });
});
