import { RefusedError, remedy, sentence } from '../errors.js';
import { writePlain } from '../format/lvmsync/plain.js';
import type { Closing, Totals } from '../format/lvs/maps/closing.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import type { ByteSink } from '../format/lvs/writer.js';
import { isMap, type ChangeStream, type FormatName } from '../format/open-stream.js';
import { chunkEncoding, rbdEncoding, thinEncoding } from './encodings.js';
import { rbdHeaderOf, rbdKeys } from './rbd-names.js';
import { writeRecords, type RecordEncoding } from './record-writer.js';

/** What a stream can be written as that is no `.lvs` file. */
export type ForeignName = Exclude<FormatName, 'lvs'>;

export interface ForeignOptions {
  /** What the format has no words for may be left out. */
  readonly lossy: boolean;
  /** Bytes of the chunks of the thin pool that receives the stream, where they are known. */
  readonly unmapChunk?: number | undefined;
}

/** What was written, and what the format has no words for. */
export interface WrittenForeign {
  readonly totals: Totals & Pick<Closing, 'consistent'>;
  /** What the stream says that was left out: "its states". */
  readonly lost: readonly string[];
}

/**
 * Writes a stream in another format: what it writes to a device stays the same. Throws `RefusedError` of a map, of records
 * that the format can't hold, and, unless it may be `lossy`, of what the stream says and the format can't; throws what
 * reading and `sink` throw.
 */
export async function writeForeign(
  format: ForeignName,
  name: string,
  stream: ChangeStream,
  sink: ByteSink,
  options: ForeignOptions,
): Promise<WrittenForeign> {
  if (isMap(stream))
    throw new RefusedError(`${name}: a map holds no records, and ${format} no ranges without data`, {
      hint: 'what can be converted is a stream with data',
    });
  const { header, batches } = stream;
  const { lossy } = options;
  refuseLoss(format, name, lostOf(format, header), lossy);
  const encoding = format === 'lvmsync3' ? undefined : encodingOf(format, header, options);
  const totals = await (encoding ? writeRecords(batches, encoding, sink) : writePlain(batches, sink));
  const closing = stream.closing();
  const { base, result, undoes } = closing;
  const lost = lostOf(format, {
    ...header,
    base: header.base ?? base,
    result: header.result ?? result,
    undoes,
  });
  if (closing.consistent === false) lost.push('that it is of no single moment');
  if (Object.keys(closing.unknown ?? {}).length > 0) lost.push('keys of its end that are not known');
  lost.push(...(encoding?.lost?.() ?? []));
  refuseLoss(format, name, lost, lossy);
  return { totals: { ...totals, consistent: closing.consistent }, lost };
}

function encodingOf(
  format: Exclude<ForeignName, 'lvmsync3'>,
  header: StreamHeader,
  { lossy, unmapChunk }: ForeignOptions,
): RecordEncoding {
  if (format === 'thin-send-recv') return thinEncoding(unmapChunk);
  if (format === 'lvmsync1' || format === 'lvmsync2') return chunkEncoding(format === 'lvmsync1' ? 1 : 2);
  return rbdEncoding(format === 'rbd1' ? 1 : 2, rbdHeaderOf(header), lossy);
}

/** What a header says that the format can't. */
function lostOf(format: ForeignName, header: StreamHeader): string[] {
  const { kind, base, result, baseDigests, baseSize, resultSize, origin = {}, unknown } = header;
  const isRbd = format === 'rbd1' || format === 'rbd2';
  const kept = isRbd ? rbdKeys(format === 'rbd1' ? 1 : 2) : [];
  const names = Object.keys(origin).some((key) => !kept.includes(key));
  const sizes = isRbd
    ? baseSize !== undefined && baseSize !== resultSize
    : (baseSize ?? resultSize) !== undefined;
  const told: readonly (readonly [boolean, string])[] = [
    [kind === 'snapback', 'what it undoes and where'],
    [base !== undefined || result !== undefined, 'its states'],
    [baseDigests === true, 'its base digests'],
    [sizes, 'the sizes of its device'],
    [names, 'the names of its origin'],
    [Object.keys(unknown ?? {}).length > 0, 'keys that are not known'],
  ];
  return told.flatMap(([isTold, what]) => (isTold ? [what] : []));
}

function refuseLoss(format: ForeignName, name: string, lost: readonly string[], lossy: boolean): void {
  if (lossy || lost.length === 0) return;
  throw new RefusedError(`${name}: ${format} has no words for ${lost.join(', ')}`, {
    hint: sentence`${remedy('lossy')} leaves that out; what is written to a device stays the same`,
  });
}
