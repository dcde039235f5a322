import { slicedHeader, type Maker } from '../algebra/derived-header.js';
import type { DerivedMap, DerivedStream } from '../algebra/derived-stream.js';
import { sliceStream } from '../algebra/slice-stream.js';
import type { Watch } from '../format/batch.js';
import { isMap, type ChangeStream } from '../format/open-stream.js';
import { intersectRanges } from '../ranges/clip-ranges.js';
import type { Range } from '../ranges/range.js';
import type { StreamInput } from './open-input.js';

/**
 * The part of a stream that lies in ranges of the device (§7), which ascend and do not touch; of a map the part of its ranges.
 * What is read passes through `watch`. Throws what opening the stream throws, and what reading it does when it is read.
 */
export async function sliceInput(
  input: StreamInput,
  ranges: readonly Range[],
  maker: Maker,
  watch: Watch,
): Promise<DerivedStream | DerivedMap> {
  const stream = await input.open();
  const isWhole = isCovered(stream, ranges);
  const header = slicedHeader(stream.header, maker, isWhole);
  const extras = () => sliceExtras(stream, isWhole);
  if (isMap(stream))
    return { header: { ...header, kind: 'map' }, ranges: sliceMap(stream.ranges, ranges), extras };
  const pieces = header.baseDigests === true;
  return { header, batches: sliceStream(watch(stream.batches), ranges, { pieces }), extras };
}

/** Whether it is known beforehand that nothing is cut off. */
function isCovered({ header }: ChangeStream, [first, ...others]: readonly Range[]): boolean {
  const { baseSize, resultSize } = header;
  const end = Math.max(baseSize ?? Infinity, resultSize ?? Infinity);
  return others.length === 0 && first !== undefined && first.offset === 0 && first.length >= end;
}

function sliceExtras(stream: ChangeStream, isWhole: boolean): ReturnType<DerivedStream['extras']> {
  const { base, result, consistent } = stream.closing();
  const ends = isWhole ? { base, result } : {};
  return { ...ends, consistent, endTime: Date.now() };
}

async function* sliceMap(
  parts: AsyncIterable<Iterable<Range>>,
  ranges: readonly Range[],
): AsyncGenerator<Iterable<Range>> {
  for await (const part of parts) yield intersectRanges(part, ranges);
}
