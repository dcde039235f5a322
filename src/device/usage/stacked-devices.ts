import { statPath } from '../image.js';
import { list, readText, safely } from '../kernel-files.js';
import { overlaps, type Subject, subjectOf } from './subject.js';

/** A block device that lies on top of another one or of a file. */
export interface StackedDevice {
  /** The name that device-mapper has for it, or else the kernel. */
  readonly name: string;
  /** `major:minor` */
  readonly number: string;
  /** It takes no writes, and so makes none. */
  readonly readOnly: boolean;
}

/** What is made of a device: device-mapper's, md's, bcache's. `number` is its `major:minor`. */
export function* holdersOf(number: string): Generator<StackedDevice, void, undefined> {
  for (const holder of list(`/sys/dev/block/${number}/holders`)) yield stackedDevice(holder);
}

/** Loop devices on the subject: they are no holders of what is behind them, and the kernel's open file is no process's. */
export function* loopsOn(subject: Subject): Generator<StackedDevice, void, undefined> {
  for (const name of list('/sys/block').filter((each) => each.startsWith('loop'))) {
    const backing = readText(`/sys/block/${name}/loop/backing_file`) ?? '';
    if (safely(() => overlaps(subject, backing))) yield stackedDevice(name);
  }
}

/** Whether the path leads to the subject, to what overlaps with it, or to what lies on it, however deep. Throws `DeviceError`. */
export function liesOn(path: string, subject: Subject): boolean {
  if (overlaps(subject, path)) return true;
  const below = placesBelow(subjectOf(statPath(path)));
  return below.some((place) => safely(() => liesOn(place, subject)) === true);
}

/** The files and devices that a device was made of; in kernel names of devices `!` stands for `/`. */
function placesBelow({ numbers }: Subject): string[] {
  return [...numbers].flatMap((number) => {
    const backing = readText(`/sys/dev/block/${number}/loop/backing_file`) ?? [];
    const slaves = list(`/sys/dev/block/${number}/slaves`);
    return [backing, slaves.map((name) => `/dev/${name.replaceAll('!', '/')}`)].flat();
  });
}

function stackedDevice(kernelName: string): StackedDevice {
  const directory = `/sys/class/block/${kernelName}`;
  return {
    name: readText(`${directory}/dm/name`) ?? kernelName,
    number: readText(`${directory}/dev`) ?? '',
    readOnly: readText(`${directory}/ro`) === '1',
  };
}
