import { createCodec } from '../../codec/codec.js';
import { LvstreamError } from '../../errors.js';
import { openInput, type InputOptions, type StreamInput } from '../../files/open-input.js';
import { ClosedOutputError } from '../../files/sink.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import { exitStatus, gravestStatus } from '../exit.js';
import { withOpen } from '../with-open.js';

/** What is done with one stream, and with one that fails. */
export interface StreamTask {
  /** Returns the exit status. */
  readonly act: (input: StreamInput, codec: FrameCodec) => Promise<number>;
  readonly report: (path: string, error: LvstreamError) => Promise<void>;
}

/**
 * Opens one stream after the other and does something with it; one that fails is no reason to keep silent about the
 * others. Returns the gravest exit status.
 */
export async function eachStream(
  paths: readonly string[],
  options: InputOptions,
  task: StreamTask,
): Promise<number> {
  return withOpen(async (keep) => {
    const codec = keep(createCodec({ level: 0 }));
    const statuses: number[] = [];
    for (const path of paths) statuses.push(await oneStream(path, codec, options, task));
    return gravestStatus(statuses);
  });
}

async function oneStream(
  path: string,
  codec: FrameCodec,
  options: InputOptions,
  { act, report }: StreamTask,
): Promise<number> {
  try {
    return await withOpen(async (keep) => act(keep(await openInput(path, codec, options)), codec));
  } catch (error) {
    if (!(error instanceof LvstreamError) || error instanceof ClosedOutputError) throw error;
    await report(path, error);
    return exitStatus(error);
  }
}
