import { flushDevice } from '../device/flush.js';
import { LvmError, RefusedError, remedy, sentence, type Sentence } from '../errors.js';
import { isRegularFile } from '../files/same-file.js';
import { type LiveDevice, watchDevice, type WatchedDevice } from './live-volume.js';

const BETTER = sentence`a second snapshot is one (${remedy('second-snapshot')})`;
const ONLY_UNWRITTEN = 'only a snapshot that nobody writes to is a single moment';

/** What to say of a device that is about to be read while it is open for writing. */
export function remarksOn(device: WatchedDevice | undefined): Sentence[] {
  if (device?.writer === undefined) return [];
  return [sentence`${device.name} ${device.writer}: what is read is no single moment; ${BETTER}`];
}

/** What to say of a snapshot that is written to itself: what a copy of it holds is no one state. */
export function baseInUse({ name }: { readonly name: string }, writer: string): string {
  return `${name} ${writer}: the stream names no state to begin at`;
}

/** What to say of an undo whose origin is being written to. */
export function notUndone(why: string): string {
  return `${why}: what was not there yet when the dump began is not undone`;
}

/** Whether all that was read of a device is one moment; adds to the remarks where nobody could know that it isn't. */
export function isQuiet(device: WatchedDevice | undefined, remarks: Sentence[]): boolean {
  if (device === undefined) return true;
  if (device.writer !== undefined) return false;
  if (!device.wasWritten()) return true;
  remarks.push(
    sentence`${device.name} was written to while it was read, so that it is no single moment; ${BETTER}`,
  );
  return false;
}

/** The device itself, if nobody has it open for writing. Throws `RefusedError`. */
export function refuseUsed<T extends WatchedDevice | undefined>(device: T): T {
  if (device?.writer === undefined) return device;
  throw new RefusedError(`${device.name} ${device.writer}`, {
    hint: `end that use first: ${ONLY_UNWRITTEN}`,
  });
}

/** Throws `LvmError` if the device was written to since it was opened. */
export function refuseWritten(device: WatchedDevice | undefined): void {
  if (device?.wasWritten() !== true) return;
  throw new LvmError(`${device.name}: it was written to while it was read`, {
    hint: `${ONLY_UNWRITTEN}: try again`,
  });
}

/** Throws `RefusedError` if the device is smaller than what is to be read of it. */
export function refuseSmaller({ name, reader }: LiveDevice, size: number): void {
  if (reader.size >= size) return;
  throw new RefusedError(`${name}: has ${reader.size} bytes, and the origin ${size}`, {
    hint: 'name a device that holds what the origin does',
  });
}

/** What offline changes say of the image or device that is read: a single moment, unless the user knows or it is seen not to be. */
export function momentOf(
  path: string,
  {
    consistent,
    rangesOnly = false,
  }: { readonly consistent: boolean; readonly rangesOnly?: boolean | undefined },
): { readonly remarks: Sentence[]; conclude(): { readonly consistent: boolean } } {
  if (!consistent || rangesOnly) return { remarks: [], conclude: () => ({ consistent }) };
  if (!isRegularFile(path)) flushDevice(path);
  const watched = watchDevice(path);
  const remarks = remarksOn(watched);
  return { remarks, conclude: () => ({ consistent: isQuiet(watched, remarks) }) };
}
