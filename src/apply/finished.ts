import { existsSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RangeReader } from '../algebra/random-access.js';
import { LvstreamError } from '../errors.js';
import { readLvsHeader } from '../files/lvs-header.js';
import type { StreamInput } from '../files/open-input.js';
import { statIfThere } from '../files/sink.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import { readThrough } from '../format/read-through.js';
import { findOfDevice, judgeSnapback, type OpenStreamFile } from '../chain/chain-head.js';
import { ResultComparison } from '../compare/result-comparison.js';
import { isPartial, partialPath } from '../chain/partial-file.js';
import { identifyTarget, isSameDevice } from '../device/target.js';

/**
 * Whether a snapback of that name has been finished or begun, or one of that device in its folder begun: then the stream
 * must be read more than once, so that one from a pipe is to be kept. What can't be told here is refused later.
 */
export async function isBegun(snapback: string | undefined, device: string): Promise<boolean> {
  if (snapback === undefined) return false;
  if (existsSync(snapback) || existsSync(partialPath(snapback))) return true;
  try {
    return (await findOfDevice(dirname(snapback), identifyTarget(device), isPartial)).length > 0;
  } catch (error) {
    if (error instanceof LvstreamError) return false;
    throw error;
  }
}

/** What tells whether an apply has been finished. */
interface FinishedContext {
  readonly input: StreamInput;
  readonly target: RangeReader;
  readonly codec: FrameCodec;
  readonly openFile: OpenStreamFile;
  readonly options: { readonly skipPastEnd: boolean };
}

/**
 * A run that was killed behind its last step has left nothing to do: its snapback says so, and the device agrees. Returns
 * how many bytes past the device's end it has left out; undefined: there is something to do.
 */
export async function findFinished(
  path: string | undefined,
  { input, target, codec, openFile, options }: FinishedContext,
  header: StreamHeader,
): Promise<{ readonly pastEnd: number } | undefined> {
  if (!input.rewindable || path === undefined || statIfThere(path, lstatSync)?.isFile() !== true)
    return undefined;
  const made = await readLvsHeader(path);
  if (made?.kind !== 'snapback' || !made.target || !isSameDevice(made.target, identifyTarget(target.name)))
    return undefined;
  const { closing, verdict } = await judgeSnapback({ path, header: made }, target, codec, openFile);
  if (verdict.kind !== 'base' && verdict.kind !== 'either') return undefined;
  const { digest, differentBytes, pastEnd } = await compareResult(input, target, codec);
  const isHeld = differentBytes === 0 && (pastEnd === 0 || options.skipPastEnd);
  return isHeld && isUndone(closing.undoes ?? made.undoes, header.id ?? digest!) ? { pastEnd } : undefined;
}

/** By its id, or the digest of a stream that has none (§5.2). */
function isUndone(undone: readonly Uint8Array[] = [], id: Uint8Array): boolean {
  return undone.some((other) => Buffer.compare(other, id) === 0);
}

/** A snapback can name a stream of which only a part was applied: a damaged one, or one that another took over from. */
async function compareResult(input: StreamInput, target: RangeReader, codec: FrameCodec) {
  const stream = await input.open();
  const comparison = new ResultComparison(target, stream.header.order, codec.openScratch);
  const { closing } = await readThrough(stream, codec, (batch) => comparison.add(batch));
  return { ...comparison.result(), digest: closing.digest };
}
