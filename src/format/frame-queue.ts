import type { DecodedFrame, FrameCodec } from './codec.js';
import type { FrameScanner, ScannedFrame } from './frame-scanner.js';
import { encodedSize } from './batch.js';
import { FIRST_LINE_SIZE } from './layout.js';

/** A frame in its turn; of a data frame with its content. */
export interface QueuedFrame {
  readonly frame: ScannedFrame;
  readonly decoded: DecodedFrame | undefined;
}

type Waiting = { readonly frame: ScannedFrame; readonly decoded?: Promise<DecodedFrame> } | { readonly error: unknown };

/**
 * The frames of a file in order, decoded several at a time. What the scanner throws is thrown after all frames
 * before it have been taken. Ends behind a seek table. `hashes`: data frames come with their digests.
 */
export async function* queueFrames(
  scanner: FrameScanner,
  codec: FrameCodec,
  hashes: boolean,
): AsyncGenerator<QueuedFrame> {
  const queue: Waiting[] = [];
  let streamPosition = FIRST_LINE_SIZE;
  let ended = false;
  for (;;) {
    while (!ended && queue.length < codec.depth) {
      const waiting = await scanNext(scanner, codec, hashes ? streamPosition : undefined);
      queue.push(waiting);
      ended = 'error' in waiting || waiting.frame.kind === 'seekTable';
      if ('frame' in waiting) streamPosition += contentSizeOf(waiting.frame);
    }
    const waiting = queue.shift();
    if (!waiting) return;
    if ('error' in waiting) throw waiting.error;
    yield { frame: waiting.frame, decoded: await waiting.decoded };
  }
}

async function scanNext(scanner: FrameScanner, codec: FrameCodec, streamPosition: number | undefined): Promise<Waiting> {
  try {
    const frame = await scanner.next();
    if (frame.kind !== 'data') return { frame };
    const decoded = codec.decompress(frame.bytes, frame.contentSize, streamPosition);
    decoded.catch(() => undefined);
    return { frame, decoded };
  } catch (error) {
    return { error };
  }
}

function contentSizeOf(frame: ScannedFrame): number {
  if (frame.kind === 'data') return frame.contentSize;
  return frame.kind === 'zeros' ? encodedSize({ kind: 'zeros', ranges: frame.ranges }) : 0;
}
