import type { FrameScanner } from './frames/frame-scanner.js';
import { type ScannedFrame } from './frames/frame-scanner.js';
import { decodeHeader, type StreamHeader } from './maps/header.js';

/** The header of a file, and the frame that it stands in. */
export interface TakenHeader {
  readonly header: StreamHeader;
  readonly frame: ScannedFrame;
}

/** Takes the first frame of a file: what it says of itself (§4.2). Throws the faults of a header, in the order of §4.8. */
export async function takeHeader(scanner: FrameScanner): Promise<TakenHeader> {
  const frame = await scanner.next();
  return { header: decodeHeader(frame.bytes, frame.position), frame };
}
