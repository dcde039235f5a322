import { readFileSync } from 'node:fs';
import { applyStream } from '#src/apply/apply.js';
import type { ApplyOptions, ApplyReport } from '#src/apply/work.js';
import type { StreamInput } from '#src/files/open-input.js';
import { codec, openBytes } from '../streams.js';

/** Options of an apply that makes all checks and does not sync. */
export const OPTIONS: ApplyOptions = {
  dryRun: false,
  skipPastEnd: false,
  sync: false,
  baseCheck: true,
  inUse: false,
  finish: false,
  outOfOrder: false,
  salvage: false,
  generator: 'test',
};

/** A stream in memory as an input; `path`: what it says to be the file of. */
export function inputOf(
  bytes: Uint8Array,
  { rewindable = true, pieces = true, path = undefined as string | undefined } = {},
): StreamInput {
  return {
    name: 'stream',
    path,
    rewindable,
    open: () => openBytes(bytes, pieces),
    close: () => undefined,
  };
}

export async function openFile(path: string): Promise<StreamInput> {
  return inputOf(readFileSync(path), { path });
}

export function apply(
  input: StreamInput,
  device: string,
  options: Partial<ApplyOptions> = {},
): Promise<ApplyReport> {
  return applyStream(input, device, codec, openFile, { ...OPTIONS, ...options });
}
