import { clipRanges } from '../ranges/clip-ranges.js';
import { mergeRanges } from '../ranges/merge-ranges.js';
import type { Range } from '../ranges/range.js';
import type { Closing, Totals } from '../format/lvs/maps/closing.js';
import { MapRangeTally } from '../format/lvs/index/map-ranges.js';
import type { ByteSink } from '../format/lvs/writer.js';
import type { Changes } from './changes.js';

/** Lists of changes that other backup tools take as hints of what they need to read. */

/** `borg`: for `borg create --map`; `rbd-json`: as `rbd diff --format json` prints it, for Benji and others. */
export const LIST_FORMATS = ['borg', 'rbd-json'] as const;
export type ListFormat = (typeof LIST_FORMATS)[number];

const FORMATTERS: Readonly<Record<ListFormat, (ranges: Iterable<Range>, size: number) => Iterable<string>>> =
  { borg: formatBorg, 'rbd-json': formatRbd };
/** Characters that are written together. */
const PART = 1 << 16;

/**
 * Writes what changed as such a list. Whatever is not listed as changed, whoever reads the list takes from the backup before;
 * so all counts as changed that the device of before had no place for. Returns what was listed, and whether the volume
 * held still. Throws what reading the changes and `sink` throw.
 */
export async function writeChangeList(
  changes: Changes,
  format: ListFormat,
  sink: ByteSink,
): Promise<Totals & Pick<Closing, 'consistent'>> {
  const { baseSize, resultSize } = changes;
  const tally = new MapRangeTally(resultSize);
  const ranges = countedBy(tally, changedIn(changes.ranges(), baseSize ?? resultSize, resultSize));
  const size = await writeText(FORMATTERS[format](ranges, resultSize), sink);
  const { consistent } = changes.conclude();
  return { size, records: 0, zeros: 0, ...tally.totals(), consistent };
}

function changedIn(ranges: Iterable<Range>, baseSize: number, resultSize: number): Iterable<Range> {
  const grown = { offset: baseSize, length: resultSize - baseSize };
  return mergeRanges(clipRanges(ranges, resultSize), grown.length > 0 ? [grown] : []);
}

function* countedBy(tally: MapRangeTally, ranges: Iterable<Range>): Generator<Range> {
  for (const range of ranges) {
    tally.add(range);
    yield range;
  }
}

/** Lines `START LENGTH STATE`, one behind the other from 0 to the size; the ranges ascend and do not touch. */
export function* formatBorg(ranges: Iterable<Range>, size: number): Generator<string> {
  let end = 0;
  for (const { offset, length } of ranges) {
    if (offset > end) yield `${end} ${offset - end} same\n`;
    yield `${offset} ${length} data\n`;
    end = offset + length;
  }
  if (size > end) yield `${end} ${size - end} same\n`;
}

/** One array; an empty one says that nothing changed. */
export function* formatRbd(ranges: Iterable<Range>): Generator<string> {
  let before = '[';
  for (const { offset, length } of ranges) {
    yield `${before}{"offset":${offset},"length":${length},"exists":"true"}`;
    before = ',';
  }
  yield before === '[' ? '[]\n' : ']\n';
}

async function writeText(parts: Iterable<string>, sink: ByteSink): Promise<number> {
  const encoder = new TextEncoder();
  let size = 0;
  let text = '';
  const flush = async () => {
    const bytes = encoder.encode(text);
    size += bytes.length;
    text = '';
    await sink.write(bytes);
  };
  for (const part of parts) {
    text += part;
    if (text.length >= PART) await flush();
  }
  if (text !== '') await flush();
  return size;
}
