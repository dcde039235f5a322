import type { Range } from './range.js';

/** The parts of ascending ranges below `end`. */
export function* clipRanges(ranges: Iterable<Range>, end: number): Generator<Range, void, undefined> {
  for (const { offset, length } of ranges) {
    if (offset >= end) return;
    yield { offset, length: Math.min(length, end - offset) };
  }
}

/** The parts of ascending ranges from `begin` on. */
export function* rangesFrom(ranges: Iterable<Range>, begin: number): Generator<Range, void, undefined> {
  for (const { offset, length } of ranges) {
    const [from, end] = [Math.max(offset, begin), offset + length];
    if (end > from) yield { offset: from, length: end - from };
  }
}
