import { countBytes, type Changes } from '../changes/changes.js';
import { writeDump, writePlainDump } from '../changes/write-changes.js';
import { randomId } from '../codec/random-id.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { generator } from './package-version.js';
import { withProgress } from './print/progress.js';
import { writeCounted, writtenAs, type Written } from './print/written.js';
import type { StreamTarget } from './write-stream.js';

/**
 * Writes changes as a stream, with a progress bar meanwhile; no file is there if that fails. `name`: what is done, as the bar says
 * it. What comes back is for `reportWritten`. Throws what reading and writing throw.
 */
export async function writeChanges(
  name: string,
  changes: Changes,
  codec: FrameCodec,
  { path, format, baseDigests, ...args }: StreamTarget & { readonly baseDigests: boolean },
): Promise<Written> {
  const options = { baseDigests, id: randomId(), generator: generator() };
  const total = async () => countBytes(changes);
  const written = await withProgress(name, total, args, (watch) =>
    writeCounted(path, args, (sink) =>
      format === 'lvmsync'
        ? writePlainDump(changes, sink, watch)
        : writeDump(changes, sink, codec, options, watch),
    ),
  );
  return { ...writtenAs(format, 'changes'), ...written };
}
