import type { RandomAccessWriter } from '../algebra/random-access.js';
import type { Salvage } from '../algebra/salvage.js';
import { FormatError, RefusedError } from '../errors.js';
import { onInterrupt } from '../files/interrupt.js';
import { openSalvaged, surveyDamage } from '../files/salvage-input.js';
import { dropSecondName } from '../files/sink.js';
import { dataSize, type RecordBatch } from '../format/batch.js';
import type { FrameCodec } from '../format/codec.js';
import type { FileBytes } from '../format/file-index.js';
import type { StreamHeader } from '../format/header.js';
import type { Dialect } from '../format/legacy.js';
import type { ChangeStream } from '../format/open-stream.js';
import { findNote, makeLasting, type ApplyNote } from './apply-note.js';
import { checkTurn, type OpenStreamFile } from './chain-head.js';
import { findFinished } from './finished.js';
import { refuseLeft } from './left-journal.js';
import { partialPath } from './partial-file.js';
import { refuseItself } from './refuse-itself.js';
import { openRecorder, type Recorder } from './recorder.js';
import { namingFaults, type StreamInput } from '../files/open-input.js';
import { endOf, surveyHeaders, surveyStream, type Survey } from './survey.js';
import { identifyTarget, openTarget } from './target.js';
import type { Verdict } from './verdict.js';
import { interrupted, wayOutOfDamage, type Unfinished } from './way-back.js';
import { writeAll, writeBatch } from './write-batch.js';

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

/** What there is to work with once the stream and the target are open. */
interface Work {
  readonly input: StreamInput;
  readonly target: RandomAccessWriter;
  readonly codec: FrameCodec;
  readonly options: ApplyOptions;
  readonly openFile: OpenStreamFile;
  readonly notices: string[];
  readonly counts: Counts;
  /** Where a stream that is to be salvaged is damaged. */
  readonly damage: Salvage | undefined;
  readonly note?: ApplyNote | undefined;
}

/**
 * Writes a stream to a device or image (§6): checks first all that can be known before the first write, saves what is
 * overwritten if told to, and makes it permanent. An input that is not rewindable is checked as it comes.
 *
 * Throws `RefusedError` before anything is written when going on would not be safe, `FormatError` on damage,
 * `DeviceError` when reading or writing fails; a second run of the same call finishes what was begun.
 */
export async function applyStream(
  input: StreamInput,
  path: string,
  codec: FrameCodec,
  openFile: OpenStreamFile,
  options: ApplyOptions,
): Promise<ApplyReport> {
  refuseItself(path, input.path ?? '/dev/stdin', options.snapback);
  const target = openTarget(path, { inUse: options.inUse, readOnly: options.dryRun });
  try {
    if (options.sync) target.settle();
    return await applyToTarget(input, target, codec, openFile, options);
  } finally {
    target.close();
  }
}

/** The same on a target that is open; `target.name` is its path. It stays the caller's. */
export async function applyToTarget(
  input: StreamInput,
  target: RandomAccessWriter,
  codec: FrameCodec,
  openFile: OpenStreamFile,
  options: ApplyOptions,
): Promise<ApplyReport> {
  const damage = options.salvage ? await surveyDamage(input) : undefined;
  const counts = { written: 0, skipped: 0 };
  const work: Work = { input, target, codec, options, openFile, notices: [], counts, damage };
  const forget = onInterrupt(() => interrupted(unfinished(work)));
  try {
    return await checkAndWrite(work);
  } finally {
    forget();
  }
}

function unfinished({ target, counts, options: { snapback } }: Work): Unfinished {
  return { device: target.name, written: counts.written, snapback };
}

async function checkAndWrite(opened: Work): Promise<ApplyReport> {
  const { input, options, damage, notices } = opened;
  const first = await openWhole(opened);
  const header = first.format === 'lvs' ? first.header : undefined;
  const work = { ...opened, note: findNote(opened, header) };
  refuseUnfit(header, work);
  const finished = damage?.fault ? undefined : await findFinished(options.snapback, work, header);
  if (finished) return finishName(work, finished);
  const recorder = await openRecorderFor(work, header);
  try {
    const survey = input.rewindable ? await surveyFirst(work, header, recorder) : undefined;
    const verdict = survey?.verdict;
    if (verdict) noteVerdict(verdict, work);
    if (survey && verdict?.kind === 'result' && recorder?.isUnfinished !== true)
      return alreadyApplied(work, survey);
    if (isBetween(verdict))
      recorder?.startAnew('the device was between two states, so this snapback starts a new chain');
    notices.push(...(recorder?.notices ?? []));
    if (options.dryRun) return report(work, { outcome: 'checked', bytesSkipped: survey?.pastEnd ?? 0 });
    const stream = input.rewindable ? await openWhole(work, true) : first;
    return await write(work, stream, survey, recorder);
  } finally {
    recorder?.close();
  }
}

