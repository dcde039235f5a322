import { equalBytes } from './maps/identifier.js';
import { MARK_MAGIC, MARK_SIZE, SKIPPABLE_HEADER_SIZE } from '../layout.js';
import { decodeU64, encodeU64 } from '../record.js';
import { isSealed, sealFrame } from './frames/skippable.js';
import { viewOf } from '../view.js';

/** What stands before each unit of frames in an unfinished snapback (§6.4). Bytes of the file. */
export interface Mark {
  /** Where the mark itself begins. */
  readonly position: number;
  /** So much from the file's beginning on was on stable storage when the mark was written. */
  readonly synced: number;
}

const TAG = new TextEncoder().encode('lvs mark');

/** What every mark begins with. */
export const MARK_START = encodeMark({ position: 0, synced: 0 }).subarray(
  0,
  SKIPPABLE_HEADER_SIZE + TAG.length,
);

/** The frame of a mark: a skippable one, which readers pass over. */
export function encodeMark({ position, synced }: Mark): Uint8Array {
  const body = new Uint8Array(TAG.length + 16);
  const view = viewOf(body);
  body.set(TAG);
  encodeU64(view, TAG.length, position, true);
  encodeU64(view, TAG.length + 8, synced, true);
  return sealFrame(MARK_MAGIC, body);
}

/** The mark that the frame is; undefined of any other one, and of a damaged one. */
export function decodeMark(frame: Uint8Array): Mark | undefined {
  if (frame.length !== MARK_SIZE || !isSealed(frame)) return undefined;
  if (!equalBytes(frame.subarray(0, MARK_START.length), MARK_START)) return undefined;
  const view = viewOf(frame);
  return {
    position: decodeU64(view, MARK_START.length, true),
    synced: decodeU64(view, MARK_START.length + 8, true),
  };
}
