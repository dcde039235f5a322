import { list, readText, safely } from './kernel-files.js';
import { overlaps, type Subject } from './subject.js';

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
  for (const name of list('/sys/block')) {
    const backing = name.startsWith('loop') ? readText(`/sys/block/${name}/loop/backing_file`) : undefined;
    if (backing !== undefined && safely(() => overlaps(subject, backing))) yield stackedDevice(name);
  }
}

function stackedDevice(kernelName: string): StackedDevice {
  const directory = `/sys/class/block/${kernelName}`;
  return {
    name: readText(`${directory}/dm/name`) ?? kernelName,
    number: readText(`${directory}/dev`) ?? '',
    readOnly: readText(`${directory}/ro`) === '1',
  };
}
