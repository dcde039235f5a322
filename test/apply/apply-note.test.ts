import fc from 'fast-check';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { applyToTarget } from '#src/apply/apply.js';
import { findNote, type ApplyNote } from '#src/apply/apply-note.js';
import { openTarget } from '#src/device/target.js';
import { FormatError } from '#src/errors.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { PLAIN_HEADER } from '#src/format/open-stream.js';
import { replaceCall } from '../files/replace-call.js';
import { applied, batchOf, codec, lvsFile } from '../streams.js';
import { apply, inputOf, openFile, OPTIONS } from './applying.js';
import { makeFolder, run as runTool } from '../device/block-devices.js';
import { digestsOver } from '../compare/digests-over.js';
import { memoryDevice } from '../compare/memory-device.js';

/** A stream that was being written when the power failed, and the note that says so (§6.5). */

const SECTOR = 512;
const PIECE = 4096;
const BASE = new Uint8Array(4 * PIECE + 700).fill(9);
const RECORDS = [
  { offset: 100, data: new Uint8Array(PIECE).fill(1) },
  { offset: 2 * PIECE, data: new Uint8Array(2 * PIECE + 600).fill(2) },
];
const RESULT = applied(BASE, RECORDS);

let bytes: Uint8Array;
let folder: string;
const at = (name: string) => path.join(folder, name);
const note = () => at('stream.applying');

beforeAll(async () => {
  const digestPieces = digestsOver(BASE);
  const batches = RECORDS.map((record) => ({
    ...batchOf([record]),
    pieces: digestPieces(batchOf([record])),
  }));
  bytes = await lvsFile(batches, { id: new Uint8Array(16).fill(4), order: 'sorted', baseDigests: true });
});
beforeEach(() => {
  folder = makeFolder();
  writeFileSync(at('device'), BASE);
});

const stream = () => inputOf(bytes, { path: at('stream') });
const again = (options = {}) => apply(stream(), at('device'), { sync: true, ...options });

/** Ends an apply at its first write. */
async function cutShort(): Promise<void> {
  const target = openTarget(at('device'), { inUse: false });
  const failing = {
    ...target,
    write: () => {
      throw new Error('cut');
    },
  };
  try {
    const run = applyToTarget(stream(), failing, codec, openFile, { ...OPTIONS, sync: true });
    await expect(run).rejects.toThrow('cut');
  } finally {
    target.close();
  }
}

/** The base with the sectors of the result for which `isNew` says so. */
function mixed(isNew: (sector: number) => boolean): Uint8Array {
  return BASE.map((byte, i) => (isNew(Math.floor(i / SECTOR)) ? RESULT[i]! : byte));
}

const TORN = mixed((sector) => sector % 3 === 1);

function expectHolds(held: Uint8Array): void {
  expect(Buffer.compare(readFileSync(at('device')), held)).toBe(0);
}

it('whatever sectors a power cut kept, the same command finishes it and removes its note', async () => {
  await cutShort();
  const left = readFileSync(note());
  const sectors = Math.ceil(BASE.length / SECTOR);
  const anySectors = fc.array(fc.boolean(), { minLength: sectors, maxLength: sectors });
  await fc.assert(
    fc.asyncProperty(anySectors, async (isNew) => {
      writeFileSync(note(), left, { mode: 0o600 });
      writeFileSync(
        at('device'),
        mixed((sector) => isNew[sector]!),
      );
      await again();
      expectHolds(RESULT);
      expect(existsSync(note())).toBe(false);
    }),
    { numRuns: process.env['SLOW'] === undefined ? 20 : 2000 },
  );
});

it('says that it finishes, and what the note can not tell', async () => {
  await cutShort();
  writeFileSync(at('device'), TORN);
  const { outcome, notices } = await again();
  expect(outcome).toBe('finished');
  expect(notices.join('\n')).toContain(note());
});

it('the note is for its owner alone', async () => {
  await cutShort();
  expect(statSync(note()).mode & 0o777).toBe(0o600);
});

describe('a mixture of sectors is refused as the wrong base', () => {
  const refused = async (options = {}) => {
    const before = readFileSync(at('device'));
    await expect(again(options)).rejects.toThrow('(wrong base)');
    expectHolds(before);
  };

  it.each<[string, () => void]>([
    [
      'without a note',
      () => {
        rmSync(note());
      },
    ],
    [
      'with a note that others can write to',
      () => {
        chmodSync(note(), 0o666);
      },
    ],
    [
      'with a note that a power cut left empty',
      () => {
        writeFileSync(note(), '');
      },
    ],
    [
      'with a note of another stream',
      () => {
        writeFileSync(note(), readFileSync(note(), 'latin1').replace('0404', '0405'));
      },
    ],
  ])('%s', async (_, change) => {
    await cutShort();
    change();
    writeFileSync(at('device'), TORN);
    await refused();
  });

  it('with the note of another device', async () => {
    await cutShort();
    writeFileSync(at('device'), new Uint8Array([...TORN, 0]));
    await refused();
  });

  it('where a piece has no sector of the stream', async () => {
    await cutShort();
    writeFileSync(at('device'), applied(TORN, [{ offset: 2 * PIECE, data: new Uint8Array(PIECE).fill(7) }]));
    await refused();
    expect(existsSync(note())).toBe(true);
  });
});

