import { clipRanges } from '../algebra/clip-ranges.js';
import { mergeRanges } from '../algebra/merge-ranges.js';
import { RefusedError } from '../errors.js';
import type { Closing } from '../format/closing.js';
import type { FrameCodec } from '../format/codec.js';
import type { Derivation } from '../format/header.js';
import type { ByteSink } from '../format/lvs-writer.js';
import { writeMap } from '../format/write-map.js';
import type { State } from '../format/state.js';
import type { ChangeMap } from './read-map.js';

/**
 * Writes one map of all that several maps list, the oldest first: from the base of the first to the result of the last,
 * which says how large the device is by then.
 * Throws `RefusedError` where one is known not to follow the one before: what changed in between would be missing.
 */
export async function mergeMaps(
  maps: readonly ChangeMap[],
  sink: ByteSink,
  codec: FrameCodec,
  { id, generator, time }: { readonly id: Uint8Array; readonly generator: string; readonly time: number },
): Promise<Closing> {
  refuseGaps(maps);
  const [first, last] = [maps[0]!, maps.at(-1)!];
  const chunkSizes = new Set(maps.map(({ header }) => header.chunkSize));
  const header = {
    ...({ id, generator, time, kind: 'map', requires: [], order: 'sorted' } as const),
    base: baseOf(first),
    baseSize: first.header.baseSize,
    resultSize: last.header.resultSize,
    chunkSize: chunkSizes.size === 1 ? first.header.chunkSize : undefined,
    origin: last.header.origin,
    derivedFrom: maps.flatMap(derivation),
  };
  const ranges = mergeRanges(...maps.map((map) => map.ranges));
  const end = last.header.resultSize ?? Infinity;
  return writeMap([clipRanges(ranges, end)], sink, codec, header, () => ({
    result: resultOf(last),
    endTime: Date.now(),
  }));
}

function derivation({ header }: ChangeMap): Derivation[] {
  return header.id === undefined ? [] : [{ id: header.id, by: 'merge' }];
}

/** The maps, counted from 1, of which nobody can tell whether the next one follows. */
export function findUncertain(maps: readonly ChangeMap[]): number[] {
  const numbers = maps.map((map, index) => (resultOf(map) === undefined ? index + 1 : 0));
  return numbers.slice(0, -1).filter((number) => number > 0);
}

function refuseGaps(maps: readonly ChangeMap[]): void {
  for (let i = 1; i < maps.length; i += 1) {
    refuseOther(maps[i - 1]!, maps[i]!, i + 1);
    refuseEarlier(maps[i - 1]!, maps[i]!, i + 1);
    const before = resultOf(maps[i - 1]!)?.id;
    const after = baseOf(maps[i]!)?.id;
    if (before === undefined || after === undefined || before === after) continue;
    throw new RefusedError(`map ${i + 1} begins at ${after}, the one before it ends at ${before}`, {
      hint: 'name maps in the order of their changes, with none left out',
    });
  }
}

function refuseOther({ header: one }: ChangeMap, { header: other }: ChangeMap, number: number): void {
  const [uuid, otherUuid] = [one.origin?.['lv_uuid'], other.origin?.['lv_uuid']];
  if (uuid === undefined || otherUuid === undefined || uuid === otherUuid) return;
  throw new RefusedError(`map ${number} is of another volume than the one before it`, {
    hint: 'merge maps of one volume',
  });
}

/** States of volumes tell when they were. */
function refuseEarlier(one: ChangeMap, other: ChangeMap, number: number): void {
  const [before, after] = [baseOf(one)?.time, baseOf(other)?.time];
  if (before === undefined || after === undefined || before <= after) return;
  throw new RefusedError(`map ${number} begins earlier than the one before it`, {
    hint: 'name the oldest first',
  });
}

function baseOf({ header, closing }: ChangeMap): State | undefined {
  return closing.base ?? header.base;
}

function resultOf({ header, closing }: ChangeMap): State | undefined {
  return closing.result ?? header.result;
}
