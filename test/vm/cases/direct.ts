import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type DirectReader, openDirect } from '#src/device/direct.js';
import { flushDevice } from '#src/device/flush.js';
import { findWriter } from '#src/device/open-for-writing.js';
import { readRangesAhead } from '#src/device/read-ranges-ahead.js';
import { writesTo } from '#src/device/usage/write-counter.js';
import { releaseBatch } from '#src/format/batch.js';
import { readChangedChunks } from '#src/lvm/thick/changed-chunks.js';
import type { Case } from '../case.js';
import { fillRandom, sizeOfDevice, writeRandom } from '../contents.js';
import { disks, scratch } from '../places.js';
import { run, start } from '../run.js';
import {
  makeThickSnapshot,
  makeThinPool,
  makeThinVolume,
  makeVolume,
  makeVolumeGroup,
  mapperDevice,
  statusOf,
  type Volume,
} from '../volumes.js';

const MEBIBYTE = 2 ** 20;
const CHUNK_SIZE = 4096;
const SECTOR_SIZE = 512;
const MARK = Buffer.alloc(256 * 1024, 'lvstream was here. ');

function withSnapshot(): { origin: Volume; snapshot: Volume; cow: string } {
  const origin = makeVolume(makeVolumeGroup('vg', disks), 'origin', 32 * MEBIBYTE);
  const snapshot = makeThickSnapshot(origin, 'snap', { size: 16 * MEBIBYTE, chunkSize: CHUNK_SIZE });
  return { origin, snapshot, cow: mapperDevice(snapshot, 'cow') };
}

function reading<T>(device: string, use: (reader: DirectReader) => T): T {
  const reader = openDirect(device);
  try {
    return use(reader);
  } finally {
    reader.close();
  }
}

const contentOf = (device: string): Buffer =>
  reading(device, (reader) => {
    const bytes = Buffer.alloc(reader.size);
    reader.readInto(bytes, 0);
    return bytes;
  });

/** Exceptions by the kernel's own count: `used/total metadata`, in sectors. */
function countedExceptions(snapshot: Volume): number {
  const [, used, metadata] = /^(\d+)\/\d+ (\d+)$/.exec(statusOf(mapperDevice(snapshot)))!;
  return ((Number(used) - Number(metadata)) * SECTOR_SIZE) / CHUNK_SIZE;
}

/** A shell script beside the case, with the device as `$1`; returns once it has printed a line. */
async function startScript(script: string, device: string, ...prefix: string[]): Promise<number> {
  const [command, ...rest] = [...prefix, 'sh', '-c', script, 'sh', device];
  const { process: child, ended } = start(command, rest);
  const printed = new Promise((resolve) => child.stdout!.once('data', resolve));
  const failed = ended.then(({ status, stderr }) => {
    throw new Error(`the script ended with ${String(status)}: ${stderr}`);
  });
  await Promise.race([printed, failed]);
  failed.catch(() => undefined);
  return child.pid!;
}

/** What it would do lazily, once mounted, counts as writes. */
function makeFileSystem(device: string): void {
  run('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', device]);
}

function mounted(device: string, ...options: string[]): string {
  const point = path.join(scratch, 'mount');
  mkdirSync(point, { recursive: true });
  run('mount', [...options, device, point]);
  return point;
}

