import { readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { following, isKnownNotToFollow } from '../algebra/follows.js';
import type { RangeReader } from '../algebra/random-access.js';
import {
  errorCode,
  FormatError,
  LvstreamError,
  RefusedError,
  remedy,
  sentence,
  type Sentence,
} from '../errors.js';
import { readLvsHeader } from '../files/lvs-header.js';
import { eachRange } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import type { Closing } from '../format/lvs/maps/closing.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import { PIECE_SIZE } from '../format/layout.js';
import { isTold } from '../format/open-stream.js';
import { RangeSet } from '../ranges/range-set.js';
import type { Ends } from '../format/lvs/maps/ends.js';
import type { State } from '../format/lvs/maps/state.js';
import type { StreamInput } from '../files/open-input.js';
import { attempt } from '../device/image.js';
import { isPartial } from './partial-file.js';
import { surveyStream, type Survey, type SurveyOptions } from '../compare/survey.js';
import { isSameDevice, type TargetIdentity } from '../device/target.js';
import type { Verdict } from '../compare/verdict.js';

/** A finished snapback of a device, found by its header. */
export interface FoundSnapback {
  readonly path: string;
  readonly header: StreamHeader;
}

/** A snapback and what the device holds where it writes. */
export interface JudgedSnapback extends FoundSnapback {
  readonly closing: Closing;
  readonly verdict: Verdict;
}

export type OpenStreamFile = (path: string) => Promise<StreamInput>;

/** The finished snapbacks of a device in a folder, newest first, without derived ones (§6.3, §6.4). Files that are none are passed over. */
export async function findSnapbacks(folder: string, target: TargetIdentity): Promise<FoundSnapback[]> {
  const found = await findOfDevice(folder, target, (name) => !isPartial(name));
  const links = found.filter(({ header }) => header.derivedFrom === undefined);
  return links.sort((a, b) => (b.header.sequence ?? 0) - (a.header.sequence ?? 0));
}

/** The snapbacks of a device among the files of a folder whose names are wanted, finished or not. Files that are none are passed over. */
export async function findOfDevice(
  folder: string,
  target: TargetIdentity,
  isWanted: (name: string) => boolean,
): Promise<FoundSnapback[]> {
  const found: FoundSnapback[] = [];
  for (const entry of listFolder(folder)) {
    if (!entry.isFile() || !isWanted(entry.name) || entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const header = await readIfThere(path);
    if (header?.kind === 'snapback' && header.target && isSameDevice(header.target, target))
      found.push({ path, header });
  }
  return found;
}

function listFolder(folder: string) {
  return attempt(`${folder}: its snapbacks can't be listed`, () =>
    readdirSync(folder, { withFileTypes: true }),
  );
}

/** A file can be gone since the folder was listed. */
async function readIfThere(path: string): Promise<StreamHeader | undefined> {
  try {
    return await readLvsHeader(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Compares the device with what a snapback expects and what it writes. Throws `RefusedError` of a damaged one: what it
 * says of the chain can't be relied on.
 */
export async function judgeSnapback(
  snapback: FoundSnapback,
  device: RangeReader,
  codec: FrameCodec,
  openFile: OpenStreamFile,
  options: Pick<SurveyOptions, 'exempt' | 'onBatch'> = {},
): Promise<JudgedSnapback> {
  const input = await openFile(snapback.path);
  try {
    const stream = await input.open();
    const survey = await surveyStream(stream.batches, codec, { ...options, device });
    if (!isTold(stream)) throw new LvstreamError(`${snapback.path}: was replaced while it was being read`);
    return { ...snapback, closing: stream.closing(), verdict: verdictOf(survey, device) };
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    const hint = sentence`put it aside to go on without it; ${remedy('compress-salvage')} keeps what is whole of it`;
    throw new RefusedError(`the newest snapback beside it is damaged: ${cause.message}`, { cause, hint });
  } finally {
    input.close();
  }
}

/** A device that ends before the snapback does holds neither of its ends. */
function verdictOf({ verdict, high }: Survey, device: RangeReader): Verdict {
  if (high <= device.size) return verdict!;
  return { kind: 'other', firstDifference: device.size, unknownBytes: 0 };
}

/** Where a new snapback goes in its chain. */
export interface Link {
  /** What the device holds before the apply: the new snapback's result. */
  readonly before: State;
  readonly sequence: number;
  /** The snapback that it follows; undefined: it starts a new root. */
  readonly follows: FoundSnapback | undefined;
  /** What the user should know of where it goes. */
  readonly remark?: string | undefined;
  /** The stream's base is not the state before, which covers it (§6.2): the device may rightly hold newer data. */
  readonly isCovered: boolean;
}

/**
 * Links a new snapback to the newest one of the device in its folder, whichever end of that the device is at (§6.3).
 * `ends`: where the stream to apply leads from and to. Throws `RefusedError` if it is known not to follow what the device
 * is at.
 */
export function linkTo(head: JudgedSnapback | undefined, ends: Ends, newId: string): Link {
  const sequence = nextSequence(head);
  const root = { before: ends.base ?? { id: newId }, sequence, follows: undefined, isCovered: false };
  if (!head) return root;
  const state = stateOfDevice(head);
  if (!state) {
    if (ends.base) throw atNoState(head, ends.base);
    return {
      ...root,
      remark: `the device holds neither end of ${head.path}, so this snapback starts a new chain`,
    };
  }
  const isCovered = checkFollows(state, ends, `by ${head.path}`);
  return { before: state, sequence, follows: head, isCovered };
}

/** A header can say no higher number than 2^53 - 1 (§4.2). */
export function nextSequence(head: FoundSnapback | undefined): number {
  if (!head) return 1;
  const sequence = (head.header.sequence ?? 0) + 1;
  if (Number.isSafeInteger(sequence)) return sequence;
  throw new RefusedError(
    `${head.path}: its sequence is the highest there is, so no snapback can come after it`,
    {
      hint: 'save the snapback in another folder',
    },
  );
}

/**
 * Throws `RefusedError` where a device was made larger after its newest snapback, and the base of the stream to apply was
 * larger than the device then: what lay past its end was left out.
 */
export function refuseGrown({ path, header }: FoundSnapback, size: number, baseSize = 0): void {
  const before = header.target!.size;
  if (size <= before || baseSize <= before) return;
  throw new RefusedError(
    `the device has ${size} bytes, but had ${before} when ${path} was saved: what the streams before held past that is not on it`,
    { hint: 'make a new first copy, and save its snapbacks in another folder' },
  );
}

/** Nothing says that the device is at the base of the stream, and its chain says that it is not. */
function atNoState({ path }: JudgedSnapback, { id }: State): RefusedError {
  return new RefusedError(
    `the stream starts from ${id}, but the device holds neither end of ${path}, the newest snapback of it`,
    {
      hint: `take back what came after ${path}; if the device was copied anew since, save its snapbacks in another folder`,
    },
  );
}

/**
 * Whether a stream starts from another state than the device is at, which covers that one (§6.2). Throws `RefusedError` if
 * it is known not to follow; `by`: who says where the device is; `wayOut`: what to do then, in place of what helps a chain.
 */
export function checkFollows(state: State, ends: Ends, by: string, wayOut?: Sentence): boolean {
  const found = following(state, ends);
  if (!isKnownNotToFollow(found)) return found === 'covered';
  const { what, hint } = NOT_FOLLOWING[found];
  const base = ends.base!.id;
  throw new RefusedError(`the stream starts from ${base}, but ${by} the device is at ${state.id}${what}`, {
    hint: wayOut ?? hint,
  });
}

const ALL_THE_SAME = sentence`${remedy('no-base-check')} applies it all the same, and what it lacks stays old`;

const NOT_FOLLOWING = {
  gap: {
    what: '',
    hint: sentence`apply the streams between the two first, or make a new first copy; ${ALL_THE_SAME}`,
  },
  'left-out': {
    what: ', which may hold newer data where the stream leaves out what is equal',
    hint: sentence`dump it again with ${remedy('keep-equal')}; ${ALL_THE_SAME}`,
  },
  earlier: {
    what: ', which was read later than the stream was',
    hint: sentence`dump the changes again; ${ALL_THE_SAME}`,
  },
} as const;

/** The state that the device is at by a snapback: its base, or its result when it has been rolled back. */
function stateOfDevice({ header, closing, verdict }: JudgedSnapback): State | undefined {
  if (verdict.unknownBytes > 0) return undefined;
  if (verdict.kind === 'base' || verdict.kind === 'either') return closing.base ?? header.base;
  return verdict.kind === 'result' ? (closing.result ?? header.result) : undefined;
}

/**
 * Throws `RefusedError` unless a snapback file is the next one to roll back: all newer ones beside it must have been
 * rolled back, and the device be at the state that this one starts from (§6.3). Where an older one has been rolled back
 * since, a newer one's data is no longer there. A squash has the turn of the newest of those that it is made of (§6.4).
 */
export async function checkTurn(
  snapback: { readonly path: string; readonly header: StreamHeader; readonly base: State | undefined },
  target: TargetIdentity,
  device: RangeReader,
  codec: FrameCodec,
  openFile: OpenStreamFile,
): Promise<void> {
  const beside = await findSnapbacks(dirname(resolve(snapback.path)), target);
  const sequence = turnOf(snapback.header, beside);
  if (sequence === undefined) return checkAtBase(snapback, beside[0]!, device, codec, openFile);
  const newer = beside.filter(({ header }) => (header.sequence ?? 0) > sequence);
  const rolledBack = new RangeSet(codec.openScratch);
  let reached: State | undefined;
  for (const found of newer.reverse()) {
    const { closing, verdict } = await judgeSnapback(found, device, codec, openFile, {
      exempt: rolledBack,
      onBatch: (batch) => {
        for (const range of eachRange(batch)) rolledBack.add(wholePieces(range));
        return Promise.resolve();
      },
    });
    if (verdict.kind !== 'result' && verdict.kind !== 'either') throw outOfTurn(found, verdict);
    reached ??= closing.result ?? found.header.result;
  }
  if (!reached || !snapback.base || reached.id === snapback.base.id) return;
  throw new RefusedError(
    `${snapback.path}: starts from state ${snapback.base.id}, but the snapbacks beside it have led to ${reached.id}`,
    {
      hint: sentence`a snapback between the two is missing; ${remedy('out-of-order')} applies it all the same`,
    },
  );
}

/** Its place in the chain; undefined of a squash where none of those that it is made of is there to tell. */
function turnOf(
  { sequence, derivedFrom }: StreamHeader,
  beside: readonly FoundSnapback[],
): number | undefined {
  if (sequence !== undefined || !derivedFrom || beside.length === 0) return sequence ?? 0;
  const isPart = ({ header }: FoundSnapback) =>
    derivedFrom.some(({ id }) => id && header.id && Buffer.compare(id, header.id) === 0);
  const parts = beside.filter(isPart).map(({ header }) => header.sequence ?? 0);
  return parts.length > 0 ? Math.max(...parts) : undefined;
}

/** Throws `RefusedError` unless the device is, by the newest snapback of it, at the state that a squash starts from. */
async function checkAtBase(
  { path, base }: { readonly path: string; readonly base: State | undefined },
  newest: FoundSnapback,
  device: RangeReader,
  codec: FrameCodec,
  openFile: OpenStreamFile,
): Promise<void> {
  const judged = await judgeSnapback(newest, device, codec, openFile);
  const state = stateOfDevice(judged);
  if (!state) throw outOfTurn(newest, judged.verdict);
  if (state.id === base?.id) return;
  throw new RefusedError(
    `${path}: starts from state ${base?.id ?? 'unknown'}, but by ${newest.path} the device is at ${state.id}`,
    {
      hint: sentence`squash the snapbacks that are to be rolled back; ${remedy('out-of-order')} applies it all the same`,
    },
  );
}

function wholePieces({ offset, length }: Range): Range {
  const start = Math.floor(offset / PIECE_SIZE) * PIECE_SIZE;
  return { offset: start, length: Math.ceil((offset + length) / PIECE_SIZE) * PIECE_SIZE - start };
}

function outOfTurn({ path }: FoundSnapback, { kind }: Verdict): RefusedError {
  const why = kind === 'base' ? 'has not been rolled back yet' : 'has not been rolled back as a whole';
  return new RefusedError(`${path}: is newer and ${why}`, {
    hint: sentence`apply the newest snapback first, or this one all the same with ${remedy('out-of-order')}`,
  });
}
