import type { DeviceReader } from '#src/algebra/random-access.js';
import { readSegmentsWith } from '#src/algebra/read-segments.js';

/** A device made of an array. */
export function memoryDevice(bytes: Uint8Array, name = 'memory'): DeviceReader {
  const { length: size } = bytes;
  return readingDevice(size, name, (target, offset) => {
    target.set(bytes.subarray(offset, offset + target.length));
  });
}

/** A device that is read with a function. */
export function readingDevice(size: number, name: string, readInto: DeviceReader['readInto']): DeviceReader {
  return { size, name, readInto, readSegments: readSegmentsWith(readInto) };
}
