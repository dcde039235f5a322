import { FormatError } from '../errors.js';
import { ByteReader } from '../format/byte-reader.js';
import { FrameScanner } from '../format/lvs/frames/frame-scanner.js';
import { decodeHeader, type StreamHeader } from '../format/lvs/maps/header.js';
import { HEADER_MAGIC } from '../format/layout.js';
import { viewOf } from '../format/view.js';
import { openRegular } from './source.js';

/** The header of an `.lvs` file, finished or not; undefined of any other file and of a damaged header. */
export async function readLvsHeader(path: string): Promise<StreamHeader | undefined> {
  const source = await openRegular(path);
  if (!source) return undefined;
  try {
    const reader = new ByteReader(source.start());
    const magic = await reader.peek(4);
    if (magic.length < 4 || viewOf(magic).getUint32(0, true) !== HEADER_MAGIC) return undefined;
    const { bytes, position } = await new FrameScanner(reader).next();
    return decodeHeader(bytes, position);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  } finally {
    source.close();
  }
}
