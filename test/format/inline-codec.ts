import { createFrameWorker, sha256, startSha256 } from '#src/codec/frame-work.js';
import type { FrameCodec } from '#src/format/codec.js';

/** The codec without its threads, for tests that read thousands of small files. */
export function createInlineCodec(level = 3): FrameCodec {
  const worker = createFrameWorker(level);
  return {
    sha256,
    startSha256,
    compress: async (...args) => worker.compress(...args),
    decompress: async (...args) => worker.decompress(...args),
    depth: 3,
    close: async () => undefined,
  };
}
