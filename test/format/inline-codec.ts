import { createFrameWorker, sha256, startSha256 } from '#src/codec/frame-work.js';
import type { FrameCodec } from '#src/format/codec.js';

/** The codec without its threads, for tests that read thousands of small files. */
export function createInlineCodec(level = 3): FrameCodec {
  const worker = createFrameWorker(level);
  return {
    sha256,
    startSha256,
    compress: async (content, streamPosition) => worker.compress(content, streamPosition),
    decompress: async (frame, contentSize, streamPosition) =>
      worker.decompress(frame, contentSize, streamPosition),
    depth: 3,
    close: async () => undefined,
  };
}
