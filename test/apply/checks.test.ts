import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { applyStream } from '#src/apply/apply.js';
import type { ApplyOptions, ApplyReport } from '#src/apply/work.js';
import { DeviceError, RefusedError } from '#src/errors.js';
import { openInput } from '#src/files/open-input.js';
import { lvstream } from '../cli/run-lvstream.js';
import { applied, batchOf, codec, lvsFile, plainStream } from '../streams.js';
import { OPTIONS } from './applying.js';
import { attachLoop, makeFile, makeFolder, mountOn, run } from '../device/block-devices.js';
import { digestsOver } from '../compare/digests-over.js';

/** What is found before anything is written, by a dry run too. */

const PIECE = 4096;
const SIZE = 8 << 20;
const DEVICE = new Uint8Array(4 * PIECE).fill(9);
const RECORDS = [0, 2].map((block) => ({
  offset: block * PIECE,
  data: new Uint8Array(PIECE).fill(block + 1),
}));

let folder: string;
const at = (name: string) => path.join(folder, name);
beforeEach(() => {
  folder = makeFolder();
  writeFileSync(at('stream'), plainStream(RECORDS));
  writeFileSync(at('device'), DEVICE);
});

async function apply(
  stream: string,
  device: string,
  options: Partial<ApplyOptions> = {},
): Promise<ApplyReport> {
  const openFile = (name: string) => openInput(name, codec, { pieces: true });
  const input = await openFile(stream);
  try {
    return await applyStream(input, device, codec, openFile, { ...OPTIONS, ...options });
  } finally {
    input.close();
  }
}

/** The error of a run and of a dry run, which must be the same. */
async function refusalOf(device: string, snapback?: string): Promise<Error> {
  const refused = (dryRun: boolean) =>
    apply(at('stream'), device, { snapback, dryRun }).then(
      () => Promise.reject(new Error(`not refused, dry run: ${dryRun}`)),
      (error: unknown) => error as Error,
    );
  const dry = await refused(true);
  const real = await refused(false);
  expect(real.message).toBe(dry.message);
  expect(real.constructor).toBe(dry.constructor);
  return dry;
}

function expectHolds(file: string, bytes: Uint8Array): void {
  expect(Buffer.compare(readFileSync(file), bytes)).toBe(0);
}

describe('a device that cannot be written is refused', () => {
  it('as one that is set read-only', async () => {
    const device = attachLoop(makeFile(SIZE), '--read-only');
    const error = await refusalOf(device, at('undo'));
    expect(error).toBeInstanceOf(DeviceError);
    expect(error.message).toBe(`${device}: can't be opened: EROFS: read-only file system`);
    expect(existsSync(at('undo.partial'))).toBe(false);
  });

  it('as a file in a file system that is mounted read-only', async () => {
    const point = mountOn(attachLoop(makeFile(SIZE)));
    const image = path.join(point, 'image');
    writeFileSync(image, DEVICE);
    run('mount', '-o', 'remount,ro', point);
    expect((await refusalOf(image)).message).toContain('EROFS');
  });
});

describe('a snapback that cannot be saved is refused', () => {
  it.each<[string, () => string, new (message: string) => Error]>([
    ['in a folder that is not there', () => at('missing/undo'), DeviceError],
    ['below a file', () => at('stream/undo'), DeviceError],
    ['of a name that is too long', () => at('n'.repeat(250)), DeviceError],
    ['of a name of unfinished ones', () => at('x.partial'), RefusedError],
    ['of a name that a chain passes over', () => at('.x'), RefusedError],
    ['of a name that is taken', () => at('stream'), RefusedError],
  ])('%s', async (_, name, type) => {
    expect(await refusalOf(at('device'), name())).toBeInstanceOf(type);
    expectHolds(at('device'), DEVICE);
  });

  it('in a folder that cannot be written', async () => {
    const point = mountOn(attachLoop(makeFile(SIZE)));
    run('mount', '-o', 'remount,ro', point);
    expect((await refusalOf(at('device'), path.join(point, 'undo'))).message).toContain('EROFS');
  });

  it.each<[string, () => void]>([
    [
      'what is no journal',
      () => {
        writeFileSync(at('undo.partial'), 'precious', { mode: 0o600 });
      },
    ],
    [
      'a link',
      () => {
        symlinkSync(at('nowhere'), at('undo.partial'));
      },
    ],
    [
      'a folder',
      () => {
        mkdirSync(at('undo.partial'));
      },
    ],
  ])('where %s has the place of its journal', async (_, plant) => {
    plant();
    await refusalOf(at('device'), at('undo'));
    expectHolds(at('device'), DEVICE);
  });

  it('where an unfinished one is of another device, or of a size that it had before', async () => {
    await begin();
    writeFileSync(at('other'), DEVICE);
    expect((await refusalOf(at('other'), at('undo'))).message).toContain('is an unfinished snapback of');
    appendFileSync(at('device'), DEVICE);
    expect((await refusalOf(at('device'), at('undo'))).message).toContain(
      `when it had ${DEVICE.length} bytes`,
    );
  });
});

