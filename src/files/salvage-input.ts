import { packedHeader, salvagedHeader, type Packer } from '../algebra/derived-header.js';
import { fillPieces, findSalvage, takeUntil, type Salvage } from '../algebra/salvage.js';
import { FormatError, RefusedError } from '../errors.js';
import { attachPieces } from '../format/lvs/attach-pieces.js';
import type { RecordBatch } from '../format/batch.js';
import { ByteReader } from '../format/byte-reader.js';
import { counted } from '../format/counted.js';
import type { Closing } from '../format/lvs/maps/closing.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { PlacedPage } from '../format/lvs/file-index.js';
import { FrameScanner, type ScannedFrame } from '../format/lvs/frames/frame-scanner.js';
import { decodePage } from '../format/lvs/index/index-page.js';
import type { ByteSink } from '../format/lvs/writer.js';
import { isMap, type ChangeStream } from '../format/open-stream.js';
import { writeLvs } from '../format/lvs/write-lvs.js';
import type { StreamInput } from './open-input.js';

/**
 * Reads a stream that can be read twice and finds what is whole of it: of a frame that does not match its digest in
 * the index, nothing from that frame on counts, though it was read without complaint (§10).
 */
export async function surveyDamage(input: StreamInput): Promise<Salvage> {
  const found = await findSalvage((await input.open({ pieces: false })).batches);
  if (found.fault?.fault !== 'frame-digest') return found;
  const limit = await countBatchesBefore(input, found.fault.position);
  return { ...(await findSalvage((await input.open({ pieces: false })).batches, limit)), fault: found.fault };
}

/**
 * Opens what is whole of a damaged stream, with the base digests of the whole pages before the fault (§10). Of other
 * pieces nothing is known. Its closing is what is counted: the stream's own is lost.
 */
export async function openSalvaged(input: StreamInput, { cut, fault }: Salvage): Promise<ChangeStream> {
  const stream = await input.open({ pieces: false });
  return { ...stream, ...counted(takeUntil(withPiecesBefore(fault, input, stream), cut)) };
}

/**
 * Writes the whole records before the fault as an `.lvs` file of its own id; digests of whole pages are kept. Refuses a
 * map: what is lost of it would be taken for unchanged.
 */
export async function writeSalvage(
  input: StreamInput,
  { cut, fault }: Salvage,
  sink: ByteSink,
  codec: FrameCodec,
  { id, ...packer }: Packer & { readonly id: Uint8Array },
): Promise<Closing> {
  const stream = await input.open({ pieces: false });
  if (isMap(stream)) {
    const hint = 'every range that is lost would count as unchanged; list the changes anew';
    throw new RefusedError(`${input.name}: a damaged map is of no use`, { hint, cause: fault });
  }
  const header = salvagedHeader(packedHeader(stream, packer), id);
  const kept = takeUntil(withPiecesBefore(fault, input, stream), cut);
  return writeLvs(header.baseDigests === true ? fillPieces(kept) : kept, sink, codec, header);
}

function withPiecesBefore(
  fault: Salvage['fault'],
  input: StreamInput,
  stream: ChangeStream,
): AsyncIterable<RecordBatch> {
  if (stream.header.baseDigests !== true || !fault) return stream.batches;
  return attachPieces(stream.batches, listPages(input, fault.position));
}

async function countBatchesBefore(input: StreamInput, end: number): Promise<number> {
  let count = 0;
  for await (const { kind } of scanFrames(input, end)) if (kind === 'data' || kind === 'zeros') count++;
  return count;
}

async function* listPages(input: StreamInput, end: number): AsyncGenerator<PlacedPage> {
  for await (const { kind, bytes, position } of scanFrames(input, end)) {
    if (kind === 'page') yield { page: decodePage(bytes, position), position, size: bytes.length };
  }
}

/** The whole frames before the fault at `end`, undecoded. A frame that is cut off begins before its fault. */
async function* scanFrames({ file }: StreamInput, end: number): AsyncGenerator<ScannedFrame> {
  const reader = new ByteReader(file!.start());
  const scanner = new FrameScanner(reader);
  try {
    while (reader.position < end) yield await scanner.next();
  } catch (error) {
    if (!(error instanceof FormatError) || error.position < end) throw error;
  }
}
