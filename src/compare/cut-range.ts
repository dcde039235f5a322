import type { Range } from '../ranges/range.js';

/** As much of a range is compared at once. */
export const PART_SIZE = 1 << 20;

/** What a part of zeros is compared with. */
export const ZERO_PART: Uint8Array = new Uint8Array(PART_SIZE);

/** Cuts a range of any length into parts of 1 MiB, the last one shorter. */
export function* cutRange({ offset, length }: Range): Generator<Range> {
  for (let done = 0; done < length; done += PART_SIZE)
    yield { offset: offset + done, length: Math.min(PART_SIZE, length - done) };
}
