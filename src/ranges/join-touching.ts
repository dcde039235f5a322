import type { Range } from './range.js';

/** The ranges in their order; one that begins where the one before it ended is joined with it. */
export function* joinTouching(ranges: Iterable<Range>): Generator<Range> {
  let open: Range | undefined;
  for (const range of ranges) {
    if (open !== undefined && open.offset + open.length === range.offset) {
      open = { offset: open.offset, length: open.length + range.length };
    } else {
      if (open !== undefined) yield open;
      open = range;
    }
  }
  if (open !== undefined) yield open;
}
