import { dirname } from 'node:path';
import { createCodec } from '../codec/codec.js';
import { UsageError } from '../errors.js';
import type { SpillOptions } from '../files/merge/spill.js';
import { surveyMergeInput, type MergeInput } from '../files/merge/merge-input.js';
import type { InputOptions } from '../files/open-input.js';
import { isStandardOutput, isStreamed } from '../files/sink.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { Keep } from '../lvm/opened.js';
import type { Total } from './print/progress.js';

/** What commands share that make one stream of several. */

export const TEMP_FOLDER = {
  type: 'string',
  requiresArg: true,
  describe: 'for what does not fit in memory; without it where the output is, or TMPDIR',
} as const;

/** What is spilled is read once, soon. */
const SPILL_LEVEL = 1;
const SPILL_THREADS = 1;

/** Looks at streams, of which one may be standard input. Throws what opening them throws, and their faults. */
export async function surveyAll(
  paths: readonly string[],
  codec: FrameCodec,
  options: InputOptions,
  keep: Keep,
): Promise<readonly MergeInput[]> {
  if (paths.filter((path) => path === '-').length > 1)
    throw new UsageError('-: standard input can be read only once');
  const inputs: MergeInput[] = [];
  for (const path of paths) inputs.push(keep(await surveyMergeInput(path, codec, options)));
  return inputs;
}

/** How what does not fit in memory is kept meanwhile; `path`: the output, beside which it is. */
export function spillOptions(
  path: string,
  { tempFolder }: { readonly tempFolder?: string | undefined },
  reading: FrameCodec,
  keep: Keep,
): Omit<SpillOptions, 'pieces'> {
  const writing = keep(createCodec({ level: SPILL_LEVEL, mostThreads: SPILL_THREADS }));
  return { reading, writing, folder: tempFolder ?? folderBeside(path) };
}

/** A stream that goes into a pipe is beside nothing. */
function folderBeside(path: string): string | undefined {
  return isStandardOutput(path) || isStreamed(path) ? undefined : dirname(path);
}

/** Bytes of all that is read. */
export function totalOf(inputs: readonly MergeInput[]): Total {
  return async () => inputs.reduce((sum, { closing }) => sum + closing.size, 0);
}
