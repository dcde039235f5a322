import type { Density } from '../ranges/density.js';
import type { Range } from '../ranges/range.js';
import { FormatError } from '../errors.js';
import { rangesOf } from '../format/batch.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { FileBytes, FileIndex } from '../format/lvs/file-index.js';
import { FRAME_KINDS } from '../format/lvs/index/frame-entry.js';
import { RECORD_HEADER_SIZE } from '../format/layout.js';
import { readListedFrame } from '../format/lvs/index/listed-frame.js';
import { decodeMapRanges, MapRangeTally } from '../format/lvs/index/map-ranges.js';
import { declaredSize } from '../format/lvs/order-check.js';
import { placeEntries, type PlacedEntry } from '../format/lvs/index/place-entries.js';
import { decodeRecords } from '../format/lvs/frames/decode-records.js';

/** A frame whose data covers less than this much of the span it writes to is worth a closer look. */
const DENSE = 0.75;
/** As many of them are read: the widest. */
const CLOSER_LOOKS = 64;
const MAX_CANDIDATES = 1 << 14;

/** A frame of scattered data; where its ranges are listed: zeros are in the frame before. */
interface Candidate extends PlacedEntry {
  readonly listed: PlacedEntry;
}

/**
 * Adds what an index tells of where a file's frames write. Scattered frames are decoded, the widest ones, as long as
 * they are few; of the others the data counts as evenly spread. Maps are exact. Throws the faults of what is read.
 */
export async function addFrames(
  density: Density,
  file: FileBytes,
  index: FileIndex,
  codec: FrameCodec,
): Promise<void> {
  if (index.header.kind === 'map') return addMap(density, index);
  const candidates: Candidate[] = [];
  let before: PlacedEntry | undefined;
  for await (const placed of placeEntries(index)) {
    const { entry } = placed;
    const isZeros = entry.kind === FRAME_KINDS.zeros;
    if (isZeros || entry.kind === FRAME_KINDS.data) {
      const scattered = dataOf(placed) < (entry.high - entry.low) * DENSE && !entry.continues;
      if (!scattered || candidates.length === MAX_CANDIDATES) addEvenly(density, placed);
      else candidates.push({ ...placed, listed: isZeros && before ? before : placed });
    }
    before = placed;
  }
  candidates.sort((a, b) => spanOf(b) - spanOf(a));
  for (const candidate of candidates.splice(0, CLOSER_LOOKS))
    await addExactly(density, file, candidate, codec);
  for (const candidate of candidates) addEvenly(density, candidate);
}

async function addMap(density: Density, index: FileIndex): Promise<void> {
  const tally = new MapRangeTally(declaredSize(index.header));
  for await (const { page, position } of index.pages()) {
    const ranges = decodeMapRanges(page.ranges ?? new Uint8Array());
    tally.addAll(ranges, position);
    addRanges(density, ranges);
  }
}

export function addRanges(density: Density, ranges: Iterable<Range>): void {
  for (const { offset, length } of ranges) density.add(offset, offset + length);
}

function dataOf({ entry: { contentSize, records } }: PlacedEntry): number {
  return Math.max(0, contentSize - records * RECORD_HEADER_SIZE);
}

function spanOf({ entry }: PlacedEntry): number {
  return entry.high - entry.low;
}

function addEvenly(density: Density, placed: PlacedEntry): void {
  const { low, high } = placed.entry;
  const data = dataOf(placed);
  if (data === 0) return;
  if (!(high > low)) throw new FormatError('frame-entry', placed.position, 'data that is written nowhere');
  density.add(low, high, data);
}

async function addExactly(
  density: Density,
  file: FileBytes,
  candidate: Candidate,
  codec: FrameCodec,
): Promise<void> {
  addRanges(density, await readFrameRanges(file, candidate, codec));
}

/** Throws `FormatError` of a frame that is not what the index says. */
async function readFrameRanges(
  file: FileBytes,
  { listed }: Candidate,
  codec: FrameCodec,
): Promise<readonly Range[]> {
  const { batch } = await decodeRecords(await readListedFrame(file, listed, codec), codec);
  return rangesOf(batch);
}