export const cases: readonly Case[] = [
  {
    name: 'sees the exceptions that a buffered read of the store does not',
    run: () => {
      const { origin, snapshot, cow } = withSnapshot();
      const size = sizeOfDevice(origin.device);
      writeRandom(origin.device, { seed: 1, count: 50 });
      const table = Buffer.alloc(CHUNK_SIZE);
      const buffered = openSync(cow, 'r');
      readSync(buffered, table, 0, CHUNK_SIZE, CHUNK_SIZE);
      const before = Buffer.from(table);
      writeRandom(origin.device, { seed: 2, count: 50 });
      readSync(buffered, table, 0, CHUNK_SIZE, CHUNK_SIZE);
      closeSync(buffered);
      assert.ok(table.equals(before), 'the page cache is stale');
      const { count } = reading(cow, (reader) => readChangedChunks(reader, size));
      assert.equal(count, countedExceptions(snapshot));
      assert.ok(count > 80);
    },
  },
  {
    name: 'reads a whole device ahead, as it is',
    run: async () => {
      const { origin } = withSnapshot();
      fillRandom(origin.device, 3);
      const reader = openDirect(origin.device);
      const content = Buffer.alloc(reader.size);
      for await (const batch of readRangesAhead([{ offset: 0, length: reader.size }], reader)) {
        for (let i = 0; i < batch.count; i++) {
          const at = batch.positions[i]!;
          content.set(batch.bytes.subarray(at, at + batch.lengths[i]!), batch.offsets[i]);
        }
        releaseBatch(batch);
      }
      reader.close();
      assert.ok(content.equals(contentOf(origin.device)));
      assert.ok(content.some((byte) => byte !== 0));
    },
  },
  {
    name: 'flushes what a mounted file system holds back, and no exception comes after',
    run: () => {
      const { origin, snapshot } = withSnapshot();
      makeFileSystem(origin.device);
      writeFileSync(path.join(mounted(origin.device), 'file'), MARK);
      const before = countedExceptions(snapshot);
      flushDevice(origin.device);
      assert.ok(contentOf(origin.device).includes(MARK));
      const after = countedExceptions(snapshot);
      assert.ok(after >= before + MARK.length / CHUNK_SIZE, `${before} exceptions became ${after}`);
      contentOf(origin.device);
      assert.equal(countedExceptions(snapshot), after);
    },
  },
  {
    name: 'flushes a file system that is mounted in another namespace, and finds that it writes',
    run: async () => {
      const { origin } = withSnapshot();
      makeFileSystem(origin.device);
      writeFileSync(path.join(scratch, 'mark'), MARK);
      const script = `mkdir ${scratch}/own && mount "$1" ${scratch}/own && cp ${scratch}/mark ${scratch}/own/file && echo && exec sleep 1000`;
      await startScript(script, origin.device, 'unshare', '--mount');
      assert.match(
        findWriter(origin.device) ?? '',
        /^is open for writing somewhere: device-mapper counts 1 /,
      );
      flushDevice(origin.device);
      assert.ok(contentOf(origin.device).includes(MARK));
    },
  },
  {
    name: 'counts writes and discards, and nothing else',
    run: () => {
      const pool = makeThinPool(makeVolumeGroup('vg', disks), 'pool', {
        size: 64 * MEBIBYTE,
        chunkSize: 65_536,
      });
      const { device } = makeThinVolume(pool, 'thin', 32 * MEBIBYTE);
      const changes = (act: () => void): boolean => {
        const before = writesTo(device);
        act();
        return writesTo(device) !== before;
      };
      for (let seed = 0; seed < 20; seed++) assert.ok(changes(() => writeRandom(device, { seed, count: 1 })));
      assert.ok(
        changes(() => {
          writeRandom(device, { seed: 1, count: 5, through: 'cache' });
          flushDevice(device);
        }),
      );
      assert.ok(changes(() => run('blkdiscard', [device])));
      for (let again = 0; again < 20; again++) {
        assert.ok(
          !changes(() => {
            flushDevice(device);
            contentOf(device);
          }),
        );
      }
    },
  },
  {
    name: 'finds no writer where there are only readers',
    run: async () => {
      const { origin, snapshot } = withSnapshot();
      assert.equal(findWriter(origin.device), undefined);
      assert.equal(findWriter(snapshot.device), undefined);
      await startScript('exec 3<"$1"; sleep 1000 & echo; exec sleep 1000', origin.device);
      await startScript('exec 3<"$1"; echo; exec sleep 1000', origin.device);
      run('dmsetup', ['create', 'upper', '--readonly', '--table', `0 2048 linear ${origin.device} 0`]);
      assert.equal(
        reading(origin.device, () => findWriter(origin.device)),
        undefined,
      );
      run('dmsetup', ['remove', 'upper']);
      makeFileSystem(origin.device);
      mounted(origin.device, '-o', 'ro');
      assert.equal(findWriter(origin.device), undefined);
    },
  },
  {
    name: 'finds what writes: a process, a mount, a device on top',
    run: async () => {
      const { origin, snapshot } = withSnapshot();
      const pid = await startScript('exec 3<>"$1"; echo; exec sleep 1000', snapshot.device);
      assert.equal(findWriter(snapshot.device), `is open for writing in process ${pid} (sleep 1000)`);
      makeFileSystem(origin.device);
      const point = mounted(origin.device);
      assert.equal(findWriter(origin.device), `is mounted read-write on ${point}`);
      run('umount', [point]);
      run('dmsetup', ['create', 'upper', '--table', `0 2048 linear ${origin.device} 0`]);
      assert.equal(findWriter(origin.device), 'is part of the device upper');
    },
  },
  {
    name: 'finds no writer of a read-only volume, whoever has it open',
    run: async () => {
      const { origin } = withSnapshot();
      makeFileSystem(origin.device);
      run('lvchange', ['--permission', 'r', origin.name]);
      const script = `mkdir ${scratch}/own && mount -o ro "$1" ${scratch}/own && echo && exec sleep 1000`;
      await startScript(script, origin.device, 'unshare', '--mount');
      assert.equal(findWriter(origin.device), undefined);
    },
  },
];
