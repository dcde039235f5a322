import type { Range } from './range.js';
import { Lookahead } from './lookahead.js';

/**
 * The union of ascending sequences of ranges, ascending; ranges that touch or overlap, also those of one input, come out
 * as one. Lazy: one range of each input is held. To be iterated as often as all inputs can be; inputs are ended when
 * an iteration is left early.
 *
 * Law: a byte is in the union if it is in an input, and no two ranges of the union touch.
 */
export function mergeRanges(...inputs: readonly Iterable<Range>[]): Iterable<Range> {
  const [left = [], right = []] = inputs.length > 2 ? mergeHalves(inputs) : inputs;
  return { [Symbol.iterator]: () => new Union(left, right) };
}

/** Many inputs cost a few steps a range. */
function mergeHalves(inputs: readonly Iterable<Range>[]): Iterable<Range>[] {
  const half = inputs.length >> 1;
  return [mergeRanges(...inputs.slice(0, half)), mergeRanges(...inputs.slice(half))];
}

/** A class and no generator: one generator that runs for long may stay unoptimised, and take ten times as long. */
class Union implements Iterator<Range, undefined> {
  readonly #left: Lookahead<Range>;
  readonly #right: Lookahead<Range>;

  constructor(left: Iterable<Range>, right: Iterable<Range>) {
    this.#left = new Lookahead(left);
    this.#right = new Lookahead(right);
  }

  next(): IteratorResult<Range, undefined> {
    let input = this.#lower();
    if (!input.head) return { done: true, value: undefined };
    const { offset } = input.head;
    let end = offset;
    while (input.head && input.head.offset <= end) {
      end = Math.max(end, input.head.offset + input.head.length);
      input.advance();
      input = this.#lower();
    }
    return { done: false, value: { offset, length: end - offset } };
  }

  return(): IteratorResult<Range, undefined> {
    this.#left.end();
    this.#right.end();
    return { done: true, value: undefined };
  }

  /** The input whose range begins first; any that has ended if both have. */
  #lower(): Lookahead<Range> {
    const left = this.#left;
    const right = this.#right;
    if (!left.head || !right.head) return left.head ? left : right;
    return right.head.offset < left.head.offset ? right : left;
  }
}
