import type { Salvage } from '../algebra/salvage.js';
import type { RandomAccessWriter } from '../algebra/random-access.js';
import type { OpenStreamFile } from '../chain/chain-head.js';
import type { Unfinished } from '../chain/way-back.js';
import { RefusedError, remedy, sentence, type FormatError } from '../errors.js';
import type { StreamInput } from '../files/open-input.js';
import { openSalvaged } from '../files/salvage-input.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { ChangeStream } from '../format/open-stream.js';

export interface ApplyOptions {
  /** Where to save what is overwritten; a file of that name must not exist. */
  readonly snapback?: string | undefined;
  /** Make all checks and write nothing. */
  readonly dryRun: boolean;
  /** Leave out what lies past the device's end instead of refusing the stream. */
  readonly skipPastEnd: boolean;
  /** Put what was written on stable storage before saying that it is done. */
  readonly sync: boolean;
  /** Hold the device against the stream's base digests and states. */
  readonly baseCheck: boolean;
  /** Write although the device is mounted, held or open elsewhere. */
  readonly inUse: boolean;
  /** Finish a stream that is partly applied. */
  readonly finish: boolean;
  /** Apply a snapback although it is not its turn. */
  readonly outOfOrder: boolean;
  /** Apply every whole record before the first damage. */
  readonly salvage: boolean;
  /** Name and version of the program, for the snapback's header. */
  readonly generator: string;
}

export interface ApplyReport {
  /** *checked*: a dry run that would have gone on. */
  readonly outcome: 'applied' | 'already-applied' | 'finished' | 'checked';
  readonly bytesWritten: number;
  /** Bytes past the device's end that were left out. */
  readonly bytesSkipped: number;
  /** The damage at which a salvage ended. */
  readonly fault: FormatError | undefined;
  /** The finished snapback. */
  readonly snapback: string | undefined;
  /** What the user should know, a sentence each. */
  readonly notices: readonly string[];
}

/** What has been done so far. Bytes. */
export interface Counts {
  written: number;
  skipped: number;
}

/** What there is to work with once the stream and the target are open. */
export interface Work {
  readonly input: StreamInput;
  readonly target: RandomAccessWriter;
  readonly codec: FrameCodec;
  readonly options: ApplyOptions;
  readonly openFile: OpenStreamFile;
  readonly notices: string[];
  readonly counts: Counts;
  /** Where a stream that is to be salvaged is damaged. */
  readonly damage: Salvage | undefined;
}

export function unfinished({ target, counts, options: { snapback } }: Work): Unfinished {
  return { device: target.name, written: counts.written, snapback };
}

/** Opens the stream; of a damaged one that is to be salvaged only what is whole (§10). */
export function openWhole({ input, damage }: Work, checked = false): Promise<ChangeStream> {
  return damage?.fault ? openSalvaged(input, damage) : input.open({ checked });
}

export function tooSmall(
  { name, size }: RandomAccessWriter,
  needed: number,
  because = `the stream goes up to byte ${needed}`,
): RefusedError {
  return new RefusedError(`${name}: has ${size} bytes, ${because}`, {
    hint: sentence`use a device of the origin's size; ${remedy('skip-past-end')} leaves out what does not fit`,
  });
}

export function report(
  { notices, damage }: Work,
  result: Pick<ApplyReport, 'outcome'> & Partial<ApplyReport>,
): ApplyReport {
  return { bytesWritten: 0, bytesSkipped: 0, fault: damage?.fault, snapback: undefined, notices, ...result };
}
