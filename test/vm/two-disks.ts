import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { openDirect } from '#src/device/direct.js';
import { linear, mount, tableLine, unmount, withMappings, type Mapping } from './mappings.js';
import { disks, scratch } from './places.js';
import { run } from './run.js';

/**
 * A disk to apply to, and one with a file system to save snapbacks in. What stands on the second one is its past: whoever
 * uses it uses a snapshot of it, which is gone afterwards.
 */

export const FILE_SYSTEMS = ['ext4', 'xfs'] as const;
export type FileSystem = (typeof FILE_SYSTEMS)[number];

/** Bytes. */
export const TARGET_SIZE = 2 * 2 ** 20;
/** The least that mkfs.xfs takes is 300 MiB. */
export const FOLDER_SIZE = 320 * 2 ** 20;
/** More than any run writes. */
const COPY_SIZE = 128 * 2 ** 20;

/** In their order; what a suite needs besides comes behind. */
export const DISK_SIZES = [FOLDER_SIZE, TARGET_SIZE, COPY_SIZE];
const [folderDisk = '', ownDisk = '', copyDisk = ''] = disks;
export const targetDisk = ownDisk;

/** The same whatever is below, or a snapback would be of another device. */
export const target = '/dev/mapper/target';
const folderDevice = '/dev/mapper/folder';
/** Where the file system is mounted. */
export const folder = path.join(scratch, 'folder');

export const PLAIN_TARGET: Mapping = { name: 'target', table: [linear(0, TARGET_SIZE, targetDisk, 0)] };

/** A device of that name that holds the past of the file system, and forgets what is written to it. */
export const copyOfPast = (name: string): Mapping => ({
  name,
  table: [tableLine(0, FOLDER_SIZE, 'snapshot', `${folderDisk} ${copyDisk} N 8`)],
});

/** Makes devices, among them `target` and `folder`, and mounts the file system. */
export function withDisks<T>(
  mappings: readonly Mapping[],
  type: FileSystem,
  use: () => T | Promise<T>,
): Promise<T> {
  return withMappings(mappings, () => withFolder(type, use));
}

export async function withFolder<T>(type: FileSystem, use: () => T | Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true });
  mount(folderDevice, folder, type);
  try {
    return await use();
  } finally {
    unmount(folder);
  }
}

const MAKE: Readonly<Record<FileSystem, readonly string[]>> = {
  ext4: ['mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0,nodiscard', '-J', 'size=4'],
  xfs: ['mkfs.xfs', '-q', '-f', '-K'],
};

/** Makes the file system, and does with both disks what lies in the past. */
export function withPast<T>(type: FileSystem, use: () => T | Promise<T>): Promise<T> {
  const past = { name: 'folder', table: [linear(0, FOLDER_SIZE, folderDisk, 0)] };
  return withMappings([PLAIN_TARGET, past], () => {
    const [make = '', ...options] = MAKE[type];
    run(make, [...options, folderDevice]);
    return withFolder(type, use);
  });
}

export interface DiskWrite {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Uses both disks in a state: `content` is what the target holds, `writes` what the other one holds beside the past. */
export function inState<T>(
  type: FileSystem,
  { content, writes }: { readonly content: Uint8Array; readonly writes: readonly DiskWrite[] },
  use: () => T | Promise<T>,
): Promise<T> {
  return withMappings([PLAIN_TARGET, copyOfPast('folder')], () => {
    writeTo(target, [{ offset: 0, data: content }]);
    writeTo(folderDevice, writes);
    return withFolder(type, use);
  });
}

/** Makes writes to the file system's disk a part of the past. */
export function addToPast(writes: readonly DiskWrite[]): void {
  writeTo(folderDisk, writes);
}

function writeTo(device: string, writes: readonly DiskWrite[]): void {
  const fd = openSync(device, 'r+');
  for (const { offset, data } of writes)
    for (let done = 0; done < data.length;)
      done += writeSync(fd, data, done, data.length - done, offset + done);
  fsyncSync(fd);
  closeSync(fd);
}

/** What the target holds, past the page cache. */
export function readTarget(): Buffer {
  const device = openDirect(target);
  const content = Buffer.alloc(TARGET_SIZE);
  device.readInto(content, 0);
  device.close();
  return content;
}
