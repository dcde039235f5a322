import { FormatError, RefusedError, remedy, sentence } from '../errors.js';
import { createBufferPool, type RecordBatch } from '../format/batch.js';
import { SECTOR_SIZE } from '../ranges/block-part.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { FIRST_LINE_FRAME } from '../format/first-line.js';
import {
  FRAME_ROOM,
  HEADER_MAGIC,
  MARK_SIZE,
  MAX_HEADER_SIZE,
  MAX_ZERO_RANGES_SIZE,
  SKIPPABLE_HEADER_SIZE,
} from '../format/layout.js';
import { decodeMark, MARK_START, type Mark } from '../format/lvs/mark.js';
import { viewOf } from '../format/view.js';
import { decodeRecords, listsZeros, type LoneFrame } from '../format/lvs/frames/decode-records.js';
import { takeFrame } from '../format/lvs/frames/zstd-frame.js';
import { readPartial, readPartialAt, sizeOfPartial, type PartialFile } from './partial-file.js';

const SEARCH_STEP = 1 << 20;
/** Longer headers are rare, and a longer file without its beginning may hold records. */
const MOST_WITHOUT_START = 4096;

/** Whether the device still holds every byte of a batch of pre-images. */
export type IsHeld = (batch: RecordBatch) => Promise<boolean>;

/**
 * Throws `RefusedError` unless what stands behind `end`, where the first damage begins, may be cut (§6.4): it was never
 * known to be on stable storage, and the device still holds all that can be read of it.
 */
export async function refuseLost(
  file: PartialFile,
  codec: FrameCodec,
  end: number,
  isHeld: IsHeld,
): Promise<void> {
  for await (const { position, synced } of findMarks(file, end)) {
    if (synced > end) throw damagedJournal(file, end);
    const recorded = await readUnit(file, codec, position + MARK_SIZE);
    if (recorded && !(await isHeld(recorded))) throw damagedJournal(file, end);
  }
}

/** The mark that begins at `position`; undefined where none does. */
export async function readMark(file: PartialFile, position: number): Promise<Mark | undefined> {
  const mark = decodeMark(await readPartialAt(file, position, MARK_SIZE));
  return mark?.position === position ? mark : undefined;
}

/** The marks behind `start`. What looks like one, but stands elsewhere than it says, is data that was recorded. */
async function* findMarks(file: PartialFile, start: number): AsyncGenerator<Mark> {
  const size = sizeOfPartial(file);
  for (let at = start; at < size; at += SEARCH_STEP) {
    const window = await readPartialAt(file, at, SEARCH_STEP + MARK_START.length - 1);
    for (let found = window.indexOf(MARK_START); found >= 0; found = window.indexOf(MARK_START, found + 1)) {
      const mark = await readMark(file, at + found);
      if (mark) yield mark;
    }
  }
}

/** What the frame at `position` holds, if it is whole: a zero frame needs only the ranges before it. */
async function readUnit(
  file: PartialFile,
  codec: FrameCodec,
  position: number,
): Promise<RecordBatch | undefined> {
  const start = await readPartialAt(file, position, SKIPPABLE_HEADER_SIZE);
  if (start.length < SKIPPABLE_HEADER_SIZE) return undefined;
  try {
    return (await decodeRecords(await takeUnit(file, position, start), codec)).batch;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

async function takeUnit(file: PartialFile, position: number, start: Uint8Array): Promise<LoneFrame> {
  if (listsZeros(start)) {
    const frameSize =
      SKIPPABLE_HEADER_SIZE + Math.min(viewOf(start).getUint32(4, true), MAX_ZERO_RANGES_SIZE);
    return { bytes: await readPartialAt(file, position, frameSize), position, contentSize: 0 };
  }
  const { bytes, header } = await takeFrame(readPartial(file, position), createBufferPool(FRAME_ROOM));
  return { bytes, position, contentSize: header.contentSize };
}

/**
 * Throws `RefusedError` unless a file without a whole header and first line can be what is left of a journal whose writing
 * ended there, or of which a power cut kept some sectors: the first mark stands behind the sync of the header, and is itself
 * on stable storage before the device is written.
 */
export async function refuseUnlessBegun(file: PartialFile, cause: FormatError | undefined): Promise<void> {
  const start = await readPartialAt(file, 0, SECTOR_SIZE);
  const marks = await findMarks(file, 0).next();
  if (marks.done === true && sizeOfPartial(file) <= mostBegun(start)) return;
  throw new RefusedError(
    `${file.name}: is there, but is no unfinished snapback, or is damaged in its header`,
    { cause, hint: 'choose another name for this snapback, or put that file aside' },
  );
}

/** How long a journal without records can be that begins so; -1 if it is none. */
function mostBegun(start: Buffer): number {
  if (start.every((byte) => byte === 0)) return MOST_WITHOUT_START;
  const magic = Buffer.from(Uint32Array.of(HEADER_MAGIC).buffer).subarray(0, start.length);
  if (!magic.equals(start.subarray(0, magic.length))) return -1;
  const payload = start.length < SKIPPABLE_HEADER_SIZE ? 0 : viewOf(start).getUint32(4, true);
  return SKIPPABLE_HEADER_SIZE + Math.min(payload, MAX_HEADER_SIZE) + FIRST_LINE_FRAME.length;
}

function damagedJournal({ name }: PartialFile, end: number): RefusedError {
  return new RefusedError(`${name}: byte ${end}: is damaged, with what was recorded later behind it`, {
    hint: sentence`put it aside: ${remedy('apply-salvage')} takes back what stands before the damage`,
  });
}
