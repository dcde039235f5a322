import { slicedHeader, type Maker } from '../algebra/derived-header.js';
import type { DerivedMap, DerivedStream } from '../algebra/derived-stream.js';
import { sliceStream } from '../algebra/slice-stream.js';
import type { Watch } from '../format/batch.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { OFFSET_LIMIT } from '../format/layout.js';
import { declaredSize } from '../format/lvs/order-check.js';
import { readTouching } from '../format/lvs/read-touching.js';
import { isMap, type ChangeStream } from '../format/open-stream.js';
import { intersectRanges } from '../ranges/clip-ranges.js';
import type { Range } from '../ranges/range.js';
import { nameFaults, openIndex, type StreamInput } from './open-input.js';

/**
 * The part of a stream that lies in ranges of the device (§7), which ascend and do not touch; of a map the part of its ranges.
 * Of an `.lvs` file with data only what may write there is read and checked ({@link readTouching}). What is read passes through
 * `watch`. Throws what opening the stream throws, and what reading it does when it is read.
 */
export async function sliceInput(
  input: StreamInput,
  ranges: readonly Range[],
  codec: FrameCodec,
  maker: Maker,
  watch: Watch,
): Promise<DerivedStream | DerivedMap> {
  const stream = await openTouching(input, ranges, codec);
  const isWhole = isCovered(stream, ranges);
  const header = slicedHeader(stream.header, maker, isWhole);
  const extras = () => sliceExtras(stream, isWhole);
  if (isMap(stream))
    return { header: { ...header, kind: 'map' }, ranges: sliceMap(stream.ranges, ranges), extras };
  const pieces = header.baseDigests === true;
  return { header, batches: sliceStream(watch(stream.batches), ranges, { pieces }), extras };
}

async function openTouching(
  input: StreamInput,
  ranges: readonly Range[],
  codec: FrameCodec,
): Promise<ChangeStream> {
  const stream = await input.open();
  const index = isMap(stream) || isCovered(stream, ranges) ? undefined : await openIndex(input, codec);
  if (!index) return stream;
  const batches = nameFaults(input.name, readTouching(input.file!, index, ranges, codec));
  return { ...stream, batches, closing: () => index.closing };
}

/** Whether it is known beforehand that nothing is cut off. */
function isCovered({ header }: ChangeStream, [first, ...others]: readonly Range[]): boolean {
  const end = Math.min(declaredSize(header), OFFSET_LIMIT);
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
