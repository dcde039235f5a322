import type { RandomAccessWriter } from '../algebra/random-access.js';
import { checkTurn } from '../chain/chain-head.js';
import { refuseLeft } from '../chain/left-journal.js';
import { partialPath } from '../chain/partial-file.js';
import type { Recorder } from '../chain/recorder.js';
import { openRecorder } from '../chain/open-recorder.js';
import { surveyHeaders, surveyStream, type Survey } from '../compare/survey.js';
import { sayWrongBase, type Verdict } from '../compare/verdict.js';
import { identifyTarget } from '../device/target.js';
import { RefusedError, remedy, sentence } from '../errors.js';
import { namingFaults, type PlainHeaders } from '../files/open-input.js';
import { endsOf } from '../format/lvs/maps/ends.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import type { FileBytes } from '../format/lvs/file-index.js';
import type { ChangeStream } from '../format/open-stream.js';
import { findNote, type ApplyNote } from './apply-note.js';
import { findFinished } from './finished.js';
import { openWhole, tooSmall, type ApplyOptions, type Work } from './work.js';

/** What is to be done, once nothing speaks against it: *nothing*, the device holds all of the stream; or *write* it. */
export type Plan = (Nothing | Write) & { readonly note: ApplyNote | undefined };

interface Nothing {
  readonly step: 'nothing';
  /** Bytes past the device's end that are left out. */
  readonly pastEnd: number;
  /** The finished snapback of the run that has done it, as far as that is known. */
  readonly snapback: string | undefined;
}

interface Write {
  readonly step: 'write';
  /** As it was opened first; it can be read once if it does not come from a file. */
  readonly stream: ChangeStream;
  /** What the pass over the whole stream has found; undefined of one that can be read once. */
  readonly survey: Survey | undefined;
  /** Saves what is overwritten; whoever has the plan closes it. */
  readonly recorder: Recorder | undefined;
}

/**
 * Makes every check that there is before the first write (§6), and tells in `work.notices` what the user should know. Nothing
 * is created, written or removed. Throws as `applyStream` does.
 */
export async function planApply(work: Work): Promise<Plan> {
  const { options, damage } = work;
  const stream = await openWhole(work);
  const { header } = stream;
  const note = findNote(work, header);
  refuseUnfit(header, work);
  const finished = damage?.fault ? undefined : await findFinished(options.snapback, work, header);
  if (finished) return { step: 'nothing', pastEnd: finished.pastEnd, snapback: options.snapback, note };
  const recorder = await openRecorderFor(work, header);
  try {
    const plan = await planWith(recorder, work, stream, note);
    if (plan.step === 'nothing') recorder?.close();
    return plan;
  } catch (error) {
    recorder?.close();
    throw error;
  }
}

async function planWith(
  recorder: Recorder | undefined,
  work: Work,
  stream: ChangeStream,
  note: ApplyNote | undefined,
): Promise<Plan> {
  const survey = work.input.rewindable ? await surveyFirst(work, recorder, note) : undefined;
  const verdict = survey?.verdict;
  if (verdict) noteVerdict(verdict, work, note);
  if (survey && verdict?.kind === 'result' && recorder?.isUnfinished !== true)
    return { step: 'nothing', pastEnd: survey.pastEnd, snapback: undefined, note };
  if (isBetween(verdict))
    recorder?.startAnew('the device was between two states, so this snapback starts a new chain');
  work.notices.push(...(recorder?.notices ?? []));
  return { step: 'write', stream, survey, recorder, note };
}

/** Some of the stream has been applied, and no journal says what was there before. */
function isBetween(verdict: Verdict | undefined): boolean {
  return verdict?.kind === 'interrupted' || verdict?.kind === 'partly';
}

async function openRecorderFor(work: Work, header: StreamHeader): Promise<Recorder | undefined> {
  const { snapback } = work.options;
  if (snapback === undefined) return undefined;
  const recorder = await openRecorder(snapback, { ...work, rewindable: work.input.rewindable }, header);
  if (!recorder.recorded || work.input.rewindable) return recorder;
  recorder.close();
  throw new RefusedError(
    `${partialPath(snapback)}: can't be gone on with from a pipe that is read only once`,
    {
      hint: 'save the stream to a file first',
    },
  );
}

/** What the header alone tells. */
function refuseUnfit(header: StreamHeader, { input, target, notices, options: { skipPastEnd } }: Work): void {
  if (header.kind === 'map') {
    throw new RefusedError(`${input.name}: a map holds no data to apply`, {
      hint: 'it lists ranges only; apply the stream that holds their data',
    });
  }
  const size = header.resultSize ?? 0;
  if (size > target.size && !skipPastEnd)
    throw tooSmall(target, size, `the stream is of a device of ${size} bytes`);
  noteLarger(header, target, notices);
}

