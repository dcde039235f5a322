import { applyStream } from '#src/apply/apply.js';
import type { ApplyOptions } from '#src/apply/work.js';
import { LvstreamError } from '#src/errors.js';
import { openInput } from '#src/files/open-input.js';
import { createInlineCodec } from '../format/inline-codec.js';

const codec = createInlineCodec(1);
const OPTIONS: ApplyOptions = {
  dryRun: false,
  skipPastEnd: false,
  sync: true,
  baseCheck: true,
  inUse: true,
  finish: false,
  outOfOrder: false,
  salvage: false,
  generator: 'test',
};

/** What an apply is told: paths, and what differs from its defaults. */
export interface ApplyArguments {
  readonly stream: string;
  readonly device: string;
  readonly snapback?: string | undefined;
  readonly options?: Partial<ApplyOptions> | undefined;
}

/** Applies a stream in this process, whatever else has the device open; returns the error that it ended with. */
export async function applyHere({ stream, device, snapback, options }: ApplyArguments): Promise<unknown> {
  const openFile = (path: string) => openInput(path, codec, { pieces: true });
  try {
    const input = await openInput(stream, codec, { pieces: true });
    try {
      await applyStream(input, device, codec, openFile, { ...OPTIONS, ...options, snapback });
    } finally {
      input.close();
    }
  } catch (error) {
    return error;
  }
  return undefined;
}

/** An expected error by its kind and message, any other one with its stack. */
export function describeError(error: unknown): string {
  if (!(error instanceof LvstreamError)) return String(error instanceof Error ? error.stack : error);
  return `${error.constructor.name}: ${error.message}`;
}
