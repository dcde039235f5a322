import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { SMALL_STRIDE, writeSmallRecords } from '../long/small-records.js';
import { writeZeroRanges } from '../long/zero-ranges.js';
import { runMeasuredOn } from '../long/run-measured.js';
import { plainStream } from '../streams.js';
import { Folder } from './run-lvstream.js';

/** What takes most memory, in small: `test/long/memory.test.ts` has all of it. */

const MIB = 2 ** 20;
const PROCESSORS = 8;
/** With the tables of all eight threads. */
const MAX_PEAK_MIB = 220;
const MAX_PEAK_AT_LEVEL_3_MIB = 170;
const folder = new Folder();
const at = (name: string): string => path.join(folder.path, name);

it('the tables of a high level fit into memory in each of eight threads', async () => {
  const records = Array.from({ length: 16 }, (_, i) => ({ offset: i * MIB, data: randomBytes(MIB) }));
  writeFileSync(at('noise'), plainStream(records));
  const run = await runMeasuredOn(
    PROCESSORS,
    'compress',
    '--level',
    '12',
    at('noise'),
    '-o',
    at('noise.lvs'),
  );
  expect(run).toMatchObject({ status: 0, err: '' });
  expect(run.peakMib).toBeLessThan(MAX_PEAK_MIB);
});

it('a million records of one byte fit into memory', async () => {
  writeSmallRecords(at('small'), 2 ** 20, (index) => index * SMALL_STRIDE);
  const run = await runMeasuredOn(PROCESSORS, 'compress', at('small'), '-o', at('small.lvs'));
  expect(run).toMatchObject({ status: 0, err: '' });
  expect(run.peakMib).toBeLessThan(MAX_PEAK_AT_LEVEL_3_MIB);
});

it('ranges of zeros that wait for their turn fit into memory', async () => {
  await writeZeroRanges(at('zeros.lvs'), 10 * 65536, 512, (index) => index * 8192);
  const run = await runMeasuredOn(16, 'verify', at('zeros.lvs'));
  expect(run).toMatchObject({ status: 0, err: '' });
  expect(run.peakMib).toBeLessThan(MAX_PEAK_MIB);
});
