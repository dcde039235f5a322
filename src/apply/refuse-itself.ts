import { RefusedError } from '../errors.js';
import { statPath } from '../device/image.js';
import { safely } from '../device/kernel-files.js';
import { partialPath } from '../chain/partial-file.js';
import { liesOn } from '../device/usage/stacked-devices.js';
import { subjectOf } from '../device/usage/subject.js';

/**
 * Throws `RefusedError` if writing to the target would write over the stream that is read, or over the snapback that is
 * being saved: both would be lost. It may be the same file, another node of a device, a disk and a partition of it, or a
 * loop device on the file, however deep.
 */
export function refuseItself(target: string, stream: string, snapback: string | undefined): void {
  if (isOneOnTheOther(target, stream)) throw itself(target, 'the stream');
  if (snapback !== undefined && isOneOnTheOther(target, partialPath(snapback)))
    throw itself(target, 'the unfinished snapback');
}

/** What can't be looked at is told when it is opened. */
function isOneOnTheOther(target: string, other: string): boolean {
  const isOn = (path: string, below: string) => safely(() => liesOn(path, subjectOf(statPath(below))));
  return isOn(target, other) === true || isOn(other, target) === true;
}

function itself(target: string, what: string): RefusedError {
  return new RefusedError(`${target}: is ${what} itself`, { hint: 'name the device to write to' });
}
