import type { RangeReader } from '../algebra/random-access.js';
import { readRange } from '../algebra/read-segments.js';
import type { Range } from '../ranges/range.js';

/** Reads windows of a device into one buffer, and no holes. */
export class WindowReader {
  readonly #device: RangeReader;
  readonly #buffer: Buffer;
  readonly #zeros: Buffer;

  /** `size`: of the largest window. */
  constructor(device: RangeReader, size: number) {
    this.#device = device;
    this.#buffer = Buffer.alloc(size);
    this.#zeros = Buffer.alloc(size);
  }

  /** What the device holds there; good until the next call, and not to be changed. */
  async read(window: Range): Promise<Buffer> {
    const data = [...(this.#device.allocated?.(window) ?? [window])];
    if (data.length === 0) return this.#zeros.subarray(0, window.length);
    const held = this.#buffer.subarray(0, window.length);
    if (data[0]!.length < window.length) held.fill(0);
    for (const range of data) {
      const at = range.offset - window.offset;
      await readRange(this.#device, range, held.subarray(at, at + range.length));
    }
    return held;
  }
}
