import { LvstreamError } from '../../errors.js';
import type { Range } from '../../ranges/range.js';
import type { LeafLimits } from '../../ranges/leaves.js';
import { RangeSet } from '../../ranges/range-set.js';
import type { OpenScratch } from '../../ranges/scratch.js';

const FIRST_ROOM = 1024;
/** 16 MiB of memory. */
const MAX_RUNS = 1 << 20;
/** Of the ascending ranges behind these as many maps of 4 KiB stay in memory: they are met once, in their order. */
const OVERFLOW_RESIDENT = 1024;

interface Limits extends LeafLimits {
  /** Runs of ascending ranges that are kept, 16 bytes of memory each. */
  readonly maxRuns?: number;
}

/**
 * Tells whether a range holds a byte that one before it held. Ranges beyond all before them cost 16 bytes where they do
 * not touch, and there is no limit to their number; those that step back are kept in a {@link RangeSet}.
 */
export class WrittenOnce {
  readonly #ascending: AscendingRuns;
  /** Ascending ranges for which there was no run left. */
  readonly #overflow: RangeSet;
  readonly #others: RangeSet;
  /** End of all ranges so far. */
  #end = 0;
  /** What was not kept for lack of room: all that begins here or after it. */
  #forgotten: { readonly from: number; readonly cause: LvstreamError } | undefined;

  constructor(openScratch: OpenScratch, { maxRuns = MAX_RUNS, ...limits }: Limits = {}) {
    this.#ascending = new AscendingRuns(maxRuns);
    this.#overflow = new RangeSet(openScratch, { resident: OVERFLOW_RESIDENT, ...limits });
    this.#others = new RangeSet(openScratch, limits);
  }

  /** Takes the next range, not empty; false if it holds a byte again. Throws `LvstreamError` where there is too little room to tell. */
  add(range: Range): boolean {
    const end = range.offset + range.length;
    if (range.offset >= this.#end) {
      this.#end = end;
      this.#keep(range);
      return true;
    }
    if (
      this.#ascending.overlaps(range) ||
      [this.#overflow, this.#others].some((set) => set.covered(range).length > 0)
    )
      return false;
    if (this.#forgotten && end > this.#forgotten.from) throw this.#forgotten.cause;
    this.#others.add(range);
    return true;
  }

  /** Gives back what it has taken beside memory; it must not be used any more. */
  close(): void {
    this.#overflow.close();
    this.#others.close();
  }

  /** Nobody needs it as long as no range steps back, so that a lack of room is no error yet. */
  #keep(range: Range): void {
    if (this.#forgotten || this.#ascending.append(range)) return;
    try {
      this.#overflow.add(range);
    } catch (cause) {
      if (!(cause instanceof LvstreamError)) throw cause;
      this.#forgotten = { from: range.offset, cause };
    }
  }
}

/** Ascending ranges, those that touch joined. */
class AscendingRuns {
  readonly #max: number;
  #starts = new Float64Array(FIRST_ROOM);
  #ends = new Float64Array(FIRST_ROOM);
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Adds a range that begins at the last one's end or after it; false if there is no room for it. */
  append({ offset, length }: Range): boolean {
    const touches = this.#count > 0 && this.#ends[this.#count - 1] === offset;
    if (!touches && this.#count === this.#max) return false;
    if (!touches) this.#open(offset);
    this.#ends[this.#count - 1] = offset + length;
    return true;
  }

  overlaps({ offset, length }: Range): boolean {
    const next = this.#firstEndingAfter(offset);
    return next < this.#count && this.#starts[next]! < offset + length;
  }

  #open(offset: number): void {
    if (this.#count === this.#starts.length) {
      this.#starts = moved(this.#starts, this.#max);
      this.#ends = moved(this.#ends, this.#max);
    }
    this.#starts[this.#count++] = offset;
  }

  #firstEndingAfter(offset: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** The same in an array of its full size at once: the kernel gives memory to what is written only. */
function moved(numbers: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const more = new Float64Array(size);
  more.set(numbers);
  return more;
}
