import { createHash } from 'node:crypto';
import { FormatError } from '#src/errors.js';
import type { DataBatch, RecordBatch } from '#src/format/batch.js';
import { ByteReader, type ByteSource } from '#src/format/byte-reader.js';
import type { Closing } from '#src/format/lvs/maps/closing.js';
import type { FrameCodec } from '#src/format/frame-codec.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { openStream, type StreamOptions } from '#src/format/open-stream.js';
import type { ExpectedRecord, Verdict } from '../vectors/container.js';
import { zerosDigest } from '../vectors/stream-hash.js';
import { zeroRecords } from '../vectors/zstd.js';

/** What `src/` makes of an input, in the words of `expect.json`. */
export interface Reading {
  readonly format?: string;
  readonly verdict: Verdict;
  readonly records: readonly ExpectedRecord[];
  readonly header?: StreamHeader;
  readonly closing?: Closing;
}

/** A source that gives `input` in pieces of at most `size` bytes. */
export function sourceOf(input: Uint8Array, size = Number.POSITIVE_INFINITY): ByteSource {
  let at = 0;
  return {
    readInto: async (target) => {
      const end = Math.min(input.length, at + size, at + target.length);
      target.set(input.subarray(at, end));
      const got = end - at;
      at = end;
      return got;
    },
  };
}

/** Reads the whole input, opened by `open`. Throws whatever is not a `FormatError`. */
export async function readStream(
  source: ByteSource,
  codec: FrameCodec,
  options: StreamOptions = {},
  open: typeof openStream = openStream,
): Promise<Reading> {
  const collector = new RecordCollector();
  let opened: Pick<Reading, 'format' | 'header'> = {};
  try {
    const stream = await open(new ByteReader(source), codec, options);
    opened = { format: stream.format, header: stream.header };
    for await (const batch of stream.batches) collector.add(batch);
    return { ...opened, closing: stream.closing(), verdict: 'good', records: collector.records };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const { fault, position } = error;
    return { ...opened, verdict: { fault, position }, records: collector.records };
  }
}

/** Joins the segments of batches to records. */
class RecordCollector {
  readonly records: ExpectedRecord[] = [];
  #offset = 0;
  #length = 0;
  #hash = createHash('sha256');

  add(batch: RecordBatch): void {
    if (batch.kind === 'data') this.#addData(batch);
    else this.#addZeros(batch);
  }

  #addData(batch: DataBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const [offset, length, at] = [batch.offsets[i]!, batch.lengths[i]!, batch.positions[i]!];
      if (i > 0 || !batch.continues) this.#begin(offset);
      if (offset !== this.#offset + this.#length) throw new Error('a segment does not continue its record');
      this.#length += length;
      this.#hash.update(batch.bytes.subarray(at, at + length));
      if (i < batch.count - 1 || !batch.open) this.#end();
    }
  }

  #addZeros({ ranges }: Extract<RecordBatch, { kind: 'zeros' }>): void {
    for (const { offset, length } of zeroRecords(ranges))
      this.records.push([offset, length, zerosDigest(length)]);
  }

  #begin(offset: number): void {
    this.#offset = offset;
    this.#length = 0;
    this.#hash = createHash('sha256');
  }

  #end(): void {
    this.records.push([this.#offset, this.#length, this.#hash.digest('hex')]);
  }
}

/** The records of a plain version 3 stream that arrives in pieces, by their own headers alone. */
export async function recordsOfPlain(pieces: AsyncIterable<Uint8Array>): Promise<ExpectedRecord[]> {
  const records: ExpectedRecord[] = [];
  let rest = 17;
  let head: number[] | undefined;
  let hash = createHash('sha256');
  const place = { offset: 0, length: 0 };
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      if (head === undefined || head.length === 12) {
        const end = Math.min(piece.length, at + rest);
        hash.update(piece.subarray(at, end));
        rest -= end - at;
        at = end;
        if (rest > 0) break;
        if (head) records.push([place.offset, place.length, hash.digest('hex')]);
        head = [];
      } else {
        head.push(piece[at++]!);
        if (head.length < 12) continue;
        const bytes = Buffer.from(head);
        place.offset = Number(bytes.readBigUInt64BE(0));
        place.length = bytes.readUInt32BE(8);
        rest = place.length;
        hash = createHash('sha256');
      }
    }
  }
  if (rest > 0 || (head !== undefined && head.length % 12 > 0)) throw new Error('the plain stream is cut');
  return records;
}
