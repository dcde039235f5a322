import { join, toHex, sha256 } from '../vectors/bytes.js';
import { FileDraft, type Base, type Range } from '../vectors/container.js';
import type { ValueMap } from '../vectors/msgpack.js';
import { modelOf, runsOf, type Item, type Model } from './model.js';

/** A vector of an operation (§13): a folder's name, its files, and what its `expect.json` says. */
export interface OperationVector {
  readonly name: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly expect: Readonly<Record<string, unknown>>;
}

/** A stream as a case writes it down: a header, and each element of `frames` a frame of its own. */
export interface StreamDraft {
  readonly header: ValueMap;
  readonly frames: readonly (readonly Item[])[];
  /** What the device holds before it, as far as it is known. */
  readonly base?: Base;
}

/** What is asked, and of which files. */
interface Question {
  readonly description: string;
  readonly operation: 'merge' | 'squash' | 'coalesce' | 'slice' | 'invert' | 'diff' | 'compare';
  readonly inputs: readonly string[];
  readonly device?: string;
  readonly ranges?: readonly (readonly [offset: number, length: number])[];
}

/** What is known of a result beside its bytes; null: the result says nothing of it. */
export interface Ends {
  readonly base: string | null;
  readonly result: string | null;
  readonly base_size: number | null;
  readonly result_size: number | null;
}

export const NO_ENDS: Ends = { base: null, result: null, base_size: null, result_size: null };

/** A case whose result is a stream. */
export function makes(
  name: string,
  question: Question,
  files: OperationVector['files'],
  result: Model,
  ends: Ends = NO_ENDS,
): OperationVector {
  const pieces = result.pieces.map(({ offset, length, base }) => [offset, length, digestOf(base)]);
  return {
    name,
    files,
    expect: { ...question, verdict: 'made', bytes: runsOf(result.bytes), pieces, ...ends },
  };
}

/** A case that has to be refused. */
export function refused(name: string, question: Question, files: OperationVector['files']): OperationVector {
  return { name, files, expect: { ...question, verdict: 'refused' } };
}

/** A case whose answer is where two streams differ. */
export function differ(
  name: string,
  question: Question,
  files: OperationVector['files'],
  different: readonly Range[],
): OperationVector {
  const ranges = different.map(({ offset, length }) => [offset, length]);
  return {
    name,
    files,
    expect: { ...question, verdict: ranges.length > 0 ? 'different' : 'equal', different: ranges },
  };
}

/** The `.lvs` file of a stream. */
export function fileOf({ header, frames, base }: StreamDraft): Uint8Array {
  const file = new FileDraft(header, base ? { base } : {});
  for (const items of frames) {
    if (items.every(({ data }) => data === undefined)) file.zeros(items);
    else file.data(items.map(({ offset, data }) => ({ offset, data: data! })));
  }
  file.finish();
  return file.bytes;
}

export function modelOfStream({ frames, base }: StreamDraft): Model {
  return modelOf(frames.flat(), base);
}

/** The files of the streams, by number. */
export function filesOf(...streams: readonly StreamDraft[]): Record<string, Uint8Array> {
  return Object.fromEntries(streams.map((stream, i) => [`${i + 1}.lvs`, fileOf(stream)]));
}

/** The first 16 bytes of SHA-256, as text; `zero` of bytes that are all zero (§4.6.2). */
function digestOf(base: Uint8Array): string {
  return base.every((byte) => byte === 0) ? 'zero' : toHex(sha256(base)).slice(0, 32);
}

/** Each byte of a device that is known. */
export const holding =
  (device: Uint8Array): Base =>
  (offset, length) =>
    join(device.subarray(offset, offset + length));
