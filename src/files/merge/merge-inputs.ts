import { isCoveredBy } from '../../algebra/consecutive.js';
import { mergedConsistent } from '../../algebra/derived-header.js';
import type { DerivedStream } from '../../algebra/derived-stream.js';
import { mergeSources, type MergeLimits } from '../../algebra/sort/merge-sources.js';
import type { MergeSource } from '../../algebra/sort/merge-source.js';
import type { RecordBatch, Watch } from '../../format/batch.js';
import { MOST_IN_FLIGHT } from '../../format/frame-codec.js';
import type { StreamHeader } from '../../format/lvs/maps/header.js';
import type { MergeInput } from './merge-input.js';
import { createSpill, type SpillOptions } from './spill.js';

interface MergeInputsOptions extends Omit<SpillOptions, 'pieces'> {
  readonly limits?: MergeLimits | undefined;
  /** What the streams expect of each other is not held against what they write. */
  readonly anyOrder?: boolean | undefined;
}

/**
 * What applying streams that hold data does, the oldest first, as one sorted stream with this header (§7). All that is read passes through
 * `watch`; the inputs stay the caller's. Of what they say of each
 * other only their digests are looked at here, see `refuseNotConsecutive`; throws `RefusedError` where one contradicts another.
 */
export function mergeInputs(
  inputs: readonly MergeInput[],
  header: StreamHeader,
  watch: Watch,
  { limits, anyOrder, ...options }: MergeInputsOptions,
): DerivedStream {
  const pieces = header.baseDigests === true;
  const readAhead = Math.floor(MOST_IN_FLIGHT / inputs.length);
  const sources = inputs.map((input, index) => {
    const before = inputs[index - 1];
    const isCovered = before !== undefined && isCoveredBy(before, input);
    return sourceOf(input, readAhead, isCovered ? (batches) => watch(withoutPieces(batches)) : watch);
  });
  const hasher = pieces && anyOrder !== true ? options.reading : undefined;
  const merging = { pieces, end: endOf(header), hasher, limits };
  return {
    header,
    batches: mergeSources(sources, createSpill({ ...options, pieces }), merging),
    extras: () => ({ consistent: mergedConsistent(inputs), endTime: Date.now() }),
  };
}

/** No record may lie past both sizes (§4.8); where one is not known, it may be the larger. */
function endOf({ baseSize = 0, resultSize }: StreamHeader): number {
  return resultSize === undefined ? Infinity : Math.max(baseSize, resultSize);
}

function sourceOf(input: MergeInput, readAhead: number, watch: Watch): MergeSource {
  const { name, isSorted, memory, closing } = input;
  return {
    name,
    isSorted,
    memory: memory + readAhead,
    size: closing.size - closing.zeros,
    open: () => watch(readInput(input, readAhead)),
    close: () => undefined,
  };
}

/** What one that follows by what is covered expects is nothing that must be there: newer data may be (§6.5). */
async function* withoutPieces(batches: AsyncIterable<RecordBatch>): AsyncGenerator<RecordBatch> {
  for await (const batch of batches) yield { ...batch, pieces: undefined };
}

async function* readInput(input: MergeInput, readAhead: number): AsyncGenerator<RecordBatch> {
  const opened = await input.open(readAhead);
  try {
    yield* (await opened.open()).batches;
    input.check();
  } finally {
    opened.close();
  }
}
