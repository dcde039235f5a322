import { createCodec } from '../../codec/codec.js';
import { applyStream } from '../../apply/apply.js';
import type { ApplyOptions } from '../../apply/work.js';
import { isBegun } from '../../apply/finished.js';
import { openInput } from '../../files/open-input.js';
import { warn, type Chattiness } from './options.js';
import { generator } from '../package-version.js';
import { widenPipes } from '../widen-pipes.js';
import { withOpen } from '../with-open.js';

/** What an apply by the original's command line can be told: where to save what is overwritten. */
export function applyOptions(snapback: string | undefined): ApplyOptions {
  return {
    ...{ snapback, sync: true, baseCheck: true, generator: generator() },
    ...{ dryRun: false, skipPastEnd: false, inUse: false, finish: false, outOfOrder: false, salvage: false },
  };
}

/** Writes a stream to a device: `lvmsync --apply`. */
export async function runApply(
  stream: string,
  device: string,
  snapback: string | undefined,
  chattiness: Chattiness,
): Promise<void> {
  const report = await withOpen(async (keep) => {
    const codec = keep(createCodec({ level: 3 }));
    const rewindable = await isBegun(snapback, device);
    const openFile = (path: string) => openInput(path, codec, { pieces: true, rewindable });
    widenPipes();
    const input = keep(await openFile(stream));
    return applyStream(input, device, codec, openFile, applyOptions(snapback));
  });
  const { outcome, bytesWritten, notices } = report;
  for (const notice of notices) warn(notice, chattiness);
  if (chattiness.verbose || chattiness.debug)
    warn(`${device}: ${outcome}, ${bytesWritten} bytes written`, chattiness);
}
