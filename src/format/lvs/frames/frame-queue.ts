import { MOST_IN_FLIGHT, type DecodedFrame, type FrameCodec } from '../../frame-codec.js';
import type { BegunFrame, FrameScanner, ScannedFrame } from './frame-scanner.js';
import { encodedSize, memoryOfBatch, type BufferPool } from '../../batch.js';
import { FIRST_LINE_SIZE } from '../../layout.js';

/** A frame in its turn; of a data frame with its content. */
interface QueuedFrame {
  readonly frame: ScannedFrame;
  readonly decoded: DecodedFrame | undefined;
}

interface QueueOptions {
  /** Data frames come with their digests. */
  readonly hashes: boolean;
  /** Where the buffers for their content come from. */
  readonly contents: BufferPool;
  /** Bytes of memory of the frames that are decoded ahead; one always is. */
  readonly readAhead?: number | undefined;
}

type Waiting =
  | { readonly frame: ScannedFrame; readonly memory: number; readonly decoded?: Promise<DecodedFrame> }
  | { readonly error: unknown; readonly begun: BegunFrame | undefined };

/**
 * The frames of a file in order, decoded several at a time. What the scanner throws is thrown after all frames
 * before it have been taken. A frame is good until the next one is asked for. Ends behind a seek table. `admit` is called with each frame in its turn, also one that
 * is damaged inside, and throws if none of its kind may stand there (§4.8). `hashes`: data frames come with their digests.
 */
export async function* queueFrames(
  scanner: FrameScanner,
  codec: FrameCodec,
  { hashes, contents, readAhead = MOST_IN_FLIGHT }: QueueOptions,
  admit: (frame: BegunFrame) => void,
): AsyncGenerator<QueuedFrame> {
  const queue: Waiting[] = [];
  let streamPosition = FIRST_LINE_SIZE;
  let ended = false;
  let queuedBytes = 0;
  for (;;) {
    const hasRoom = () => queue.length < codec.depth && queuedBytes < readAhead && !endsInPage(queue);
    while (!ended && (queue.length === 0 || hasRoom())) {
      const waiting = await scanNext(scanner, codec, contents, hashes ? streamPosition : undefined);
      queue.push(waiting);
      ended = 'error' in waiting || waiting.frame.kind === 'seekTable';
      if ('frame' in waiting) streamPosition += contentSizeOf(waiting.frame);
      queuedBytes += 'frame' in waiting ? waiting.memory : 0;
    }
    const waiting = queue.shift();
    if (!waiting) return;
    queuedBytes -= 'frame' in waiting ? waiting.memory : 0;
    if ('error' in waiting) {
      if (waiting.begun) admit(waiting.begun);
      throw waiting.error;
    }
    admit(waiting.frame);
    yield { frame: waiting.frame, decoded: await waiting.decoded };
  }
}

/** A page's bytes are good until the next frame is scanned, which waits for the page's turn to have passed. */
function endsInPage(queue: readonly Waiting[]): boolean {
  const last = queue.at(-1);
  return last !== undefined && 'frame' in last && (last.frame.kind === 'page' || last.frame.kind === 'other');
}

async function scanNext(
  scanner: FrameScanner,
  codec: FrameCodec,
  contents: BufferPool,
  streamPosition: number | undefined,
): Promise<Waiting> {
  try {
    const frame = await scanner.next();
    const memory = memoryOf(frame);
    if (frame.kind !== 'data') return { frame, memory };
    const content = contents.take(frame.contentSize).subarray(0, frame.contentSize);
    const decoded = codec.decompress(frame.bytes, content, streamPosition);
    decoded.catch(() => undefined);
    return { frame, memory, decoded };
  } catch (error) {
    return { error, begun: scanner.begun };
  }
}

function contentSizeOf(frame: ScannedFrame): number {
  if (frame.kind === 'data') return frame.contentSize;
  return frame.kind === 'zeros' ? encodedSize({ kind: 'zeros', ranges: frame.ranges }) : 0;
}

/**
 * Bytes that a frame holds until its turn comes: its own, and its content's or its ranges'. Asked before a thread takes
 * them over.
 */
function memoryOf(frame: ScannedFrame): number {
  const size = frame.bytes.length;
  if (frame.kind === 'data') return size + frame.contentSize;
  return frame.kind === 'zeros' ? size + memoryOfBatch(frame) : size;
}
