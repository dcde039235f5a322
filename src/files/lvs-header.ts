import { FormatError } from '../errors.js';
import { ByteReader } from '../format/byte-reader.js';
import { FrameScanner } from '../format/lvs/frames/frame-scanner.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import { takeHeader } from '../format/lvs/take-header.js';
import { isContainer } from '../format/open-stream.js';
import { openRegular } from './source.js';

/** The header of an `.lvs` file, finished or not; undefined of any other file and of a damaged header. */
export async function readLvsHeader(path: string): Promise<StreamHeader | undefined> {
  const source = await openRegular(path);
  if (!source) return undefined;
  try {
    const reader = new ByteReader(source.start());
    if (!isContainer(await reader.peek(4))) return undefined;
    return (await takeHeader(new FrameScanner(reader))).header;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  } finally {
    source.close();
  }
}
