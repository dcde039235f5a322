import type { Range } from '../ranges/range.js';

/** The byte ranges, as parts of `range`, in which the two differ. */
export function* differences(range: Range, a: Uint8Array, b: Uint8Array): Generator<Range> {
  if (Buffer.compare(a, b) === 0) return;
  for (let at = 0; at < a.length;) {
    while (at < a.length && a[at] === b[at]) at++;
    const start = at;
    while (at < a.length && a[at] !== b[at]) at++;
    if (at > start) yield { offset: range.offset + start, length: at - start };
  }
}
