import { closeSync, constants, fsyncSync, openSync, statSync } from 'node:fs';
import { attempt, openDescriptor, statImage } from './image.js';
import { readText, safely } from './kernel-files.js';
import { isMountOf, listMounts, type Mount } from './usage/mounts.js';
import { holdersOf, loopsOn } from './usage/stacked-devices.js';
import { deviceNumber, partitionsOf, type Subject, subjectOf } from './usage/subject.js';
import { flushBuffers, syncFileSystem } from './syscalls.js';

/**
 * Puts everything that was written to a block device, or to whatever lies on top of it, onto it: what file systems hold
 * back, and what stands in the caches of its node and of the nodes above it. Of a file: its own pages.
 *
 * Throws `DeviceError` if there is no such device or file, or if any of it can't be written.
 */
export function flushDevice(path: string): void {
  const stats = statImage(path);
  if (stats.isBlockDevice()) flushStack(path, subjectOf(stats));
  else flushNode(path, false);
}

/** From the top: what the upper devices write goes into the lower one's caches. */
function flushStack(path: string, subject: Subject): void {
  const number = deviceNumber(subject.stats.rdev);
  const alone = { ...subject, numbers: new Set([number]) };
  for (const above of numbersAbove(number, alone)) {
    const upper = subjectOfNumber(above);
    if (upper !== undefined) flushStack(upper.node, upper.subject);
  }
  for (const mount of listMounts() ?? []) if (isMountOf(alone, mount)) syncMount(mount);
  flushNode(path, true);
}

function numbersAbove(number: string, subject: Subject): string[] {
  const stacked = [...holdersOf(number), ...loopsOn(subject)].map((device) => device.number);
  return [...partitionsOf(number), ...stacked];
}

/** The node is found by device-mapper's name or the kernel's (`DEVNAME` of uevent). */
function subjectOfNumber(number: string): { node: string; subject: Subject } | undefined {
  const directory = `/sys/dev/block/${number}`;
  const mapped = readText(`${directory}/dm/name`);
  const name = /^DEVNAME=(.*)$/m.exec(readText(`${directory}/uevent`) ?? '')?.[1];
  for (const node of [`/dev/mapper/${mapped ?? ''}`, `/dev/${name ?? ''}`]) {
    const stats = statSync(node, { bigint: true, throwIfNoEntry: false });
    if (stats?.isBlockDevice() === true && deviceNumber(stats.rdev) === number)
      return { node, subject: subjectOf(stats) };
  }
  return undefined;
}

/** A mount that lies below another one can't be opened, or gives the other: the device's own flush reaches it all the same. */
function syncMount({ point }: Mount): void {
  const fd = safely(() => openSync(point, constants.O_RDONLY | constants.O_NONBLOCK));
  if (fd === undefined) return;
  try {
    attempt(`${point}: its file system can't be synced`, () => {
      syncFileSystem(fd);
    });
  } finally {
    closeSync(fd);
  }
}

/** Reaches the file system on a device wherever it is mounted, but tells less about errors than syncfs and fsync do. */
function flushNode(path: string, isDevice: boolean): void {
  const fd = openDescriptor(path, constants.O_RDONLY);
  try {
    attempt(`${path}: can't be flushed`, () => {
      if (isDevice) flushBuffers(fd);
      fsyncSync(fd);
    });
  } finally {
    closeSync(fd);
  }
}
