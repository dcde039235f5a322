import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { splitZeroRuns } from '../algebra/zeros/split-zeros.js';
import { onInterrupt } from '../files/interrupt.js';
import { openInput, type StreamInput } from '../files/open-input.js';
import { makeTemporaryFolder } from '../codec/scratch-file.js';
import { writeOutput } from '../files/write-output.js';
import { counted } from '../format/counted.js';
import type { Watch } from '../format/batch.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { Changes } from './changes.js';
import { dumpHeader, endOfDump, followedBy, writeDump, type DumpOptions } from './write-changes.js';

/**
 * Changes as a stream to apply at once, as it is read: nothing is encoded on the way. It can be opened once. `watch`
 * sees the batches pass. The changes stay the caller's.
 */
export function inputOf(
  changes: Changes,
  name: string,
  codec: FrameCodec,
  options: DumpOptions,
  watch: Watch,
): StreamInput {
  return {
    name,
    rewindable: false,
    open: async () => {
      let settled: ReturnType<Changes['conclude']> = { consistent: false };
      const batches = followedBy(watch(splitZeroRuns(changes.batches())), () => {
        settled = changes.conclude();
      });
      const header = dumpHeader(changes, options);
      const { closing, ...passing } = counted(batches, codec);
      const close = () => ({ ...closing(), ...endOfDump(header, settled, closing().digest!, codec) });
      return { format: 'lvs', header, hasEndMark: true, ...passing, closing: close };
    },
    close: () => undefined,
  };
}

/** The same by way of a temporary file that is gone when the input is closed: it can be opened again and again. */
export async function spoolChanges(
  changes: Changes,
  codec: FrameCodec,
  options: DumpOptions,
  watch: Watch,
): Promise<StreamInput> {
  const folder = makeTemporaryFolder();
  const remove = () => {
    rmSync(folder, { recursive: true, force: true });
  };
  const forget = onInterrupt(remove);
  const path = join(folder, 'changes.lvs');
  try {
    await writeOutput(path, {}, (output) => writeDump(changes, output, codec, options, watch));
    return await openInput(path, codec, { pieces: true });
  } finally {
    remove();
    forget();
  }
}
