import { openDirect } from '../direct.js';
import { statImage } from '../image.js';
import { readText } from '../kernel-files.js';
import { deviceNumber } from './subject.js';

/**
 * A number that changes with every write, discard or zeroing that reaches a block device, by whomever: compare two
 * calls to see whether the device was written to in between. Flush the device first, so that writes that were made
 * earlier aren't counted later. Of a file it is the time of its last change in microseconds.
 *
 * It is NaN, which equals nothing, where the kernel keeps no count (`queue/iostats`, or no /sys).
 * Throws `DeviceError` if there is no such device or file, or if the device's beginning can't be read.
 */
export function writesTo(path: string): number {
  const stats = statImage(path);
  if (!stats.isBlockDevice()) return Number(stats.mtimeNs / 1000n);
  const number = deviceNumber(stats.rdev);
  const before = readSectors(number);
  readBeginning(path);
  const after = readSectors(number);
  return after.read > before.read ? after.written : Number.NaN;
}

/** A read shows whether the kernel counts: `queue/iostats` says 0 of mapped devices that are counted (Linux 6.1, dm.c). */
function readBeginning(path: string): void {
  const reader = openDirect(path);
  try {
    reader.readInto(new Uint8Array(Math.min(reader.size, 1)), 0);
  } finally {
    reader.close();
  }
}

/**
 * Documentation/block/stat.rst: sectors read, written and discarded. The numbers of requests are no good: they count
 * flushes, and only after whoever waits for a request has been woken (blk_mq_end_request).
 */
function readSectors(number: string): { read: number; written: number } {
  const counts = (readText(`/sys/dev/block/${number}/stat`) ?? '').trim().split(/\s+/).map(Number);
  return { read: counts[2] ?? 0, written: (counts[6] ?? 0) + (counts[13] ?? 0) };
}
