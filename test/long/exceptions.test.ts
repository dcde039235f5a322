import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { putHeader } from '../lvm/thick/cow-model.js';
import { runMeasured } from './run-measured.js';

/** A snapshot with 12 million exceptions, in an order that is not that of the origin: more than are loaded at once. */

const COUNT = 12_000_000;
const CHUNK = 2048;
const PER_AREA = CHUNK / 16;
/** Chunks that were copied one after the other; as many behind them were not. */
const RUN = 64;
const RUNS = COUNT / RUN;
const MAX_PEAK_MIB = 200;
let folder: string;
const at = (name: string): string => path.join(folder, name);

/** 7919 is prime to the number of runs. */
const oldChunkOf = (i: number): number => ((Math.floor(i / RUN) * 7919) % RUNS) * 2 * RUN + (i % RUN);

function writeStore(file: string): void {
  const fd = openSync(file, 'w');
  const header = Buffer.alloc(CHUNK);
  putHeader(header, { chunkSize: CHUNK });
  writeSync(fd, header, 0, CHUNK, 0);
  const area = Buffer.alloc(CHUNK);
  const areas = COUNT / PER_AREA;
  for (let number = 0; number < areas; number += 1) {
    const chunk = 1 + number * (PER_AREA + 1);
    for (let i = 0; i < PER_AREA; i += 1) {
      area.writeBigUInt64LE(BigInt(oldChunkOf(number * PER_AREA + i)), i * 16);
      area.writeBigUInt64LE(BigInt(chunk + 1 + i), i * 16 + 8);
    }
    writeSync(fd, area, 0, CHUNK, chunk * CHUNK);
  }
  ftruncateSync(fd, (2 + areas * (PER_AREA + 1)) * CHUNK);
  closeSync(fd);
}

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'exceptions-'));
  writeStore(at('cow.img'));
  const origin = openSync(at('origin.img'), 'w');
  ftruncateSync(origin, 2 * COUNT * CHUNK);
  closeSync(origin);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

it.each([
  ['the changes', []],
  ["the snapshot's data", ['--snapshot-data']],
])('%s are dumped in little memory', async (what, more) => {
  const images = ['--cow', at('cow.img'), '--origin', at('origin.img')];
  const output = at(`${more.length}.lvs`);
  const { status, err, seconds, peakMib } = await runMeasured('dump', ...images, ...more, '-o', output);
  console.log(`dump of ${what}: ${seconds.toFixed(1)} s, ${peakMib.toFixed(0)} MiB`);
  expect([status, err]).toEqual([0, '']);
  expect(peakMib).toBeLessThan(MAX_PEAK_MIB);
  const { out } = await runMeasured('info', '--json', output);
  const { runs, data, low, high } = JSON.parse(out) as Record<string, number>;
  expect({ runs, data, low, high }).toEqual({
    runs: RUNS,
    data: COUNT * CHUNK,
    low: 0,
    high: (2 * COUNT - RUN) * CHUNK,
  });
});
