import {
  closeSync,
  createWriteStream,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCodec } from '#src/codec/codec.js';
import type { RecordBatch } from '#src/format/batch.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { writeLvs } from '#src/format/lvs/write-lvs.js';
import { cutZeroRanges } from '#src/format/lvs/frames/zero-frame.js';
import { batchOf } from '../streams.js';
import { type Measured, runMeasured } from './run-measured.js';

/** Streams whose plain form no disk would hold. Times are printed, not judged. */

const GIB = 2 ** 30;
const TIB = 2 ** 40;
const MIB = 2 ** 20;
/** What the project promises, and what is asked of the commands that only read. */
const MAX_PEAK_MIB = 256;
const MAX_READING_PEAK_MIB = 200;

let folder: string;
const at = (name: string): string => path.join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'huge-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function writeFile(name: string, size: number, batches: AsyncIterable<RecordBatch>): Promise<number> {
  const file = createWriteStream(at(name));
  const sink = {
    write: async (bytes: Uint8Array) => {
      if (!file.write(bytes.slice())) await once(file, 'drain');
    },
  };
  const codec = createCodec({ level: 3 });
  const header: StreamHeader = {
    kind: 'changes',
    requires: [],
    order: 'sorted',
    baseSize: size,
    resultSize: size,
  };
  const begun = performance.now();
  await writeLvs(batches, sink, codec, header);
  file.end();
  await once(file, 'close');
  await codec.close();
  return (performance.now() - begun) / 1000;
}

async function* emit(batches: Iterable<RecordBatch>): AsyncGenerator<RecordBatch> {
  yield* batches;
}

const report = (what: string, seconds: number, peakMib?: number): void => {
  const peak = peakMib === undefined ? '' : `, at most ${peakMib.toFixed(0)} MiB`;
  process.stdout.write(`${what}: ${seconds.toFixed(2)} s${peak}\n`);
};

async function succeeds(what: string, ...argv: readonly string[]): Promise<Measured> {
  const run = await runMeasured(...argv);
  report(`${argv[0]!} of ${what}`, run.seconds, run.peakMib);
  expect(run).toMatchObject({ status: 0, err: '' });
  expect(run.peakMib).toBeLessThan(argv[0] === 'apply' ? MAX_PEAK_MIB : MAX_READING_PEAK_MIB);
  return run;
}

describe('a run of 1 TiB of zeros', () => {
  const MAX_FILE = 40 * 1000 * 1000;

  beforeAll(async () => {
    const seconds = await writeFile('zeros.lvs', TIB, emit(cutZeroRanges([{ offset: 0, length: TIB }])));
    report('writing 1 TiB of zeros', seconds);
  });

  it('is a small file', () => {
    expect(statSync(at('zeros.lvs')).size).toBeLessThan(MAX_FILE);
  });

  it('is verified and inspected', async () => {
    const { out } = await succeeds('1 TiB of zeros', 'verify', at('zeros.lvs'));
    expect(out).toContain('whole');
    const { out: json } = await succeeds('1 TiB of zeros', 'info', '--json', at('zeros.lvs'));
    expect(JSON.parse(json)).toMatchObject({ format: 'lvs', zeros: TIB });
  });

  it('is applied to a sparse file, which stays sparse and reads as zeros', async () => {
    const device = at('device');
    const old = randomBytes(MIB);
    writeFileSync(device, old);
    truncateSync(device, TIB);
    await succeeds('1 TiB of zeros', 'apply', at('zeros.lvs'), device);
    const { size, blocks } = statSync(device);
    expect(size).toBe(TIB);
    expect(blocks * 512).toBeLessThan(MIB);
    expect(firstBytes(device, MIB).equals(Buffer.alloc(MIB))).toBe(true);
  });

  it('is applied with a snapback that brings back the little that was there', async () => {
    const [device, snapback] = [at('other'), at('undo.lvs')];
    const old = randomBytes(MIB);
    writeFileSync(device, old);
    truncateSync(device, TIB);
    await succeeds(
      '1 TiB of zeros, with a snapback',
      'apply',
      at('zeros.lvs'),
      device,
      '--snapback',
      snapback,
    );
    expect(statSync(snapback).size).toBeLessThan(2 * MAX_FILE);
    await succeeds('its snapback', 'apply', snapback, device);
    expect(firstBytes(device, MIB).equals(old)).toBe(true);
    expect(statSync(device).blocks * 512).toBeLessThan(3 * MIB);
  });
});

describe('a stream of 4 TiB of zeros and scattered records', () => {
  const ISLANDS = 4096;
  const RECORDS = 16;
  const STRIDE = GIB;

  /** In every GiB some records of 4 KiB, then zeros up to the next. */
  async function* islands(): AsyncGenerator<RecordBatch> {
    const noise = randomBytes(MIB);
    for (let island = 0; island < ISLANDS; island += 1) {
      const start = island * STRIDE;
      const from = (island * 4096 * 7) % (MIB - 4096);
      const data = noise.subarray(from, from + 4096);
      yield batchOf(Array.from({ length: RECORDS }, (_, i) => ({ offset: start + i * 16384, data })));
      yield* cutZeroRanges([{ offset: start + MIB, length: STRIDE - MIB }]);
    }
  }

  beforeAll(async () => {
    report('writing 4 TiB of zeros and records', await writeFile('islands.lvs', 4 * TIB, islands()));
  });

  it('passes through compress, verify and info in little memory', async () => {
    const what = '4 TiB of zeros and records';
    await succeeds(what, 'compress', at('islands.lvs'), '-o', at('again.lvs'));
    const { out } = await succeeds(what, 'verify', at('again.lvs'));
    expect(out).toContain('whole');
    const { out: json } = await succeeds(what, 'info', '--json', at('again.lvs'));
    const zeros = ISLANDS * (STRIDE - MIB);
    expect(JSON.parse(json)).toMatchObject({ data: ISLANDS * RECORDS * 4096 + zeros, zeros });
  });
});

function firstBytes(file: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const fd = openSync(file, 'r');
  readSync(fd, bytes, 0, length, 0);
  closeSync(fd);
  return bytes;
}
