import type { Range } from '../../ranges/range.js';

/** Segments in the order in which they are written, as columns of one length. */
export interface SegmentColumns {
  readonly count: number;
  readonly offsets: Float64Array;
  /** Where each ends, exclusive. */
  readonly ends: Float64Array;
}

/** A part of a segment, by its number. */
export interface SegmentPart extends Range {
  readonly segment: number;
}

/**
 * What is left of segments once all are written, ascending: of bytes that several write the part of the last one. A segment
 * that no later one touches comes as a whole.
 *
 * Memory is 8 bytes a segment. A byte that many segments write costs the logarithm of their number, once each.
 */
export function* latestParts({
  count,
  offsets,
  ends,
}: SegmentColumns): Generator<SegmentPart, void, undefined> {
  const order = new Uint32Array(count).map((_, segment) => segment);
  order.sort((a, b) => offsets[a]! - offsets[b]! || a - b);
  const open = new LatestFirst();
  let next = 0;
  let at = 0;
  for (;;) {
    while (open.count > 0 && ends[open.latest]! <= at) open.takeLatest();
    if (open.count === 0) {
      if (next === count) return;
      at = offsets[order[next]!]!;
      open.add(order[next++]!);
    }
    const segment = open.latest;
    while (next < count && offsets[order[next]!]! < ends[segment]! && order[next]! < segment)
      open.add(order[next++]!);
    const isCovered = next < count && offsets[order[next]!]! < ends[segment]!;
    const end = isCovered ? offsets[order[next]!]! : ends[segment]!;
    if (end > at) yield { segment, offset: at, length: end - at };
    if (isCovered) open.add(order[next++]!);
    at = end;
  }
}

/** Numbers of which the largest is known: a binary heap. */
class LatestFirst {
  readonly #heap: number[] = [];

  get count(): number {
    return this.#heap.length;
  }

  /** There must be one. */
  get latest(): number {
    return this.#heap[0]!;
  }

  add(number: number): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(number);
    for (let above = (place - 1) >> 1; place > 0 && heap[above]! < number; above = (place - 1) >> 1) {
      heap[place] = heap[above]!;
      place = above;
    }
    heap[place] = number;
  }

  takeLatest(): void {
    const heap = this.#heap;
    const number = heap.pop()!;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const below = left + 1 < heap.length && heap[left + 1]! > heap[left]! ? left + 1 : left;
      if (below >= heap.length || heap[below]! <= number) break;
      heap[place] = heap[below]!;
      place = below;
    }
    heap[place] = number;
  }
}
