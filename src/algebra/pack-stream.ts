import type { Closing } from '../format/lvs/maps/closing.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { ByteSink, ClosingExtras } from '../format/lvs/writer.js';
import { isMap, isTold, type ChangeStream } from '../format/open-stream.js';
import { writeLvs } from '../format/lvs/write-lvs.js';
import { writeMap } from '../format/lvs/write-map.js';
import { packedHeader, type Packer } from './derived-header.js';
import { takeZeroRecords } from './zeros/split-zeros.js';

/**
 * Writes any stream as an `.lvs` file that has the same digest: decompress(pack(s)) = s for version 3, byte for byte.
 * A stream that is one already keeps what it says of itself, unknown keys too, and the pieces that its batches carry;
 * a map keeps its ranges.
 */
export function packStream(
  stream: ChangeStream,
  sink: ByteSink,
  codec: FrameCodec,
  packer: Packer,
): Promise<Closing> {
  const extras = () => keptExtras(stream.closing());
  if (isMap(stream)) return writeMap(stream.ranges, sink, codec, stream.header, extras);
  if (!isTold(stream)) return pack(stream, sink, codec, packer);
  return writeLvs(stream.batches, sink, codec, stream.header, extras);
}

function keptExtras({ base, result, undoes, consistent, endTime, unknown }: Closing): ClosingExtras {
  return { base, result, undoes, consistent, endTime, unknown };
}

function pack(stream: ChangeStream, sink: ByteSink, codec: FrameCodec, packer: Packer): Promise<Closing> {
  const header = packedHeader(stream, packer);
  return writeLvs(takeZeroRecords(stream.batches), sink, codec, header, () => ({ endTime: Date.now() }));
}