it.each([
  ['a dry run', { dryRun: true }],
  ['an apply that does not sync', { sync: false }],
])('%s leaves a note that it finds', async (_, options) => {
  await cutShort();
  writeFileSync(at('device'), RESULT);
  await again(options);
  expect(existsSync(note())).toBe(true);
});

it('an apply whose sync fails leaves its note', async () => {
  const target = openTarget(at('device'), { inUse: false });
  const failing = {
    ...target,
    sync: () => {
      throw new Error('no sync');
    },
  };
  const run = applyToTarget(stream(), failing, codec, openFile, { ...OPTIONS, sync: true });
  await expect(run).rejects.toThrow('no sync');
  target.close();
  expectHolds(RESULT);
  expect(existsSync(note())).toBe(true);
  expect((await again()).outcome).toBe('already-applied');
  expect(existsSync(note())).toBe(false);
});

it.each<[string, () => void]>([
  ['a folder', () => mkdirSync(note())],
  ['a pipe', () => runTool('mkfifo', '-m', '600', note())],
  [
    'a symbolic link',
    () => {
      writeFileSync(at('victim'), 'precious', { mode: 0o600 });
      symlinkSync(at('victim'), note());
    },
  ],
  [
    'a file that others can write to',
    () => {
      writeFileSync(note(), 'precious');
      chmodSync(note(), 0o666);
    },
  ],
])('where %s has the name, the stream is applied without a note, and it stays', async (_, plant) => {
  plant();
  const before = lstatSync(note());
  await again();
  expectHolds(RESULT);
  expect(lstatSync(note()).ino).toBe(before.ino);
  if (before.isFile()) expect(readFileSync(note(), 'utf8')).toBe('precious');
  if (before.isSymbolicLink()) expect(readFileSync(at('victim'), 'utf8')).toBe('precious');
});

const NOTED: StreamHeader = {
  kind: 'changes',
  requires: [],
  order: 'sorted',
  id: new Uint8Array(16).fill(4),
  baseDigests: true,
};

type NoteWork = Parameters<typeof findNote>[0];

function deviceAt(name: string): NoteWork['target'] {
  const writer = { write: () => undefined, zero: () => undefined, sync: () => undefined };
  return { ...memoryDevice(BASE, at(name)), ...writer };
}

function findOf(header: StreamHeader, work: Partial<NoteWork> = {}): ApplyNote | undefined {
  const input = { path: at('stream') };
  return findNote({ input, target: deviceAt('device'), codec, damage: undefined, ...work }, header);
}

const find = (work: Partial<NoteWork> = {}) => findOf(NOTED, work);

describe('a note', () => {
  it('is made, found and removed', () => {
    expect(find()).toMatchObject({ path: note(), isThere: false });
    find()!.make();
    expect(find()).toMatchObject({ path: note(), isThere: true });
    find()!.remove();
    expect(existsSync(note())).toBe(false);
    find()!.remove();
  });

  it('is none of an input that has no file, or of a stream that says too little or is damaged', () => {
    const fault = new FormatError('truncated', 0, 'a damage');
    const damage = { fault, cut: { batch: 0, segments: 0 }, records: 0, data: 0 };
    expect(find({ input: { path: undefined } })).toBeUndefined();
    expect(find({ damage })).toBeUndefined();
    expect(find({ damage: { ...damage, fault: undefined } })).toBeDefined();
    expect(findOf(PLAIN_HEADER)).toBeUndefined();
    expect(findOf({ ...NOTED, id: undefined })).toBeUndefined();
    expect(findOf({ ...NOTED, baseDigests: undefined })).toBeUndefined();
  });

  it('is of one device, though another one is as large', () => {
    writeFileSync(at('other'), BASE);
    find()!.make();
    expect(find({ target: deviceAt('other') })).toBeUndefined();
  });

  it('may be what a power cut left of it, which is blank and no longer than it was', () => {
    find()!.make();
    const { length } = readFileSync(note());
    writeFileSync(note(), Buffer.alloc(length));
    expect(find()).toMatchObject({ isThere: false });
    writeFileSync(note(), Buffer.alloc(length + 1));
    expect(find()).toBeUndefined();
  });

  it('is on stable storage when it is made, with its name, and so is that it was removed', () => {
    const synced: string[] = [];
    replaceCall('fsyncSync', (call) => (fd: number) => {
      const held = statSync(`/proc/self/fd/${fd}`);
      synced.push(held.isDirectory() ? `a folder of ${readdirSync(folder).length}` : `${held.size} bytes`);
      call(fd);
    });
    find()!.make();
    expect(synced).toEqual([`${statSync(note()).size} bytes`, 'a folder of 2']);
    synced.length = 0;
    find()!.remove();
    expect(synced).toEqual(['a folder of 1']);
  });

  it('is not held open', () => {
    const before = readdirSync('/proc/self/fd').length;
    find()!.make();
    expect(find()!.isThere).toBe(true);
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });
});
