import { availableParallelism } from 'node:os';
import type { CodedFrame, CodecFactory, DecodedFrame } from '../format/frame-codec.js';
import type { FrameWorker } from './frame-work.js';
import { sha256, sha256Into, startSha256 } from './sha256.js';
import { FIRST_HIGH_LEVEL } from './levels.js';
import type { Scratch } from '../ranges/scratch.js';
import { openScratchFile } from './scratch-file.js';
import { WorkerPool } from './worker-pool.js';

/** Streams of no more frames than this are done in the calling thread: starting another one takes longer. */
const INLINE_FRAMES = 2;
/** Each takes 14 MiB, with the frames that it works on: the whole process stays under 256 MiB. */
const MAX_THREADS = 4;
/** Where a thread takes long for a frame, and a stream's other work is little beside it. */
const MAX_THREADS_AT_HIGH_LEVELS = 8;

/** zstd by zstd-napi and SHA-256 by node:crypto, in worker threads from the third frame on. */
export const createCodec: CodecFactory = ({ level, mostThreads = Infinity }) => {
  const most = level < FIRST_HIGH_LEVEL ? MAX_THREADS : MAX_THREADS_AT_HIGH_LEVELS;
  const threads = Math.min(availableParallelism(), most, mostThreads);
  const pool = new WorkerPool(threads, level);
  let inline: Promise<FrameWorker> | undefined;
  let frames = 0;
  const scratchFiles: Scratch[] = [];
  const takeInline = async () => (frames++ < INLINE_FRAMES ? (inline ??= loadFrameWorker(level)) : undefined);
  return {
    sha256,
    sha256Into,
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
    openScratch: () => {
      const file = openScratchFile();
      scratchFiles.push(file);
      return file;
    },
    close: () => {
      for (const file of scratchFiles.splice(0)) file.close();
      return pool.close();
    },
  };
};

/** Loads zstd only when there is a frame to work on. */
async function loadFrameWorker(level: number): Promise<FrameWorker> {
  const { createFrameWorker } = await import('./frame-work.js');
  return createFrameWorker(level);
}
