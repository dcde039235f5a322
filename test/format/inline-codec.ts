import { createFrameWorker, sha256, startSha256 } from '#src/codec/frame-work.js';
import type { FrameCodec } from '#src/format/codec.js';

/** The codec without its threads, for tests that read thousands of small files. */
export function createInlineCodec(level = 3): FrameCodec {
  const worker = createFrameWorker(level);
  return {
    sha256,
    startSha256,
    compress: async (content, streamPosition, room) => worker.compress(content, streamPosition, room),
    decompress: async (frame, content, streamPosition) =>
      worker.decompress(frame, content, streamPosition),
    depth: 3,
    close: async () => undefined,
  };
}
