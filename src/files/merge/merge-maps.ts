import { clipRanges } from '../../ranges/clip-ranges.js';
import { derivedFrom } from '../../algebra/derived-header.js';
import { mergeRanges } from '../../ranges/merge-ranges.js';
import { RefusedError } from '../../errors.js';
import type { Closing } from '../../format/lvs/maps/closing.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import { endsOf } from '../../format/lvs/maps/ends.js';
import type { ByteSink } from '../../format/lvs/writer.js';
import { writeMap } from '../../format/lvs/write-map.js';
import type { State } from '../../format/lvs/maps/state.js';
import type { ChangeMap } from '../read-map.js';

/**
 * Writes one map of all that several maps list, the oldest first: from the base of the first to the result of the last,
 * which says how large the device is by then.
 * Throws `RefusedError` where one is known not to follow the one before: what changed in between would be missing. A
 * range is left out only behind the end of a device that a map says was made smaller.
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
    baseSize: baseSizeOf(maps),
    exhaustive: maps.every((map) => map.header.exhaustive) || undefined,
    resultSize: last.header.resultSize,
    chunkSize: chunkSizes.size === 1 ? first.header.chunkSize : undefined,
    origin: last.header.origin,
    derivedFrom: derivedFrom(
      'merge',
      maps.map((map) => map.header),
    ),
  };
  const ranges = mergeRanges(...maps.map((map) => map.ranges));
  const end = last.header.resultSize ?? Infinity;
  return writeMap([clipRanges(ranges, end)], sink, codec, header, () => ({
    result: resultOf(last),
    endTime: Date.now(),
  }));
}

/** Where it is alone, no range may lie behind it (§4.8, `declared-size`), and the device may have grown since. */
function baseSizeOf(maps: readonly ChangeMap[]): number | undefined {
  const { baseSize = 0 } = maps[0]!.header;
  const isEnough =
    maps.at(-1)!.header.resultSize !== undefined || maps.every(({ ranges }) => ranges.end <= baseSize);
  return isEnough ? maps[0]!.header.baseSize : undefined;
}

/** The maps, counted from 1, of which nobody can tell whether the next one follows. */
export function findUncertain(maps: readonly ChangeMap[]): number[] {
  const numbers = maps.map((map, index) => (resultOf(map) === undefined ? index + 1 : 0));
  return numbers.slice(0, -1).filter((number) => number > 0);
}

function refuseGaps(maps: readonly ChangeMap[]): void {
  refuseOtherSizes(maps);
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

/**
 * A map begins at the size that the one before it ends at. Where one of the two is not known, the other still has room for
 * all that has changed.
 */
function refuseOtherSizes(maps: readonly ChangeMap[]): void {
  let before: number | undefined;
  let high = 0;
  for (const [index, { header, closing }] of maps.entries()) {
    const { baseSize, resultSize } = header;
    const begin = baseSize ?? resultSize ?? Infinity;
    const isOther = before !== undefined && baseSize !== undefined && baseSize !== before;
    if (isOther || high > begin) throw otherSize(index + 1, begin, before ?? high);
    high = Math.min(Math.max(high, closing.high), resultSize ?? Infinity);
    before = resultSize;
  }
}

function otherSize(number: number, size: number, before: number): RefusedError {
  const what = `map ${number} is of a device of ${size} bytes, the one before it of one that had ${before}`;
  return new RefusedError(what, { hint: 'merge maps of one volume, with none left out' });
}

/** A copy of a whole volume group has volumes of the same UUIDs (vgimportclone(8)). */
function refuseOther({ header: one }: ChangeMap, { header: other }: ChangeMap, number: number): void {
  const differs = ['lv_uuid', 'vg_uuid'].some((key) => {
    const [uuid, otherUuid] = [one.origin?.[key], other.origin?.[key]];
    return uuid !== undefined && otherUuid !== undefined && uuid !== otherUuid;
  });
  if (!differs) return;
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
  return endsOf(header, closing).base;
}

function resultOf({ header, closing }: ChangeMap): State | undefined {
  return endsOf(header, closing).result;
}