/** Leaves the journal of an apply that was killed behind its last write. */
async function begin(): Promise<Uint8Array> {
  await apply(at('stream'), at('device'), { snapback: at('undo') });
  const finished = readFileSync(at('undo'));
  const journal = finished.subarray(0, finished.indexOf(Uint8Array.of(0x51, 0x2a, 0x4d, 0x18)));
  writeFileSync(at('undo.partial'), journal, { mode: 0o600 });
  rmSync(at('undo'));
  return journal;
}

it('a dry run changes nothing of an unfinished snapback', async () => {
  const journal = Buffer.concat([await begin(), Buffer.from('torn')]);
  writeFileSync(at('undo.partial'), journal, { mode: 0o600 });
  const { outcome, notices } = await apply(at('stream'), at('device'), {
    snapback: at('undo'),
    dryRun: true,
  });
  expect(outcome).toBe('checked');
  expect(notices.join()).toContain('undo.partial');
  expectHolds(at('undo.partial'), journal);
  writeFileSync(at('undo.partial'), journal.subarray(0, 4), { mode: 0o600 });
  await apply(at('stream'), at('device'), { snapback: at('undo'), dryRun: true });
  expectHolds(at('undo.partial'), journal.subarray(0, 4));
});

it('a stream is not read from another node of the device that it would be written to', async () => {
  const disk = makeFile(SIZE, plainStream(RECORDS));
  const device = attachLoop(disk);
  const { rdev } = statSync(device);
  run('mknod', at('node'), 'b', String(rdev >> 8), String(rdev & 0xff));
  const before = readFileSync(disk);
  const refused = await lvstream(['apply', at('node'), device]);
  expect(refused.status).toBe(4);
  expect(refused.errors).toContain('is the stream itself');
  expectHolds(disk, before);
});

/** Devices on a file. */
const LAYERS: readonly (readonly [string, (file: string) => string])[] = [
  ['a loop device', (file) => attachLoop(file)],
  ['a loop device on a loop device', (file) => attachLoop(attachLoop(file))],
];

describe.each(LAYERS)('%s', (_, layerOn) => {
  it.each([[[]], [['--in-use']]])('on the stream is no target: %j', async (options) => {
    const file = makeFile(SIZE, plainStream(RECORDS));
    const before = readFileSync(file);
    const { status, errors } = await lvstream(['apply', file, layerOn(file), ...options]);
    expect({ status, errors }).toMatchObject({
      status: 4,
      errors: expect.stringContaining('is the stream itself') as string,
    });
    expectHolds(file, before);
  });

  it('on the target is no stream', async () => {
    const file = makeFile(SIZE, plainStream(RECORDS));
    const before = readFileSync(file);
    const { status, errors } = await lvstream(['apply', layerOn(file), file, '--in-use']);
    expect(status).toBe(4);
    expect(errors).toContain('is the stream itself');
    expectHolds(file, before);
  });

  it('on the unfinished snapback is no target', async () => {
    const journal = await begin();
    writeFileSync(at('undo.partial'), journal, { mode: 0o600 });
    truncateSync(at('undo.partial'), SIZE);
    const before = readFileSync(at('undo.partial'));
    const target = layerOn(at('undo.partial'));
    const { status, errors } = await lvstream(['apply', at('stream'), target, '--snapback', at('undo')]);
    expect(status).toBe(4);
    expect(errors).toContain('is the unfinished snapback itself');
    expectHolds(at('undo.partial'), before);
  });
});

describe('--skip-past-end', () => {
  const short = DEVICE.subarray(0, 2 * PIECE + 100);
  const left = PIECE - 100;

  async function digested(id?: Uint8Array): Promise<string> {
    const batch = batchOf(RECORDS);
    const pieces = digestsOver(DEVICE)(batch);
    writeFileSync(
      at('digested'),
      await lvsFile([{ ...batch, pieces }], { id, order: 'sorted', baseDigests: true }),
    );
    return at('digested');
  }

  it.each([[[]], [['--snapback']]])('leaves out the same when it is said again: %j', async ([snapback]) => {
    writeFileSync(at('device'), short);
    const options = snapback === undefined ? [] : [snapback, at('undo')];
    const command = [
      'apply',
      '--skip-past-end',
      await digested(new Uint8Array(16).fill(1)),
      at('device'),
      ...options,
    ];
    const dry = await lvstream([...command, '--dry-run']);
    expect(dry.status).toBe(5);
    expect(dry.text).toContain(`${left} bytes past the end left out`);
    for (const word of [': applied', 'already applied']) {
      const { status, text } = await lvstream(command);
      expect(status).toBe(5);
      expect(text).toContain(word);
      expect(text).toContain(`${left} bytes past the end left out`);
      expectHolds(at('device'), applied(DEVICE, RECORDS).subarray(0, short.length));
    }
  });
});
