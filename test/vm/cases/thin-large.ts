import assert from 'node:assert/strict';
import { closeSync, fsyncSync, openSync, writeFileSync, writeSync } from 'node:fs';
import type { Case } from '../case.js';
import { disks, sharedFolder } from '../places.js';
import { run } from '../run.js';
import { deltaOf, release, reserve, thinId } from '../thin-volumes.js';
import { makeThinSnapshot, makeThinVolume, makeVolumeGroup, mapperDevice, volumeNamed } from '../volumes.js';

const MEBIBYTE = 2 ** 20;
const CHUNK_SIZE = 65536;
/** Writes one block of each chunk: chunk numbers are `first`, `first + step`, … */
function touchChunks(device: string, count: number, step: number): void {
  const block = Buffer.alloc(4096, 0x5a);
  const fd = openSync(device, 'r+');
  for (let index = 0; index < count; index += 1)
    writeSync(fd, block, 0, block.length, index * step * CHUNK_SIZE);
  fsyncSync(fd);
  closeSync(fd);
}

/** Takes the metadata of a pool to the host, with its manifest. One mapping in a thousand has changed since a snapshot. */
const withMappings = (count: number): Case => ({
  name: `makes a pool with ${count} mappings`,
  timeoutSeconds: 1400,
  run: () => {
    makeVolumeGroup('vg', disks);
    const pool = volumeNamed('vg', 'pool');
    const size = count * CHUNK_SIZE;
    const sizes = ['--size', `${size + 256 * MEBIBYTE}b`, '--chunksize', '64k', '--poolmetadatasize', '128m'];
    const how = ['--type', 'thin-pool', '--zero', 'n', '--poolmetadataspare', 'n'];
    run('lvcreate', ['--quiet', '--yes', ...how, ...sizes, '--name', 'pool', 'vg']);
    const origin = makeThinVolume(pool, 'origin', size);
    touchChunks(origin.device, count, 1);
    const snapshot = makeThinSnapshot(origin, 'snap', { active: false });
    touchChunks(origin.device, count / 1000, 1000);
    assert.equal(deltaOf(pool, snapshot, origin, size).length, count / 1000);
    takeOut({ from: thinId(snapshot), to: thinId(origin), mappings: count, changed: count / 1000 });
  },
});

function takeOut(what: Readonly<Record<string, number>>): void {
  const pool = volumeNamed('vg', 'pool');
  reserve(pool);
  const image = `${sharedFolder!}/tmeta.img`;
  const metadata = mapperDevice(volumeNamed('vg', 'pool_tmeta'));
  run('dd', [`if=${metadata}`, `of=${image}`, 'iflag=direct', 'bs=1M', 'conv=sparse', 'status=none']);
  release(pool);
  const versions = {
    kernel: run('uname', ['-r']).trim(),
    lvm: run('lvs', ['--version']).split('\n')[0]!.trim(),
    tools: run('thin_delta', ['--version']).trim(),
  };
  const manifest = {
    description: 'the metadata of a live thin pool, read past the page cache under a metadata snapshot',
    ...what,
    chunkSize: CHUNK_SIZE,
    versions,
  };
  writeFileSync(`${sharedFolder!}/manifest.json`, `${JSON.stringify(manifest, undefined, 2)}\n`);
}

export const cases: readonly Case[] = [100_000, 1_000_000].map(withMappings);
