import { FormatError } from '../../../errors.js';
import type { RecordBatch } from '../../batch.js';
import type { FrameCodec } from '../../frame-codec.js';
import { ZERO_RANGES_MAGIC } from '../../layout.js';
import { parseContent } from '../../segments.js';
import { viewOf } from '../../view.js';
import { decodeZeroRanges } from './zero-frame.js';

/** A whole frame that stands alone: nothing is known of those before it. */
export interface LoneFrame {
  readonly bytes: Uint8Array;
  /** Where it begins in the file. */
  readonly position: number;
  /** Bytes of its content, as its header or an index says; of zero ranges it says nothing. */
  readonly contentSize: number;
}

/** What a frame begins with that lists the zeros of the frame behind it. */
export function listsZeros(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && viewOf(bytes).getUint32(0, true) === ZERO_RANGES_MAGIC;
}

/**
 * The records of a data frame that begins with a record header, or of the zero frame behind a list of zero ranges. Takes the
 * frame over. Throws `frame-corrupt`, `zero-ranges`, and the faults of records.
 */
export async function decodeRecords(
  { bytes, position, contentSize }: LoneFrame,
  codec: FrameCodec,
): Promise<RecordBatch> {
  if (listsZeros(bytes)) return zerosOf(bytes, position);
  const { content } = await codec.decompress(bytes, new Uint8Array(contentSize), undefined);
  if (!content) throw new FormatError('frame-corrupt', position, "zstd can't decode the frame");
  return parseContent(content, { open: undefined, position, admit: () => undefined }).batch;
}

function zerosOf(bytes: Uint8Array, position: number): RecordBatch {
  const { ranges, fault } = decodeZeroRanges(bytes, position);
  if (fault) throw fault;
  return { kind: 'zeros', ranges };
}
