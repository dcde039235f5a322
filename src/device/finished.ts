import { lstatSync } from 'node:fs';
import type { RandomAccessReader } from '../algebra/random-access.js';
import { readLvsHeader } from '../files/lvs-header.js';
import type { StreamInput } from '../files/open-input.js';
import { statIfThere } from '../files/sink.js';
import { releaseBatch } from '../format/batch.js';
import type { FrameCodec } from '../format/codec.js';
import type { StreamHeader } from '../format/header.js';
import { judgeSnapback, type OpenStreamFile } from './chain-head.js';
import { ResultComparison } from './compare.js';
import { identifyTarget } from './target.js';

/** What tells whether an apply has been finished. */
interface FinishedContext {
  readonly input: StreamInput;
  readonly target: RandomAccessReader;
  readonly codec: FrameCodec;
  readonly openFile: OpenStreamFile;
}

/** A run that was killed behind its last step has left nothing to do: its snapback says so, and the device agrees. */
export async function isFinished(
  path: string | undefined,
  { input, target, codec, openFile }: FinishedContext,
  header: StreamHeader | undefined,
): Promise<boolean> {
  const id = header?.id;
  if (!input.rewindable || path === undefined || !id || statIfThere(path, lstatSync)?.isFile() !== true)
    return false;
  const made = await readLvsHeader(path);
  if (made?.kind !== 'snapback' || made.target?.path !== identifyTarget(target.name).path) return false;
  const { closing, verdict } = await judgeSnapback({ path, header: made }, target, codec, openFile);
  const undone = closing.undoes ?? made.undoes ?? [];
  const isUndone = verdict.kind === 'base' && undone.some((other) => Buffer.compare(other, id) === 0);
  return isUndone && (await holdsResult(input, target));
}

/** A snapback can name a stream of which only a part was applied: a damaged one, or one that another took over from. */
async function holdsResult(input: StreamInput, target: RandomAccessReader): Promise<boolean> {
  const stream = await input.open();
  const comparison = new ResultComparison(target, stream.format === 'lvs' ? stream.header.order : 'given');
  for await (const batch of stream.batches) {
    comparison.add(batch);
    releaseBatch(batch);
  }
  return comparison.result().differentBytes === 0;
}
