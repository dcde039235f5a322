import { createHash } from 'node:crypto';
import { closeSync, copyFileSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { applyToTarget } from '#src/apply/apply.js';
import { openTarget } from '#src/device/target.js';
import { openInput } from '#src/files/open-input.js';
import { codec, plainStream } from '../streams.js';
import { apply, openFile, OPTIONS } from './applying.js';

/** Records that cover their blocks in part, more of them than a set of bytes could keep one by one. */

const KIB = 1024;
const MIB = 1024 * KIB;

const COUNT = process.env['SLOW'] === '1' ? 512 * KIB : 20_000;
/** Half as many blocks as records. */
const DEVICE_SIZE = COUNT * 2 * KIB;
const HEADER = plainStream([]);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scattered-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const at = (name: string) => join(folder, name);

/** Numbers that look random, below 2^32 (xorshift32, Marsaglia 2003). */
function* numbers(): Generator<number, never> {
  for (let x = 2_463_534_242; ;) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    yield x >>> 0;
  }
}
const random = numbers();

/** Offsets in any order, some of them again. */
function* anyOrder(): Generator<number> {
  for (let i = 0; i < COUNT; i++) yield (random.next().value % (DEVICE_SIZE / KIB)) * KIB;
}

function* ascending(): Generator<number> {
  for (let block = 0; block < DEVICE_SIZE / 4096; block++) yield block * 4096 + (block % 8) * 512;
}

/** Every sector of it differs from the others. */
function writeDevice(path: string): void {
  const fd = openSync(path, 'wx');
  for (let left = DEVICE_SIZE; left > 0; left -= MIB) {
    const bytes = Buffer.alloc(Math.min(left, MIB));
    for (let byte = 0; byte < bytes.length; byte += 512) bytes.writeUInt32LE(random.next().value, byte);
    writeSync(fd, bytes);
  }
  closeSync(fd);
}

/** Writes a plain stream, and to `expected`, which holds what the device does, all that its records write. */
function writeStream(path: string, offsets: Iterable<number>, length: number, expected: string): void {
  const stream = openSync(path, 'wx');
  const copy = openSync(expected, 'r+');
  let records = 0;
  writeSync(stream, HEADER);
  for (const offset of offsets) {
    const data = new Uint8Array(length).fill(++records);
    writeSync(stream, plainStream([{ offset, data }]), HEADER.length);
    writeSync(copy, data, 0, length, offset);
  }
  closeSync(stream);
  closeSync(copy);
}

function digestOf(path: string): string {
  const fd = openSync(path, 'r');
  const digest = createHash('sha256');
  const piece = new Uint8Array(MIB);
  for (let read = readSync(fd, piece); read > 0; read = readSync(fd, piece))
    digest.update(piece.subarray(0, read));
  closeSync(fd);
  return digest.digest('hex');
}

const openPlain = () => openInput(at('stream'), codec, { rewindable: true });

class Killed extends Error {}

/** Applies to a target whose process dies after so many writes. */
async function killedAfter(writes: number, snapback: string): Promise<void> {
  const target = openTarget(at('device'), { inUse: false });
  let left = writes;
  const write = (bytes: Uint8Array, offset: number) => {
    if (left-- === 0) throw new Killed();
    target.write(bytes, offset);
  };
  const input = await openPlain();
  const run = applyToTarget(input, { ...target, write }, codec, openFile, { ...OPTIONS, snapback });
  await expect(run).rejects.toThrow(Killed);
  input.close();
  target.close();
}

test.each([
  { what: 'of 1 KiB in any order', offsets: anyOrder, length: KIB },
  { what: 'of 512 bytes that ascend', offsets: ascending, length: 512 },
])(
  'records $what are recorded, resumed after a kill, and taken back',
  { timeout: 900_000 },
  async ({ offsets, length }) => {
    writeDevice(at('device'));
    copyFileSync(at('device'), at('expected'));
    writeStream(at('stream'), offsets(), length, at('expected'));
    const before = digestOf(at('device'));

    await killedAfter(COUNT / 4, at('undo'));
    expect(digestOf(at('device'))).not.toBe(before);

    const input = await openPlain();
    await apply(input, at('device'), { snapback: at('undo') });
    input.close();
    expect(digestOf(at('device'))).toBe(digestOf(at('expected')));

    const undo = await openInput(at('undo'), codec, { rewindable: true });
    await apply(undo, at('device'));
    undo.close();
    expect(digestOf(at('device'))).toBe(before);
  },
);
