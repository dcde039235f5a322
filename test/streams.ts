import { createCodec } from '#src/codec/codec.js';
import type { RecordBatch } from '#src/format/batch.js';
import { ByteReader, type ByteSource } from '#src/format/byte-reader.js';
import type { FrameCodec } from '#src/format/frame-codec.js';
import { attachPieces } from '#src/format/lvs/attach-pieces.js';
import { readFileIndex } from '#src/format/lvs/file-index.js';
import type { StreamHeader } from '#src/format/lvs/maps/header.js';
import { LvsWriter, type ClosingExtras } from '#src/format/lvs/writer.js';
import { openStream, type ChangeStream } from '#src/format/open-stream.js';
import { encodeRecordHeader } from '#src/format/record.js';
import { SegmentList } from '#src/format/segments.js';

/** A record as tests write it down. */
export interface TestRecord {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** A codec that does all in this thread, at a level that is quick. */
export const codec: FrameCodec = createCodec({ level: 1 });

/** A plain PROTO[3] stream of the records. */
export function plainStream(records: readonly TestRecord[]): Uint8Array {
  return Buffer.concat([Buffer.from('lvmsync PROTO[3]\n'), ...records.map(encodeRecord)]);
}

function encodeRecord({ offset, data }: TestRecord): Uint8Array {
  const header = Buffer.alloc(12);
  header.writeBigUInt64BE(BigInt(offset));
  header.writeUInt32BE(data.length, 8);
  return Buffer.concat([header, data]);
}

/** A batch of whole records. */
export function batchOf(records: readonly TestRecord[], pieces?: Uint8Array): RecordBatch {
  const bytes = new Uint8Array(records.reduce((sum, { data }) => sum + 12 + data.length, 0));
  const view = new DataView(bytes.buffer);
  const segments = new SegmentList();
  let at = 0;
  for (const { offset, data } of records) {
    encodeRecordHeader(view, at, offset, data.length);
    bytes.set(data, at + 12);
    segments.push(offset, data.length, at + 12);
    at += 12 + data.length;
  }
  return { ...segments.toBatch(bytes, false, false), pieces };
}

/** An `.lvs` file of the batches. */
export async function lvsFile(
  batches: Iterable<RecordBatch>,
  header: Partial<StreamHeader> = {},
  extras: (digest: Uint8Array) => ClosingExtras = () => ({}),
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const sink = { write: async (bytes: Uint8Array) => void parts.push(bytes.slice()) };
  const writer = new LvsWriter(sink, codec, { kind: 'changes', requires: [], order: 'given', ...header });
  await writer.start();
  for (const batch of batches) await writer.add(batch);
  await writer.finish(extras);
  return Buffer.concat(parts);
}

/** Bytes that arrive in pieces of `chunk` bytes. */
export function sourceOf(bytes: Uint8Array, chunk = Number.POSITIVE_INFINITY): ByteSource {
  let at = 0;
  return {
    readInto: async (target) => {
      const part = bytes.subarray(at, at + Math.min(chunk, target.length));
      target.set(part);
      at += part.length;
      return part.length;
    },
  };
}

/** Opens a stream in memory, with its base digests where it has any, unless they are not wanted. */
export async function openBytes(bytes: Uint8Array, pieces = true): Promise<ChangeStream> {
  const stream = await openStream(new ByteReader(sourceOf(bytes)), codec);
  if (stream.header.baseDigests !== true || !pieces) return stream;
  const file = {
    size: bytes.length,
    readAt: async (target: Uint8Array, position: number) => {
      target.set(bytes.subarray(position, position + target.length));
    },
  };
  const index = await readFileIndex(file, codec);
  return { ...stream, batches: attachPieces(stream.batches, index.pages()) };
}

/** What applying the records in order makes of a device: the definition that everything else is held against. */
export function applied(device: Uint8Array, records: readonly TestRecord[]): Uint8Array {
  const result = device.slice();
  for (const { offset, data } of records) result.set(data, offset);
  return result;
}
