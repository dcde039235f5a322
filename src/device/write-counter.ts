import { statImage } from './image.js';
import { readText } from './kernel-files.js';
import { deviceNumber } from './subject.js';

/**
 * A number that changes with every write, discard or zeroing that reaches a block device, by whomever: compare two
 * calls to see whether the device was written to in between. Flush the device first, so that writes that were made
 * earlier aren't counted later. Of a file it is the time of its last change in microseconds.
 *
 * It is NaN, which equals nothing, where the kernel keeps no count (`queue/iostats` is 0, or no /sys).
 * Throws `DeviceError` if there is no such device or file.
 */
export function writesTo(path: string): number {
  const stats = statImage(path);
  if (!stats.isBlockDevice()) return Number(stats.mtimeNs / 1000n);
  const directory = `/sys/dev/block/${deviceNumber(stats.rdev)}`;
  const isCounted = readText(`${directory}/queue/iostats`) ?? readText(`${directory}/../queue/iostats`);
  const counts = readText(`${directory}/stat`)?.trim().split(/\s+/).map(Number);
  return isCounted === '1' && counts ? writesIn(counts) : Number.NaN;
}

/**
 * Documentation/block/stat.rst: sectors written and discarded. The numbers of requests are no good: they are counted only
 * after whoever waits for a request has been woken (blk_mq_end_request), so a write that was waited for can count late.
 */
function writesIn(counts: readonly number[]): number {
  return (counts[6] ?? 0) + (counts[13] ?? 0);
}
