import { releaseBatch, type DataBatch, type RecordBatch } from '../format/batch.js';
import { RECORD_HEADER_SIZE } from '../format/layout.js';
import type { Totals } from '../format/lvs/maps/closing.js';
import type { ByteSink } from '../format/lvs/writer.js';
import { Tally } from '../format/totals.js';
import { viewOf } from '../format/view.js';
import type { Range } from '../ranges/range.js';

/** How the records of a format are written. */
export interface RecordEncoding {
  /** What stands before the records. */
  begin(): Uint8Array;
  /** What stands before the data of a record; asked once for each, in order. Throws `RefusedError` of one that has no place. */
  dataHeader(record: Range): Uint8Array;
  /** What stands for zeros; undefined: they are written as data. Throws as `dataHeader` does. */
  zeros(range: Range): Uint8Array | undefined;
  /** A record of data is cut into records of so many bytes. */
  readonly unit?: number | undefined;
  /** What stands behind the records. */
  end(): Uint8Array;
  /** What a reader can't tell of the records that were written, to be asked at the end. */
  lost?(): readonly string[];
}

const ZEROS = new Uint8Array(1 << 20);

/** Writes batches, which it takes over, in the format of another project. Returns what was written. Throws what `sink` does. */
export async function writeRecords(
  batches: AsyncIterable<RecordBatch>,
  encoding: RecordEncoding,
  sink: ByteSink,
): Promise<Totals> {
  const tally = new Tally();
  await sink.write(encoding.begin());
  for await (const batch of batches) {
    tally.add(batch);
    if (batch.kind === 'data') await sink.write(concatenate([...encodeData(batch, encoding)]));
    else
      for (const range of batch.ranges)
        for (const part of encodeZeros(range, encoding)) await sink.write(part);
    releaseBatch(batch);
  }
  await sink.write(encoding.end());
  return tally.totals();
}

/** The parts of a batch as they are written; of a record that a batch before has begun only data. */
function* encodeData(batch: DataBatch, encoding: RecordEncoding): Generator<Uint8Array> {
  const { bytes, count, offsets, lengths, positions, continues, open } = batch;
  const view = viewOf(bytes);
  for (let i = 0; i < count; i += 1) {
    const [offset, length, at] = [offsets[i]!, lengths[i]!, positions[i]!];
    const data = bytes.subarray(at, at + length);
    const isBegun = i === 0 && continues;
    const isWhole = !isBegun && !(i === count - 1 && open);
    const zeros =
      isWhole && data.every((byte) => byte === 0) ? encoding.zeros({ offset, length }) : undefined;
    if (zeros) yield zeros;
    else if (encoding.unit !== undefined)
      yield* encodeUnits({ offset, length }, data, encoding, encoding.unit);
    else {
      if (!isBegun) {
        const whole = view.getUint32(at - RECORD_HEADER_SIZE + 8, false);
        yield encoding.dataHeader({ offset, length: whole });
      }
      yield data;
    }
  }
}

function* encodeUnits(
  { offset, length }: Range,
  data: Uint8Array,
  encoding: RecordEncoding,
  unit: number,
): Generator<Uint8Array> {
  for (let at = 0; at < length; at += unit) {
    const part = { offset: offset + at, length: Math.min(unit, length - at) };
    yield encoding.dataHeader(part);
    yield data.subarray(at, at + part.length);
  }
}

function* encodeZeros(range: Range, encoding: RecordEncoding): Generator<Uint8Array> {
  const zeros = encoding.zeros(range);
  if (zeros) yield zeros;
  else if (encoding.unit === undefined) {
    yield encoding.dataHeader(range);
    for (let rest = range.length; rest > 0; rest -= ZEROS.length)
      yield ZEROS.subarray(0, Math.min(rest, ZEROS.length));
  } else
    for (let at = 0; at < range.length; at += ZEROS.length) {
      const part = { offset: range.offset + at, length: Math.min(ZEROS.length, range.length - at) };
      yield concatenate([...encodeUnits(part, ZEROS, encoding, encoding.unit)]);
    }
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
