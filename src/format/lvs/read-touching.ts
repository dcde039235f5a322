import { FormatError } from '../../errors.js';
import type { Range } from '../../ranges/range.js';
import { countRecords, encodedSize, type RecordBatch } from '../batch.js';
import type { FrameCodec } from '../frame-codec.js';
import { countPieces } from '../pieces.js';
import type { OpenRecord } from '../segments.js';
import { Tally } from '../totals.js';
import { chooseFrames, type ChosenFrame } from './choose-frames.js';
import type { FileBytes, FileIndex } from './file-index.js';
import { decodeRecords } from './frames/decode-records.js';
import { encodeEntry, FRAME_KINDS, type FrameEntry } from './index/frame-entry.js';
import { readListedFrame } from './index/listed-frame.js';
import { equalBytes } from './maps/identifier.js';
import { OrderCheck } from './order-check.js';

/**
 * Reads of an `.lvs` file the frames that may write to ranges of the device, in their order, with what the index says of their
 * pieces; the ranges ascend, and no two touch. Other frames come along where one of these can't be read without them: from
 * where its first record begins, and of a page whose piece digests tell in no other way which frame they are of.
 *
 * Each frame that is read is held against its SHA-256 and its entry in the index, and every page of the index against the
 * last one, as §4.7 asks of who reads parts of a file. All other frames are not looked at, those of zeros neither, whose ranges are
 * read; nor are the totals and the digest of the stream, and its order is checked among what is read. So this does not prove
 * the file whole. Throws `FormatError`.
 */
export async function* readTouching(
  file: FileBytes,
  index: FileIndex,
  ranges: readonly Range[],
  codec: FrameCodec,
): AsyncGenerator<RecordBatch> {
  const order = new OrderCheck(index.header, codec.openScratch);
  const admit = (offset: number, length: number, position: number): void => {
    order.admit(offset, length, position);
  };
  let open: OpenRecord | undefined;
  try {
    for await (const chosen of chooseFrames(index, ranges)) {
      const { frame, zeroRanges, pieces } = chosen;
      const read = await readListedFrame(file, zeroRanges ?? frame, codec);
      const before = { open: frame.entry.continues ? open : undefined, admit };
      const { batch, rest } = await decodeRecords(read, codec, before);
      checkChosen(chosen, batch);
      open = rest;
      yield pieces ? { ...batch, pieces: pieces(countPieces(batch)) } : batch;
    }
  } finally {
    order.close();
  }
}

/** Holds what was read against what the index says of it. Throws `frame-entry`. */
function checkChosen({ frame: { entry, position } }: ChosenFrame, batch: RecordBatch): void {
  const ends = batch.kind === 'data' ? { continues: batch.continues, open: batch.open } : {};
  const found: FrameEntry = {
    ...{ ...entry, kind: FRAME_KINDS[batch.kind], ...ends, ...new Tally().add(batch) },
    ...{ records: countRecords(batch), contentSize: encodedSize(batch) },
  };
  if (equalBytes(encodeEntry(found), encodeEntry(entry))) return;
  throw new FormatError('frame-entry', position, 'the index is wrong about the frame');
}
