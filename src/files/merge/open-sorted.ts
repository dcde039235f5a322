import type { Spill } from '../../algebra/sort/merge-source.js';
import type { MergeLimits } from '../../algebra/sort/merge-sources.js';
import { sortStream } from '../../algebra/sort/sort-stream.js';
import type { RecordBatch, Watch } from '../../format/batch.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import type { ChangeStream } from '../../format/open-stream.js';
import { walkRecords } from '../../format/lvmsync/walk-headers.js';
import { namingFaults, openIndex, type StreamInput } from '../open-input.js';

interface SortOptions {
  readonly spill: Spill;
  readonly limits?: MergeLimits | undefined;
  /** What is read passes through it. */
  readonly watch: Watch;
}

/**
 * The records of a stream in ascending order, each byte once, whatever order it has itself: as they come where that is known to be
 * sorted, otherwise sorted, and spilled where they do not fit in memory. Throws what reading and spilling do.
 */
export async function openSorted(
  input: StreamInput,
  stream: ChangeStream,
  codec: FrameCodec,
  { spill, limits, watch }: SortOptions,
): Promise<AsyncIterable<RecordBatch>> {
  const batches = watch(stream.batches);
  const isSorted = stream.header.order === 'sorted' || (await isFoundSorted(input, codec));
  return isSorted ? batches : sortStream(batches, spill, { limits });
}

/** Whether a file says at its end that it is sorted, or a plain one is by its headers. Of a pipe nobody knows. */
async function isFoundSorted(input: StreamInput, codec: FrameCodec): Promise<boolean> {
  const { file, name } = input;
  if (!file?.plain) return (await openIndex(input, codec))?.closing.order === 'sorted';
  const { firstHeader, dialect } = file.plain;
  let end = 0;
  let isSorted = true;
  await namingFaults(name, () =>
    walkRecords(file, firstHeader, dialect, ({ offset, length }) => {
      isSorted &&= offset >= end;
      end = offset + length;
    }),
  );
  return isSorted;
}
