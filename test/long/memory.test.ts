import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Folder } from '../cli/run-lvstream.js';
import { runMeasuredOn } from './run-measured.js';
import { writeKibibytes, writeLargeFrames, writeSmallStreams } from './merged-streams.js';
import { writeZeroRanges } from './zero-ranges.js';
import { SMALL_STRIDE, writeSmallRecords } from './small-records.js';

/** The most memory that commands take of streams that are hard on it, on machines of 2, 8 and 16 processors. */

const MIB = 2 ** 20;
const MAX_PEAK_MIB = 256;
const SMALL_COUNT = 8 * MIB;
/** No multiple of a sector: what is written must be told byte by byte. */
const SCATTERED_STRIDE = 1000;
const SCATTERED_COUNT = MIB;
/** A map of 4 KiB tells where in 128 MiB they are. */
const FAR_COUNT = 11 * 65536;
const FAR_STRIDE = 128 * MIB;
/** Brings records out of order: each is met once. */
const PRIME = 40_503;
/** Of a row, so much of the command. */
const WORDS = 100;
const NOISE_RECORD = 65536;
const NOISE_SIZE = 512 * MIB;
/** The high levels take long: a part of the noise is enough to fill all threads. */
const PART_SIZE = 64 * MIB;

const folder = new Folder();
const at = (name: string): string => path.join(folder.path, name);
const rows: string[] = [];

beforeAll(() => {
  writeSmallRecords(at('small'), SMALL_COUNT, (index) => index * SMALL_STRIDE);
  writeSmallRecords(
    at('scattered'),
    SCATTERED_COUNT,
    (i) => ((i * PRIME) % SCATTERED_COUNT) * SCATTERED_STRIDE,
  );
  writeNoise(at('noise'), NOISE_SIZE);
  writeNoise(at('part'), PART_SIZE);
});
afterAll(() => {
  console.log(['peak MiB  processors  command', ...rows].join('\n'));
});

function writeNoise(file: string, size: number): void {
  const fd = openSync(file, 'w');
  writeSync(fd, 'lvmsync PROTO[3]\n');
  for (let offset = 0; offset < size; offset += NOISE_RECORD) {
    const header = Buffer.alloc(12);
    header.writeBigUInt64BE(BigInt(offset));
    header.writeUInt32BE(NOISE_RECORD, 8);
    writeSync(fd, header);
    writeSync(fd, randomBytes(NOISE_RECORD));
  }
  closeSync(fd);
}

function newDevice(size: number): string {
  writeFileSync(at('device'), '');
  truncateSync(at('device'), size);
  return at('device');
}

/** A snapback in a folder of its own: it would follow another one of the device. */
function newUndo(name: string): string {
  mkdirSync(at(name));
  return path.join(at(name), 'undo.lvs');
}

/** Runs a command, which must succeed within the limit, and adds its row to the table. */
async function fits(processors: number, ...argv: readonly string[]): Promise<void> {
  const { status, err, peakMib } = await runMeasuredOn(processors, ...argv);
  const words = argv
    .map((word) => word.replace(`${folder.path}/`, ''))
    .join(' ')
    .slice(0, WORDS);
  rows.push(`${peakMib.toFixed(0).padStart(8)}  ${String(processors).padStart(10)}  ${words}`);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  expect(peakMib, words).toBeLessThan(MAX_PEAK_MIB);
}

const processors = [2, 8, 16];

describe.each(processors)('on %i processors', (count) => {
  it.each([0, 3])('noise at level %i is packed, read and unpacked', async (level) => {
    const file = at(`noise-${level}.lvs`);
    await fits(count, 'compress', '--level', String(level), at('noise'), '-o', file, '--force');
    await fits(count, 'verify', file);
    await fits(count, 'decompress', file, '-o', at('plain'), '--force');
    await fits(count, 'info', file);
    await fits(count, 'compress', '--salvage', file, '-o', at('again.lvs'), '--force');
  });

  it.each([12, 15, 19, 22])('noise at level %i is packed', async (level) => {
    await fits(count, 'compress', '--level', String(level), at('part'), '-o', at('part.lvs'), '--force');
  });

  it('noise is applied and taken back', async () => {
    const [file, undo] = [at('noise-3.lvs'), newUndo(`noise-${count}`)];
    const device = newDevice(NOISE_SIZE);
    await fits(count, 'apply', file, device, '--no-sync', '--snapback', undo);
    await fits(count, 'verify', file, '--against', device);
    await fits(count, 'verify', undo);
    await fits(count, 'apply', undo, device, '--no-sync');
    rmSync(undo);
  });

  it('small records are packed, read and applied', async () => {
    const file = at('small.lvs');
    await fits(count, 'compress', at('small'), '-o', file, '--force');
    await fits(count, 'verify', file);
    await fits(count, 'info', file);
    const device = newDevice(SMALL_COUNT * SMALL_STRIDE);
    await fits(count, 'apply', file, device, '--no-sync');
    await fits(count, 'verify', file, '--against', device);
  });

  it('small records are applied with a snapback and taken back', async () => {
    const undo = newUndo(`small-${count}`);
    const device = newDevice(SMALL_COUNT * SMALL_STRIDE);
    await fits(count, 'apply', at('small'), device, '--no-sync', '--snapback', undo, '--level', '19');
    await fits(count, 'verify', undo);
    await fits(count, 'apply', undo, device, '--no-sync');
    rmSync(undo);
  });

  it('as many ranges far from each other as can be told apart are read', async () => {
    await writeZeroRanges(at('far.lvs'), FAR_COUNT, 4096, (index) => (FAR_COUNT - index) * FAR_STRIDE);
    await fits(count, 'verify', at('far.lvs'));
  });

  it('many streams with the largest frames are merged', async () => {
    const streams = await writeLargeFrames(folder.path, 64);
    await fits(count, 'merge', '--quiet', ...streams, '-o', at('merged.lvs'), '--force');
    await fits(count, 'verify', at('merged.lvs'));
  });

  it('a thousand streams in any order are merged', async () => {
    const streams = writeSmallStreams(folder.path, 1000);
    await fits(count, 'merge', '--quiet', ...streams, '-o', at('merged.lvs'), '--force');
  });

  it('a stream of a million records in any order is sorted', async () => {
    writeKibibytes(at('kibibytes'), MIB, (i) => ((i * PRIME) % MIB) * 1536);
    await fits(count, 'merge', at('kibibytes'), '-o', at('merged.lvs'), '--force', '--level', '1');
    rmSync(at('kibibytes'));
  });

  it('small records in any order are applied with a snapback and taken back', async () => {
    const undo = newUndo(`scattered-${count}`);
    const device = newDevice(SCATTERED_COUNT * SCATTERED_STRIDE);
    await fits(count, 'apply', at('scattered'), device, '--no-sync', '--snapback', undo);
    await fits(count, 'verify', undo);
    await fits(count, 'apply', undo, device, '--no-sync');
    await fits(count, 'verify', undo, '--against', device);
    rmSync(undo);
  });
});
