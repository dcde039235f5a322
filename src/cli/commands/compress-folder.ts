import { packStream } from '../../algebra/pack-stream.js';
import { createCodec } from '../../codec/codec.js';
import { LvstreamError, UsageError } from '../../errors.js';
import { openInput, plainSize } from '../../files/open-input.js';
import { rewriteFile, statFile } from '../../files/write-output.js';
import { ClosedOutputError } from '../../files/sink.js';
import type { Closing } from '../../format/lvs/maps/closing.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import { isTold } from '../../format/open-stream.js';
import { expandFolders } from '../arguments/stream-folders.js';
import { exitStatus, gravestStatus, reportError } from '../exit.js';
import { generator } from '../package-version.js';
import { withProgress } from '../print/progress.js';
import { remark } from '../print/remarks.js';
import { visible } from '../print/visible.js';
import { countTo, reportWritten } from '../print/written.js';
import { withOpen } from '../with-open.js';

interface Arguments {
  readonly level: number;
  readonly json: boolean;
  readonly quiet?: boolean | undefined;
  readonly output?: string | undefined;
  readonly salvage: boolean;
  readonly force: boolean;
}

/**
 * Replaces each `.lvs` file of a folder by one of another level, which says the same and has the same id. One that fails stays as
 * it is, and is no reason to leave the others. Returns the gravest exit status.
 */
export async function compressFolder(folder: string, args: Arguments): Promise<number> {
  refuseOptions(args);
  const paths = await expandFolders([folder], args);
  return withOpen(async (keep) => {
    const codec = keep(createCodec({ level: args.level }));
    const statuses: number[] = [];
    for (const path of paths) statuses.push(await compressOne(path, codec, args));
    return gravestStatus(statuses);
  });
}

function refuseOptions({ output, salvage, force }: Arguments): void {
  const given = output !== undefined ? '--output' : salvage ? '--salvage' : force ? '--force' : undefined;
  if (given === undefined) return;
  throw new UsageError(`${given}: a folder's files are replaced one by one, and only whole ones`, {
    hint: 'name the file that it is for',
  });
}

async function compressOne(path: string, codec: FrameCodec, args: Arguments): Promise<number> {
  try {
    await replaceOne(path, codec, args);
    return 0;
  } catch (error) {
    if (!(error instanceof LvstreamError) || error instanceof ClosedOutputError) throw error;
    reportError('lvstream', error);
    return exitStatus(error);
  }
}

async function replaceOne(path: string, codec: FrameCodec, args: Arguments): Promise<void> {
  const before = statFile(path);
  await withOpen(async (keep) => {
    const input = keep(await openInput(path, codec, { pieces: true }));
    const stream = await input.open();
    if (!isTold(stream)) {
      remark(`${path}: no .lvs file, left as it is: no program would know it under this name`, args);
      return;
    }
    const packer = { generator: generator(), time: Date.now() };
    const written = await withProgress(
      `compress ${visible(path)}`,
      () => plainSize(input, codec),
      args,
      (watch) =>
        rewriteFile(path, before, async (output) => {
          const packed = await countTo(output, (sink) =>
            packStream({ ...stream, batches: watch(stream.batches) }, sink, codec, packer),
          );
          refuseUnlike(path, stream.closing(), packed.totals);
          return packed;
        }),
    );
    await reportWritten(path, { format: 'lvs', kind: stream.header.kind, ...written }, args);
  });
}

/** What is about to be replaced may be the only copy. */
function refuseUnlike(path: string, { digest }: Closing, made: Closing): void {
  if (digest && Buffer.compare(digest, made.digest ?? new Uint8Array(0)) !== 0)
    throw new Error(`${path}: would be replaced by another stream`);
}
