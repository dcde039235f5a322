import { randomUUID } from 'node:crypto';
import { renameSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { stateBetween } from '../algebra/follows.js';
import type { RangeReader } from '../algebra/random-access.js';
import { RefusedError, sentence, type Sentence } from '../errors.js';
import { syncFolder } from '../files/sink.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { formatHex } from '../format/lvs/maps/identifier.js';
import type { Ends } from '../format/lvs/maps/ends.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import type { State } from '../format/lvs/maps/state.js';
import { checkFollows, findOfDevice, nextSequence, type Link } from './chain-head.js';
import { attempt } from '../device/image.js';
import { Journal } from './journal.js';
import { finishedPath, isPartial, partialPath } from './partial-file.js';
import { RecordedRanges } from '../compare/recorded-ranges.js';
import type { TargetIdentity } from '../device/target.js';
import { takeBack } from './way-back.js';

/** A journal and what it records, held against the device. */
export interface OpenJournal {
  readonly journal: Journal;
  readonly recorded: RecordedRanges;
  /** The device holds all that it records: its apply has left nothing there. */
  readonly isIdle: boolean;
}

/** What it takes to look at one; `keep`: nothing may be removed. */
interface LeftContext {
  readonly target: RangeReader;
  readonly codec: FrameCodec;
  readonly keep: boolean;
}

/** A journal that an interrupted apply to the same device left under another name, and what is to become of it. */
export interface LeftJournal extends OpenJournal {
  /** The snapback's name without what marks it as unfinished. */
  readonly path: string;
  /** *none*: the device holds all that was there before; *same*: of a stream between the same two states. */
  readonly step: 'none' | 'same' | 'other';
}

/** The journals of a device in a folder. Whoever has them closes them. */
export interface LeftJournals {
  /** The one whose apply has left something on the device. */
  readonly unfinished: LeftJournal | undefined;
  /** The device holds all that these record. */
  readonly idle: readonly LeftJournal[];
}

/**
 * The unfinished snapbacks of the device in the folder of `path`, other than `path` itself or that of it (§6.4). `header`:
 * that of the stream which is to be applied. Throws `RefusedError` of one that is damaged, where several applies are
 * unfinished, and where the device has had another size since.
 */
export async function findLeftJournals(
  path: string,
  identity: TargetIdentity,
  context: LeftContext,
  header: StreamHeader | undefined,
): Promise<LeftJournals> {
  const own = [path, partialPath(path)].map((each) => basename(each));
  const isOther = (name: string) => isPartial(name) && !own.includes(name);
  const left: LeftJournal[] = [];
  try {
    for (const each of await findOfDevice(dirname(path), identity, isOther))
      left.push(...(await openLeft(finishedPath(each.path), context, header)));
    const [unfinished, another] = left.filter(({ step }) => step !== 'none');
    if (unfinished && another) throw several(context.target, unfinished.path, another.path);
    if (unfinished) refuseResized(unfinished, unfinished.path, context.target);
    return { unfinished, idle: left.filter(({ step }) => step === 'none') };
  } catch (error) {
    for (const { journal } of left) journal.close();
    throw error;
  }
}

async function openLeft(
  path: string,
  { target, codec, keep }: LeftContext,
  header: StreamHeader | undefined,
): Promise<LeftJournal[]> {
  const opened = await openJournal(path, target, codec, keep);
  return opened ? [{ ...opened, path, step: stepOf(opened, header) }] : [];
}

export function closeJournals({ unfinished, idle }: LeftJournals): void {
  unfinished?.journal.close();
  for (const { journal } of idle) journal.close();
}

/** Opens an unfinished snapback. Undefined of one that ends before its first record: it is removed, unless to `keep`. */
export async function openJournal(
  path: string,
  target: RangeReader,
  codec: FrameCodec,
  keep: boolean,
): Promise<OpenJournal | undefined> {
  const recorded = new RecordedRanges(target, takeBack(path, target.name), codec.openScratch);
  const journal = await Journal.resume(path, codec, {
    onBatch: (batch) => recorded.addPreImages(batch),
    isHeld: (batch) => recorded.isHeld(batch),
    keep,
  });
  return journal && { journal, recorded, isIdle: !recorded.isOpen };
}

function stepOf({ journal, isIdle }: OpenJournal, header: StreamHeader | undefined): LeftJournal['step'] {
  if (isIdle) return 'none';
  const { undoes = [], toward, result } = journal.header;
  const isUndone = undoes.some((id) => header?.id && Buffer.compare(id, header.id) === 0);
  const isParallel =
    toward !== undefined && toward.id === header?.result?.id && result?.id === header.base?.id;
  return isUndone || isParallel ? 'same' : 'other';
}

/**
 * Where a new snapback goes behind one that was left unfinished, once that is closed: the device is at a state of its own
 * between those that the interrupted stream leads between. Throws `RefusedError`, with the two ways out, if the stream to
 * apply is known not to follow that; `ends` undefined: nobody asks.
 */
export function linkToLeft({ path, journal }: LeftJournal, target: string, ends: Ends | undefined): Link {
  const { header } = journal;
  const before = stateBetween(`uuid:${randomUUID()}`, header.result!, header.toward, Date.now());
  const remark = `an interrupted apply left ${partialPath(path)}: it is closed as ${path} first, which takes back what it wrote`;
  const by = `by ${partialPath(path)}, which an interrupted apply left,`;
  const isCovered = ends !== undefined && checkFollows(before, ends, by, waysOut(path, target));
  return { before, sequence: nextSequence({ path, header }), follows: { path, header }, remark, isCovered };
}

/** Makes it a snapback that takes back what the interrupted apply wrote: `before` is what the device holds now. */
export async function closeLeft({ journal }: LeftJournal, target: RangeReader, before: State): Promise<void> {
  await journal.finish(target, (totals) => ({
    ...totals,
    base: before,
    undoes: journal.header.undoes,
    endTime: Date.now(),
  }));
}

/**
 * Takes the journal of a snapback out of the way, of which nothing is to be taken back: the device holds what it records. One
 * that records more, of a device that was larger, is put aside.
 */
export function discardJournal(path: string, opened: OpenJournal): void {
  const [partial, aside] = [partialPath(path), asidePath(path, opened)];
  attempt(`${partial}: can't be ${aside === undefined ? 'removed' : `put aside as ${aside}`}`, () => {
    if (aside === undefined) unlinkSync(partial);
    else renameSync(partial, aside);
  });
  syncFolder(path);
}

/** Where {@link discardJournal} puts a journal that saves what the device has no place for now; undefined of others. */
export function asidePath(path: string, { journal, recorded }: OpenJournal): string | undefined {
  if (!recorded.isCutOff) return undefined;
  const { id } = journal.header;
  return join(dirname(path), `.${basename(partialPath(path))}.${id ? formatHex(id) : 'aside'}`);
}

/**
 * Throws `RefusedError` if an interrupted apply to the device left an unfinished snapback in the folder of a snapback that is
 * to be rolled back: what it wrote is to be taken back first.
 */
export async function refuseLeft(
  snapback: string,
  identity: TargetIdentity,
  target: RangeReader,
  codec: FrameCodec,
): Promise<void> {
  const left = await findLeftJournals(snapback, identity, { target, codec, keep: true }, undefined);
  closeJournals(left);
  if (left.unfinished === undefined) return;
  const { path } = left.unfinished;
  throw new RefusedError(`${partialPath(path)}: is newer, and left by an interrupted apply`, {
    hint: waysOut(path, target.name),
  });
}

function waysOut(path: string, target: string): Sentence {
  return sentence`finish that apply with the same command as before, or take back what it wrote: ${takeBack(path, target)}`;
}

/**
 * Throws `RefusedError` of a journal that was begun when the device had another size: as a snapback it would be one of a
 * device that is no longer there.
 */
function refuseResized({ journal }: OpenJournal, path: string, { name, size }: RangeReader): void {
  const before = journal.header.target!.size;
  if (before === size) return;
  const back = takeBack(path, name, before > size);
  throw new RefusedError(
    `${partialPath(path)}: is unfinished, and of ${name} when it had ${before} bytes; now it has ${size}`,
    { hint: sentence`take back what it recorded, then run this again: ${back}` },
  );
}

/**
 * Closes a journal that was begun when the device had another size, and takes it out of the way unless to `keep`. Throws
 * `RefusedError` if the device does not hold all that it records.
 */
export function discardResized(path: string, opened: OpenJournal, target: RangeReader, keep: boolean): void {
  opened.journal.close();
  if (!opened.isIdle) refuseResized(opened, path, target);
  if (!keep) discardJournal(path, opened);
}

function several({ name }: RangeReader, one: string, other: string): RefusedError {
  return new RefusedError(
    `${name}: several interrupted applies to it are unfinished: ${partialPath(one)}, ${partialPath(other)}`,
    { hint: `finish each with the same command as before, the latest one first` },
  );
}
