import { FormatError } from '../errors.js';
import type { Totals } from './closing.js';
import { decodeMapRange, type IndexPage } from './index-page.js';
import { OFFSET_LIMIT } from './layout.js';

const RANGE_SIZE = 16;

/** Checks the ranges of a map as its pages come (§4.6.3): ascending, not touching, inside the device. */
export class MapRangeCheck {
  readonly #size: number;
  #low: number | undefined;
  #high = 0;
  #runs = 0;
  #data = 0;

  /** `size`: the largest device size that the header declares. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Throws `map-ranges` or `declared-size` of the page at `position`. */
  check({ ranges }: IndexPage, position: number): void {
    for (let i = 0; ranges && i < ranges.length / RANGE_SIZE; i++)
      this.#add(decodeMapRange(ranges, i), position);
  }

  /** The totals of a map, which count its ranges; nothing of any other stream. */
  totals(isMap: boolean): Partial<Totals> {
    if (!isMap) return {};
    return { data: this.#data, runs: this.#runs, low: this.#low ?? 0, high: this.#high };
  }

  #add({ offset, length }: { offset: number; length: number }, position: number): void {
    const follows = this.#low === undefined || offset > this.#high;
    if (length === 0 || !(offset + length < OFFSET_LIMIT) || !follows) {
      throw new FormatError('map-ranges', position, 'ranges of a map that are not ascending and apart');
    }
    if (offset + length > this.#size) {
      throw new FormatError(
        'declared-size',
        position,
        `a range ends at ${offset + length}, past the device's end`,
      );
    }
    this.#low ??= offset;
    this.#high = offset + length;
    this.#runs++;
    this.#data += length;
  }
}
