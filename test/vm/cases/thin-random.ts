import assert from 'node:assert/strict';
import type { Case } from '../case.js';
import { assertSame, contentsOf, dumpOnto } from '../changes.js';
import { randomNumbers, writeRandom } from '../contents.js';
import { disks } from '../places.js';
import { run } from '../run.js';
import { deltaOf } from '../thin-volumes.js';
import { makeThinPool, makeThinSnapshot, makeThinVolume, makeVolumeGroup, type Volume } from '../volumes.js';

/** Pools that a kernel made by chance: every pair of volumes differs as thin_delta says, and dumps lead from one to the other. */

const MEBIBYTE = 2 ** 20;
const CHUNK_SIZE = 65536;
const STEPS = 14;

/** A volume after random writes, discards and snapshots of it and of its snapshots. */
function makeHistory(seed: number): { pool: Volume; volumes: readonly Volume[]; size: number } {
  const next = randomNumbers(seed);
  const size = 4 * MEBIBYTE + (seed % 2) * MEBIBYTE;
  const options = { size: 128 * MEBIBYTE, chunkSize: CHUNK_SIZE << (seed % 3) };
  const pool = makeThinPool(makeVolumeGroup('vg', disks), 'pool', options);
  const volumes = [makeThinVolume(pool, 'vm', size)];
  for (let step = 0; step < STEPS; step += 1) {
    const volume = volumes[next() % volumes.length]!;
    const kind = next() % 4;
    if (kind === 0) volumes.push(makeThinSnapshot(volume, `s${volumes.length}`));
    else if (kind === 1) discard(volume, next, size);
    else writeRandom(volume.device, { seed: next(), count: 1 + (next() % 12) });
  }
  return { pool, volumes, size };
}

function discard({ device }: Volume, next: () => number, size: number): void {
  const chunks = size / CHUNK_SIZE;
  const first = next() % chunks;
  const length = Math.min(1 + (next() % 8), chunks - first) * CHUNK_SIZE;
  run('blkdiscard', ['--offset', String(first * CHUNK_SIZE), '--length', String(length), device]);
}

const history = (seed: number): Case => ({
  name: `history ${seed}: every volume leads to the next one`,
  run: async () => {
    const { pool, volumes, size } = makeHistory(seed);
    for (const [index, to] of volumes.entries()) {
      const from = volumes[(index + 1) % volumes.length]!;
      if (from === to) continue;
      const [before, after] = [contentsOf(from.device), contentsOf(to.device)];
      const dumped = await dumpOnto(before, from.name, { to: to.name });
      assertSame(dumped.image, after);
      assert.deepEqual(dumped.ranges, deltaOf(pool, from, to, size));
    }
  },
  timeoutSeconds: 400,
});

export const cases: readonly Case[] = [1, 2, 3, 4, 5, 6].map(history);