/** A device that is larger than any that the stream is of may be another one than was meant. */
function noteLarger(header: StreamHeader, { name, size }: RandomAccessWriter, notices: string[]): void {
  const declared = Math.max(header.baseSize ?? 0, header.resultSize ?? 0);
  if (declared === 0 || declared >= size) return;
  notices.push(
    `${name} has ${size} bytes, and the stream is of a device of ${declared}: what lies behind stays as it is`,
  );
}

/** Reads the whole stream once before anything is written. */
async function surveyFirst(
  work: Work,
  recorder: Recorder | undefined,
  note: ApplyNote | undefined,
): Promise<Survey> {
  const { input, target, codec, options } = work;
  if (input.file?.plain && !recorder?.recorded && !work.damage?.fault)
    return surveyPlain(work, input.file, input.file.plain);
  const stream = await openWhole(work);
  const compares = stream.header.baseDigests === true && options.baseCheck && recorder?.isCovered !== true;
  const survey = await surveyStream(stream.batches, codec, {
    size: target.size,
    device: compares ? target : undefined,
    exempt: recorder?.written,
    noted: note?.isThere,
    onBatch: recorder?.recorded && ((batch) => recorder.recorded!.addStream(batch)),
  });
  if (survey.high > target.size && !options.skipPastEnd) throw tooSmall(target, survey.high);
  await recorder?.checkRecorded();
  const isDone = survey.verdict?.kind === 'result';
  if (options.baseCheck && !isDone) await checkTurnOf(work, stream, recorder);
  if (survey.verdict) refuseVerdict(survey.verdict, work, recorder);
  return survey;
}

/** A plain stream has nothing to check but its structure, for which its headers are enough. */
async function surveyPlain(
  { input, target, options }: Work,
  file: FileBytes,
  { firstHeader, dialect }: PlainHeaders,
): Promise<Survey> {
  const survey = await namingFaults(input.name, () => surveyHeaders(file, firstHeader, dialect, target.size));
  if (survey.high > target.size && !options.skipPastEnd) throw tooSmall(target, survey.high);
  return survey;
}

async function checkTurnOf(
  { input, target, codec, openFile, options }: Work,
  { header, closing }: ChangeStream,
  recorder: Recorder | undefined,
): Promise<void> {
  if (header.kind !== 'snapback' || input.path === undefined || options.outOfOrder) return;
  const snapback = { path: input.path, header, base: endsOf(header, closing()).base };
  const identity = identifyTarget(target.name);
  await checkTurn(snapback, identity, target, codec, openFile);
  const isGoneOnWith = recorder?.recorded !== undefined;
  if (!isGoneOnWith) await refuseLeft(input.path, identity, target, codec);
}

function refuseVerdict(verdict: Verdict, { target, options }: Work, recorder: Recorder | undefined): void {
  if (verdict.kind === 'other') {
    throw new RefusedError(sayWrongBase(target.name, verdict), {
      hint: sentence`apply the streams before this one first; ${remedy('no-base-check')} applies it all the same`,
    });
  }
  if (recorder?.written) refuseUnrecorded(verdict, target, options);
  if (verdict.kind !== 'partly' || options.finish) return;
  throw new RefusedError(
    `${target.name}: holds some of the stream already, in no order that an interrupted apply leaves`,
    {
      hint: sentence`a later stream may have reverted parts of it; ${remedy('finish')} writes it as a whole`,
    },
  );
}

/** Where the journal has recorded nothing, nothing may have been written: otherwise what was there before is lost. */
function refuseUnrecorded({ kind }: Verdict, target: RandomAccessWriter, { finish }: ApplyOptions): void {
  if (kind === 'base' || kind === 'either' || finish) return;
  throw new RefusedError(
    `${target.name}: holds data of the stream that the unfinished snapback has not recorded`,
    {
      hint: sentence`its undo would not be whole; ${remedy('finish')} goes on all the same`,
    },
  );
}

function noteVerdict(
  { kind, unknownBytes }: Verdict,
  { notices, damage }: Work,
  note: ApplyNote | undefined,
): void {
  if (kind === 'interrupted') notices.push('an earlier apply of this stream was interrupted; finishing it');
  if (kind === 'interrupted' && note?.isThere)
    notices.push(`${note.path} says so: what others may have written there since can't be told from it`);
  if (kind === 'partly') notices.push('the device held parts of the stream already');
  if (unknownBytes === 0) return;
  const why = damage?.fault
    ? 'the damage has left no digests of their base'
    : 'the stream does not know their base';
  notices.push(`${unknownBytes} bytes could not be checked: ${why}`);
}