/** The earlier run may have been killed while the snapback had both of its names. */
function finishName(work: Work, finished: Pick<Survey, 'pastEnd'>): ApplyReport {
  const { snapback, dryRun } = work.options;
  if (snapback !== undefined && !dryRun) dropSecondName(partialPath(snapback), snapback);
  return alreadyApplied(work, finished, snapback);
}

/** An earlier run wrote it all and may have been killed before it had it on stable storage. */
function alreadyApplied(work: Work, { pastEnd }: Pick<Survey, 'pastEnd'>, snapback?: string): ApplyReport {
  makeLasting(work);
  return report(work, { outcome: 'already-applied', bytesSkipped: pastEnd, snapback });
}

/** Opens the stream; of a damaged one that is to be salvaged only what is whole (§10). */
function openWhole({ input, damage }: Work, checked = false): Promise<ChangeStream> {
  return damage?.fault ? openSalvaged(input, damage) : input.open({ checked });
}

/** Some of the stream has been applied, and no journal says what was there before. */
function isBetween(verdict: Verdict | undefined): boolean {
  return verdict?.kind === 'interrupted' || verdict?.kind === 'partly';
}

async function openRecorderFor(work: Work, header: StreamHeader | undefined): Promise<Recorder | undefined> {
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
function refuseUnfit(
  header: StreamHeader | undefined,
  { input, target, notices, options: { skipPastEnd } }: Work,
): void {
  if (header?.kind === 'map') {
    throw new RefusedError(`${input.name}: a map holds no data to apply`, {
      hint: 'it lists ranges only; apply the stream that holds their data',
    });
  }
  const size = header?.resultSize ?? 0;
  if (size > target.size && !skipPastEnd)
    throw tooSmall(target, size, `the stream is of a device of ${size} bytes`);
  noteLarger(header, target, notices);
}

/** A device that is larger than any that the stream is of may be another one than was meant. */
function noteLarger(
  header: StreamHeader | undefined,
  { name, size }: RandomAccessWriter,
  notices: string[],
): void {
  const declared = Math.max(header?.baseSize ?? 0, header?.resultSize ?? 0);
  if (declared === 0 || declared >= size) return;
  notices.push(
    `${name} has ${size} bytes, and the stream is of a device of ${declared}: what lies behind stays as it is`,
  );
}

/** Reads the whole stream once before anything is written. */
async function surveyFirst(
  work: Work,
  header: StreamHeader | undefined,
  recorder: Recorder | undefined,
): Promise<Survey> {
  const { input, target, codec, options } = work;
  if (input.file && input.dialect && !recorder?.recorded && !work.damage?.fault)
    return surveyPlain(work, input.file, input.dialect);
  const stream = await openWhole(work);
  const compares = header?.baseDigests === true && options.baseCheck && recorder?.isCovered !== true;
  const survey = await surveyStream(stream.batches, codec, {
    size: target.size,
    device: compares ? target : undefined,
    exempt: recorder?.written,
    noted: work.note?.isThere,
    onBatch: recorder?.recorded && ((batch) => recorder.recorded?.addStream(batch)),
  });
  if (survey.high > target.size && !options.skipPastEnd) throw tooSmall(target, survey.high);
  await recorder?.checkRecorded();
  const isDone = survey.verdict?.kind === 'result';
  if (header && options.baseCheck && !isDone) await checkTurnOf(work, header, stream, recorder);
  if (survey.verdict) refuseVerdict(survey.verdict, work, recorder);
  return survey;
}

/** A plain stream has nothing to check but its structure, for which its headers are enough. */
async function surveyPlain(
  { input, target, options }: Work,
  file: FileBytes,
  dialect: Dialect,
): Promise<Survey> {
  const survey = await namingFaults(input.name, () =>
    surveyHeaders(file, input.firstHeader, dialect, target.size),
  );
  if (survey.high > target.size && !options.skipPastEnd) throw tooSmall(target, survey.high);
  return survey;
}

async function checkTurnOf(
  work: Work,
  header: StreamHeader,
  stream: ChangeStream,
  recorder: Recorder | undefined,
): Promise<void> {
  const { input, target, codec, openFile, options } = work;
  if (header.kind !== 'snapback' || input.path === undefined || options.outOfOrder || stream.format !== 'lvs')
    return;
  const closing = work.damage?.fault ? undefined : stream.closing();
  const snapback = { path: input.path, header, base: closing?.base ?? header.base };
  const identity = identifyTarget(target.name);
  await checkTurn(snapback, identity, target, codec, openFile);
  const isGoneOnWith = recorder?.recorded !== undefined;
  if (!isGoneOnWith) await refuseLeft(input.path, identity, target, codec);
}

function refuseVerdict(verdict: Verdict, { target, options }: Work, recorder: Recorder | undefined): void {
  if (verdict.kind === 'other') {
    const where = `${target.name}: byte ${verdict.firstDifference} and what follows`;
    throw new RefusedError(`${where} is not what the stream was made for (wrong base)`, {
      hint: 'apply the streams before this one first; --no-base-check applies it all the same',
    });
  }
  if (recorder?.written) refuseUnrecorded(verdict, target, options);
  if (verdict.kind !== 'partly' || options.finish) return;
  throw new RefusedError(
    `${target.name}: holds some of the stream already, in no order that an interrupted apply leaves`,
    {
      hint: 'a later stream may have reverted parts of it; --finish writes it as a whole',
    },
  );
}

/** Where the journal has recorded nothing, nothing may have been written: otherwise what was there before is lost. */
function refuseUnrecorded({ kind }: Verdict, target: RandomAccessWriter, { finish }: ApplyOptions): void {
  if (kind === 'base' || kind === 'either' || finish) return;
  throw new RefusedError(
    `${target.name}: holds data of the stream that the unfinished snapback has not recorded`,
    {
      hint: 'its undo would not be whole; --finish goes on all the same',
    },
  );
}

function noteVerdict({ kind, unknownBytes }: Verdict, { notices, damage, note }: Work): void {
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

async function write(
  work: Work,
  stream: ChangeStream,
  survey: Survey | undefined,
  recorder: Recorder | undefined,
): Promise<ApplyReport> {
  const { counts, options } = work;
  const fault = work.damage?.fault;
  if (options.sync && !recorder && survey?.verdict) work.note?.make();
  await writeStream(stream, work, survey, recorder);
  makeLasting(work);
  const isLvs = stream.format === 'lvs';
  const isWhole = !fault;
  await recorder?.finish(
    isLvs ? stream.header : undefined,
    isLvs && !fault ? stream.closing() : undefined,
    isWhole,
  );
  const resumed = survey?.verdict?.kind === 'interrupted' || recorder?.recorded !== undefined;
  const bytes = { bytesWritten: counts.written, bytesSkipped: counts.skipped };
  return report(work, {
    outcome: resumed ? 'finished' : 'applied',
    ...bytes,
    snapback: options.snapback,
  });
}

async function writeStream(
  stream: ChangeStream,
  work: Work,
  survey: Survey | undefined,
  recorder: Recorder | undefined,
): Promise<void> {
  try {
    const write = (batch: RecordBatch) => {
      writeOne(batch, work);
    };
    if (recorder) await recorder.writeRecorded(stream, survey?.isSorted ?? false, write);
    else await writeAll(stream.batches, write);
  } catch (error) {
    if (error instanceof FormatError && work.counts.written > 0)
      error.hint = wayOutOfDamage(unfinished(work));
    throw error;
  }
}

interface Counts {
  written: number;
  skipped: number;
}

function writeOne(batch: RecordBatch, { target, options, counts }: Work): void {
  const end = endOf(batch);
  if (end > target.size && !options.skipPastEnd) throw tooSmall(target, end);
  const skipped = writeBatch(batch, target);
  counts.skipped += skipped;
  counts.written += dataSize(batch) - skipped;
}

function tooSmall(
  { name, size }: RandomAccessWriter,
  needed: number,
  because = `the stream goes up to byte ${needed}`,
): RefusedError {
  return new RefusedError(`${name}: has ${size} bytes, ${because}`, {
    hint: "use a device of the origin's size; --skip-past-end leaves out what does not fit",
  });
}

function report(
  { notices, damage }: Work,
  result: Pick<ApplyReport, 'outcome'> & Partial<ApplyReport>,
): ApplyReport {
  return { bytesWritten: 0, bytesSkipped: 0, fault: damage?.fault, snapback: undefined, notices, ...result };
}
