import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCapture } from '../captures.js';
import { disks } from './places.js';
import { attempt, run } from './run.js';
import { mapperDevice, volumeNamed, type Volume } from './volumes.js';

/** Captured volume groups, put back on the disks of a case: LVM and the kernel find them as they were. */

const captures = fileURLToPath(new URL('../../fixtures/captures', import.meta.url));
const SECTOR_SIZE = 512;

/** What the manifest names. */
export interface RestoredNames {
  readonly vg: string;
  readonly lv: string;
  readonly snap: string;
}

/** A captured snapshot and its origin, active. */
export interface Restored {
  readonly origin: Volume;
  readonly snapshot: Volume;
}

/**
 * Puts a thick snapshot and its origin back. The kernel reads the exception store when the snapshot is activated, so
 * what is written below it the first time is there at the second.
 */
export function restoreThick(name: string, { vg, lv, snap }: RestoredNames): Restored {
  restoreGroup(name, vg);
  run('vgchange', ['--quiet', '-ay', vg]);
  const [origin, snapshot] = [volumeNamed(vg, lv), volumeNamed(vg, snap)];
  writeAt(mapperDevice(origin, 'real'), 0, readCapture(name, 'origin.img'));
  writeAt(mapperDevice(snapshot, 'cow'), 0, readCapture(name, 'cow.img'));
  run('vgchange', ['--quiet', '-an', vg]);
  run('vgchange', ['--quiet', '-ay', vg]);
  return { origin, snapshot };
}

/**
 * Puts a thin pool back, with the data of a snapshot and of its origin where the metadata says that it was; what other
 * volumes of the pool hold is not known. LVM would not activate it with other metadata than it expects.
 */
export function restoreThin(name: string, { vg, lv, snap }: RestoredNames): Restored {
  restoreGroup(name, vg);
  const [metadata, data] = [placeOf(vg, 'pool_tmeta'), placeOf(vg, 'pool_tdata')];
  writeAt(metadata.disk, metadata.offset, readCapture(name, 'tmeta.img'));
  const [origin, snapshot] = [volumeNamed(vg, lv), volumeNamed(vg, snap)];
  const xml = readFileSync(path.join(captures, name, 'thin_dump.xml'), 'utf8');
  const images = [
    { volume: snapshot, image: readCapture(name, 'snapshot.img') },
    { volume: origin, image: readCapture(name, 'origin.img') },
  ];
  for (const { volume, image } of images)
    for (const { from, to } of mappingsOf(xml, thinId(volume), image.length))
      writeAt(data.disk, data.offset + to, image.subarray(from.offset, from.offset + from.length));
  run('vgchange', ['--quiet', '-ay', '-K', vg]);
  attempt('dmsetup', [
    'message',
    mapperDevice(volumeNamed(vg, 'pool'), 'tpool'),
    '0',
    'release_metadata_snap',
  ]);
  return { origin, snapshot };
}

/** Makes the physical volumes and the volume group as they were. Nothing is active then, and nothing holds data. */
function restoreGroup(name: string, vg: string): void {
  const file = path.join(captures, name, 'vgcfg.txt');
  const uuids = readFileSync(file, 'utf8').matchAll(/^\t\tpv\d+ \{\s+id = "([^"]+)"/gm);
  [...uuids].forEach(([, uuid], index) => {
    run('pvcreate', ['--quiet', '--quiet', '--uuid', uuid!, '--restorefile', file, disks[index]!]);
  });
  run('vgcfgrestore', ['--quiet', '--quiet', '--force', '--yes', '--file', file, vg]);
}

/** A part of a disk that holds a linear volume. */
interface Place {
  readonly disk: string;
  readonly offset: number;
}

/** LVM activates the parts of a pool alone, but only for reading. */
function placeOf(vg: string, lv: string): Place {
  const volume = volumeNamed(vg, lv);
  run('lvchange', ['--quiet', '-ay', '--yes', volume.name]);
  const [, , type, device = '', start] = run('dmsetup', ['table', mapperDevice(volume)])
    .trim()
    .split(' ');
  run('lvchange', ['--quiet', '-an', volume.name]);
  if (type !== 'linear') throw new Error(`${volume.name} is ${type ?? 'nothing'}, not linear`);
  const uevent = readFileSync(`/sys/dev/block/${device}/uevent`, 'utf8');
  return { disk: `/dev/${/^DEVNAME=(.*)$/m.exec(uevent)![1]!}`, offset: Number(start) * SECTOR_SIZE };
}

const thinId = ({ name }: Volume): string => run('lvs', ['--noheadings', '-o', 'thin_id', name]).trim();

const MAPPING =
  /<(?:range_mapping origin_begin="(\d+)" data_begin="(\d+)" length="(\d+)"|single_mapping origin_block="(\d+)" data_block="(\d+)")/g;

/** Where a device's data lies in the pool, in bytes, up to the end of the volume. */
function* mappingsOf(xml: string, id: string, size: number) {
  const blockSize = Number(/data_block_size="(\d+)"/.exec(xml)![1]!) * SECTOR_SIZE;
  const device = new RegExp(`<device dev_id="${id}" [^]*?</device>`).exec(xml)![0];
  for (const [, begin, data, count, block, single] of device.matchAll(MAPPING)) {
    const offset = Number(begin ?? block) * blockSize;
    const length = Math.min(Number(count ?? 1) * blockSize, size - offset);
    if (length > 0) yield { from: { offset, length }, to: Number(data ?? single) * blockSize };
  }
}

function writeAt(device: string, offset: number, bytes: Uint8Array): void {
  const fd = openSync(device, 'r+');
  for (let done = 0; done < bytes.length;)
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  closeSync(fd);
}
