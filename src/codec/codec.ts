import { availableParallelism } from 'node:os';
import type { CodedFrame, CodecFactory, DecodedFrame } from '../format/codec.js';
import type { FrameWorker } from './frame-work.js';
import { sha256, startSha256 } from './sha256.js';
import { WorkerPool } from './worker-pool.js';

/** Streams of no more frames than this are done in the calling thread: starting another one takes longer. */
const INLINE_FRAMES = 2;
const MAX_THREADS = 8;

/** zstd by zstd-napi and SHA-256 by node:crypto, in worker threads from the third frame on. */
export const createCodec: CodecFactory = ({ level }) => {
  const threads = Math.min(availableParallelism(), MAX_THREADS);
  const pool = new WorkerPool(threads, level);
  let inline: Promise<FrameWorker> | undefined;
  let frames = 0;
  const takeInline = async () => (frames++ < INLINE_FRAMES ? (inline ??= loadFrameWorker(level)) : undefined);
  return {
    sha256,
    startSha256,
    depth: threads * 2,
    compress: async (content, streamPosition, room) => {
      const own = await takeInline();
      if (own) return own.compress(content, streamPosition, room);
      return (await pool.run({ kind: 'compress', content, streamPosition, room })) as CodedFrame;
    },
    decompress: async (frame, content, streamPosition): Promise<DecodedFrame> => {
      const own = await takeInline();
      if (own) return own.decompress(frame, content, streamPosition);
      return pool.run({ kind: 'decompress', frame, content, streamPosition });
    },
    close: () => pool.close(),
  };
};

/** Loads zstd only when there is a frame to work on. */
async function loadFrameWorker(level: number): Promise<FrameWorker> {
  const { createFrameWorker } = await import('./frame-work.js');
  return createFrameWorker(level);
}
