import { createFrameWorker } from '#src/codec/frame-work.js';
import { sha256, sha256Into, startSha256 } from '#src/codec/sha256.js';
import type { DecodedFrame, FrameCodec } from '#src/format/frame-codec.js';
import { MemoryScratch } from '../ranges/memory-scratch.js';

/** The codec without its threads, for tests that read thousands of small files. */
export function createInlineCodec(level = 3): FrameCodec {
  const worker = createFrameWorker(level);
  return {
    sha256,
    sha256Into,
    startSha256,
    compress: async (...args) => worker.compress(...args),
    decompress: async (...args) => worker.decompress(...args),
    depth: 3,
    openScratch: () => new MemoryScratch(),
    close: async () => undefined,
  };
}

/**
 * The same for reading one file again and again with a little damage: a frame that it has seen is decoded, but not
 * hashed again.
 */
export function createRememberingCodec(): FrameCodec {
  const codec = createInlineCodec();
  const known = new Map<string, Pick<DecodedFrame, 'sha256' | 'blocks'>>();
  return {
    ...codec,
    decompress: async (frame, content, streamPosition) => {
      const key = `${streamPosition} ${Buffer.from(frame).toString('latin1')}`;
      const seen = known.get(key);
      if (seen) return { ...(await codec.decompress(frame, content, undefined)), ...seen };
      const decoded = await codec.decompress(frame, content, streamPosition);
      if (decoded.content) known.set(key, { sha256: decoded.sha256, blocks: decoded.blocks });
      return decoded;
    },
  };
}
