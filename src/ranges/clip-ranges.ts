import { Lookahead } from './lookahead.js';
import type { Range } from './range.js';

/** The parts of ascending ranges below `end`. */
export function* clipRanges(ranges: Iterable<Range>, end: number): Generator<Range, void, undefined> {
  for (const { offset, length } of ranges) {
    if (offset >= end) return;
    yield { offset, length: Math.min(length, end - offset) };
  }
}

/** The parts of ascending ranges that lie in others, which ascend too. */
export function* intersectRanges(
  ranges: Iterable<Range>,
  others: Iterable<Range>,
): Generator<Range, void, undefined> {
  const within = new Lookahead(others);
  for (const { offset, length } of ranges) {
    const end = offset + length;
    while (within.head && within.head.offset + within.head.length <= offset) within.advance();
    for (let at = offset; within.head && within.head.offset < end;) {
      const from = Math.max(at, within.head.offset);
      const to = Math.min(end, within.head.offset + within.head.length);
      yield { offset: from, length: to - from };
      if (to === end) break;
      at = to;
      within.advance();
    }
  }
}

/** The parts of ascending ranges from `begin` on. */
export function* rangesFrom(ranges: Iterable<Range>, begin: number): Generator<Range, void, undefined> {
  for (const { offset, length } of ranges) {
    const [from, end] = [Math.max(offset, begin), offset + length];
    if (end > from) yield { offset: from, length: end - from };
  }
}
