import { FormatError } from '../../../errors.js';
import type { FrameCodec } from '../../frame-codec.js';
import { MAX_DATA_CONTENT, MAX_FRAME_SIZE, MAX_ZERO_RANGES_SIZE } from '../../layout.js';
import type { FileBytes } from '../file-index.js';
import type { LoneFrame } from '../frames/decode-records.js';
import { equalBytes } from '../maps/identifier.js';
import type { PlacedEntry } from './place-entries.js';

const LONGEST_FRAME = Math.max(MAX_FRAME_SIZE, MAX_ZERO_RANGES_SIZE);

/**
 * Reads a frame of data or zero ranges that an index lists, and holds it against its SHA-256 there. Throws `frame-size` or
 * `frame-digest`.
 */
export async function readListedFrame(
  file: FileBytes,
  { entry: { frameSize, contentSize, sha256 }, position }: PlacedEntry,
  codec: FrameCodec,
): Promise<LoneFrame> {
  if (frameSize > LONGEST_FRAME || contentSize > MAX_DATA_CONTENT)
    throw new FormatError('frame-size', position, 'a frame of a size that none may have');
  const bytes = new Uint8Array(frameSize);
  await file.readAt(bytes, position);
  if (!equalBytes(codec.sha256(bytes), sha256))
    throw new FormatError('frame-digest', position, 'the frame is not the one that the index lists');
  return { bytes, position, contentSize };
}
