import { LvmError, RefusedError } from '../errors.js';
import type { Range } from '../format/batch.js';
import type { LiveDevice } from './live-volume.js';

const BETTER = 'a snapshot is: --to SNAPSHOT, or --temporary-snapshot SIZE';
const ONLY_UNWRITTEN = 'only a snapshot that nobody writes to is a single moment';

/** What to say of a device that is about to be read while it is open for writing. */
export function remarksOn(device: LiveDevice | undefined): string[] {
  if (device?.writer === undefined) return [];
  return [`${device.name} ${device.writer}: what is read is no single moment; ${BETTER}`];
}

/** What to say of a snapshot that is written to itself: what a copy of it holds is no one state. */
export function baseInUse({ name }: { readonly name: string }, writer: string): string {
  return `${name} ${writer}: the stream names no state to begin at`;
}

/** Whether all that was read of a device is one moment; adds to the remarks where nobody could know that it isn't. */
export function isQuiet(device: LiveDevice | undefined, remarks: string[]): boolean {
  if (device === undefined) return true;
  if (device.writer !== undefined) return false;
  if (!device.wasWritten()) return true;
  remarks.push(`${device.name} was written to while it was read, so that it is no single moment; ${BETTER}`);
  return false;
}

/** The device itself, if nobody has it open for writing. Throws `RefusedError`. */
export function refuseUsed<T extends LiveDevice | undefined>(device: T): T {
  if (device?.writer === undefined) return device;
  throw new RefusedError(`${device.name} ${device.writer}`, {
    hint: `end that use first: ${ONLY_UNWRITTEN}`,
  });
}

/** Throws `LvmError` if the device was written to since it was opened. */
export function refuseWritten(device: LiveDevice | undefined): void {
  if (device?.wasWritten() !== true) return;
  throw new LvmError(`${device.name}: it was written to while it was read`, {
    hint: `${ONLY_UNWRITTEN}: try again`,
  });
}

/** Throws `LvmError` if the device does not hold all of the ascending ranges. */
export function refuseShorter({ name, reader }: LiveDevice, ranges: Iterable<Range>): void {
  let end = 0;
  for (const { offset, length } of ranges) end = offset + length;
  if (end <= reader.size) return;
  throw new LvmError(`${name}: the changes reach to byte ${end}, and it ends at byte ${reader.size}`, {
    hint: 'name a device that is as large as the origin',
  });
}
