import { FormatError } from '../../../errors.js';
import type { ZeroBatch } from '../../batch.js';
import type { FrameCodec } from '../../frame-codec.js';
import { ZERO_RANGES_MAGIC } from '../../layout.js';
import { parseContent, type ContentPlace, type ParsedContent } from '../../segments.js';
import { viewOf } from '../../view.js';
import { decodeZeroRanges } from './zero-frame.js';

/** A whole frame that is read without those before it. */
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

/** What is known of the frames before one: the record that it goes on with, and what its own are held against. */
export type KnownBefore = Pick<ContentPlace, 'open' | 'admit'>;

const NOTHING_KNOWN: KnownBefore = { open: undefined, admit: () => undefined };

/** What stands in a frame, of zeros without anything that follows of a record. */
export type DecodedRecords = ParsedContent | { readonly batch: ZeroBatch; readonly rest?: undefined };

/**
 * The records of a data frame, or of the zero frame behind a list of zero ranges. If nothing is known of what is `before`, the
 * frame begins with a record header. Takes the frame over. Throws `frame-corrupt`, `zero-ranges`, and the faults of records.
 */
export async function decodeRecords(
  { bytes, position, contentSize }: LoneFrame,
  codec: FrameCodec,
  before: KnownBefore = NOTHING_KNOWN,
): Promise<DecodedRecords> {
  if (listsZeros(bytes)) return { batch: zerosOf(bytes, position, before) };
  const { content } = await codec.decompress(bytes, new Uint8Array(contentSize), undefined);
  if (!content) throw new FormatError('frame-corrupt', position, "zstd can't decode the frame");
  return parseContent(content, { ...before, position });
}

function zerosOf(bytes: Uint8Array, position: number, { admit }: KnownBefore): ZeroBatch {
  const { ranges, fault } = decodeZeroRanges(bytes, position);
  for (const { offset, length } of ranges) admit(offset, length, position);
  if (fault) throw fault;
  return { kind: 'zeros', ranges };
}
