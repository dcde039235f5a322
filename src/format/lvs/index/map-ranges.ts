import { FormatError } from '../../../errors.js';
import type { Range } from '../../../ranges/range.js';
import type { Totals } from '../maps/closing.js';
import { MAP_RANGE_SIZE, OFFSET_LIMIT } from '../../layout.js';
import { decodeU64, encodeU64 } from '../../record.js';
import { viewOf } from '../../view.js';

/** A writer's page takes as many ranges: 1 MiB. */
const PAGE_RANGES = 65536;

/**
 * The ranges in a page of a map (§4.6.3), to be iterated as often as one likes: offset or length is NaN where it is
 * 2^53 or more. `section` must stay as it is meanwhile.
 */
export function decodeMapRanges(section: Uint8Array): Iterable<Range> {
  const view = viewOf(section);
  const decode = (at: number): Range => ({
    offset: decodeU64(view, at, true),
    length: decodeU64(view, at + 8, true),
  });
  return {
    [Symbol.iterator]: () => iterate(section.length / MAP_RANGE_SIZE, (i) => decode(i * MAP_RANGE_SIZE)),
  };
}

/** Several times as fast as a generator. */
function iterate<T>(count: number, at: (i: number) => T): Iterator<T, undefined> {
  let i = 0;
  return { next: () => (i < count ? { done: false, value: at(i++) } : { done: true, value: undefined }) };
}

/** Gathers ranges for one page after the other, in one buffer. */
export class MapPageDraft {
  readonly #bytes = new Uint8Array(PAGE_RANGES * MAP_RANGE_SIZE);
  readonly #view = viewOf(this.#bytes);
  #used = 0;

  get isFull(): boolean {
    return this.#used === this.#bytes.length;
  }

  /** Adds a range to a page that is not full. */
  add({ offset, length }: Range): void {
    encodeU64(this.#view, this.#used, offset, true);
    encodeU64(this.#view, this.#used + 8, length, true);
    this.#used += MAP_RANGE_SIZE;
  }

  /** The section of the page, and begins the next one; good until the next call of `add`. */
  take(): Uint8Array {
    const section = this.#bytes.subarray(0, this.#used);
    this.#used = 0;
    return section;
  }
}

const SAYINGS = {
  'map-ranges': 'ranges of a map that are not ascending and apart',
  'declared-size': "a range of a map that goes past the device's end",
} as const;

/** Counts the ranges of a map and holds each against the one before it and the device (§4.6.3). */
export class MapRangeTally {
  readonly #size: number;
  #low: number | undefined;
  #high = 0;
  #runs = 0;
  #data = 0;

  /** `size`: the largest device size that the header declares. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Counts the next range. Returns the fault that it is, if it may not stand here; it is not counted then. */
  add({ offset, length }: Range): 'map-ranges' | 'declared-size' | undefined {
    const end = offset + length;
    const follows = this.#low === undefined || offset > this.#high;
    if (!(length > 0 && end < OFFSET_LIMIT && follows)) return 'map-ranges';
    if (end > this.#size) return 'declared-size';
    this.#low ??= offset;
    this.#high = end;
    this.#runs++;
    this.#data += length;
    return undefined;
  }

  /** Counts those of the page at `position`. Throws the fault of the first one that may not stand there. */
  addAll(ranges: Iterable<Range>, position: number): void {
    for (const range of ranges) {
      const fault = this.add(range);
      if (fault) throw new FormatError(fault, position, SAYINGS[fault]);
    }
  }

  /** What the closing map of a map counts: its ranges, where other streams count records (§4.6.5). */
  totals(): Pick<Totals, 'data' | 'runs' | 'low' | 'high'> {
    return { data: this.#data, runs: this.#runs, low: this.#low ?? 0, high: this.#high };
  }
}
