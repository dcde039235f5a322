import type { RandomAccessReader } from '#src/algebra/random-access.js';

/** A device made of an array. */
export function memoryDevice(bytes: Uint8Array, name = 'memory'): RandomAccessReader {
  return {
    size: bytes.length,
    name,
    readInto: (target, offset) => {
      target.set(bytes.subarray(offset, offset + target.length));
    },
  };
}
