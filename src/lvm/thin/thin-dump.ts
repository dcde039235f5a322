import { mergeRanges } from '../../ranges/merge-ranges.js';
import type { RangeReader } from '../../algebra/random-access.js';
import { RangeList } from '../../ranges/range-list.js';
import { readRanges } from '../../algebra/records/read-ranges.js';
import { weaveZeros } from '../../algebra/zeros/weave-zeros.js';
import { RefusedError } from '../../errors.js';
import { createBufferPool, type BufferPool, type RecordBatch } from '../../format/batch.js';
import type { Range } from '../../ranges/range.js';
import { MIN_ZERO_RUN } from '../../format/layout.js';
import type { Changes } from '../../changes/changes.js';
import { mappedEnd, thinDifference, type ThinMetadata } from './thin-metadata.js';

/** Two thin devices of a pool. */
export interface ThinDevices {
  readonly pool: ThinMetadata;
  /** Ids of the devices; a first one of `undefined` is one without mappings. */
  readonly from: number | undefined;
  readonly to: number;
}

/** Two thin devices, and the data of the second one. */
export interface ThinPair extends ThinDevices {
  /** The device `to`, or an image of it, all of it: its last block may be cut. It stays the caller's. */
  readonly source: RangeReader;
}

/** A range that changed. */
export interface ThinChange extends Range {
  /** The whole range lost its data since, and is long enough for a zero frame. */
  readonly unmapped: boolean;
}

/** Ranges that changed, in 5 bytes of memory or so each; both ascend, and have no byte in common. */
export interface ThinRanges {
  /** To be read. */
  readonly data: Iterable<Range>;
  /** What reads as zeros, and need not be read. */
  readonly zeros: Iterable<Range>;
}

/**
 * The ranges that changed, ascending, clipped to `size`; neighbours are joined, unless one is `unmapped` and the other
 * not. Throws the `LvmError`s of {@link thinDifference}.
 */
export function* changedThinRanges(
  devices: ThinDevices,
  size: number,
): Generator<ThinChange, void, undefined> {
  let last: ThinChange | undefined;
  for (const change of clippedRuns(devices, size)) {
    const joins = last?.unmapped === change.unmapped && last.offset + last.length === change.offset;
    if (last !== undefined && !joins) yield last;
    last = joins ? { ...last!, length: last!.length + change.length } : change;
  }
  if (last !== undefined) yield last;
}

function* clippedRuns({ pool, from, to }: ThinDevices, size: number): Generator<ThinChange, void, undefined> {
  const { dataBlockSize } = pool.superblock;
  for (const { kind, begin, length: blocks } of thinDifference(pool, from, to)) {
    const offset = begin * dataBlockSize;
    const length = Math.min((begin + blocks) * dataBlockSize, size) - offset;
    if (length <= 0) return;
    yield { offset, length, unmapped: kind === 'left' && length >= MIN_ZERO_RUN };
  }
}

/** Keeps ascending changes for as long as they are needed. Throws what iterating them throws. */
export function collectThinRanges(changes: Iterable<ThinChange>): ThinRanges {
  const ranges = { data: new RangeList(), zeros: new RangeList() };
  for (const change of changes) (change.unmapped ? ranges.zeros : ranges.data).append(change);
  return ranges;
}

/**
 * The changes: apply(from, dumpThinChanges) = to. Sorted. What `to` has unmapped reads as zeros: it becomes zero
 * ranges without being read; below 128 KiB it is read like its neighbours. That is right only of a volume without an
 * external origin; the metadata doesn't say whether there is one.
 *
 * Throws `LvmError` if there is no such device or the metadata is damaged, `RefusedError` if a device maps more than
 * `source` has, and what reading `source` throws. The caller owns each batch; see `releaseBatch`.
 */
export async function* dumpThinChanges(
  pair: ThinPair,
  buffers: BufferPool = createBufferPool(),
): AsyncGenerator<RecordBatch, void, undefined> {
  const { data, zeros } = rangesOfPair(pair);
  yield* weaveZeros(readRanges(data, pair.source, buffers), zeros);
}

/**
 * The same as a dump takes them; whether that was a single moment is the caller's to say. Metadata knows no sizes of
 * volumes: that of the base stays unsaid. Reads the metadata now, and throws as {@link dumpThinChanges} does.
 */
export function thinChanges(pair: ThinPair): Omit<Changes, 'conclude'> {
  const { source, pool } = pair;
  const { data, zeros } = rangesOfPair(pair);
  return {
    exhaustive: true,
    resultSize: source.size,
    chunkSize: pool.superblock.dataBlockSize,
    origin: { path: source.name },
    ranges: () => mergeRanges(data, zeros),
    batches: () => weaveZeros(readRanges(data, source), zeros),
  };
}

function rangesOfPair(pair: ThinPair): ThinRanges {
  for (const id of [pair.to, pair.from]) if (id !== undefined) refuseShort(pair, id);
  return collectThinRanges(changedThinRanges(pair, pair.source.size));
}

/**
 * What a device maps past the end of the source would be missing: the source is another device, or cut. A volume may end
 * inside its last block. What the first device alone maps there counts too, since metadata can't tell a second one that is
 * smaller from an image that was cut.
 */
function refuseShort({ pool, source }: ThinPair, id: number): void {
  const { dataBlockSize } = pool.superblock;
  const end = mappedEnd(pool, id) * dataBlockSize;
  if (end - source.size < dataBlockSize) return;
  const what = `has ${source.size} bytes, and the pool maps thin device ${id} up to byte ${end}`;
  throw new RefusedError(`${source.name}: ${what}`, {
    hint: 'name the device that the changes lead to, or an image of all of it; of a volume that was made smaller LVM knows the size: dump the volume itself',
  });
}
