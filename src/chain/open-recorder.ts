import { randomUUID } from 'node:crypto';
import { accessSync, constants, lstatSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DeviceError, RefusedError, reason } from '../errors.js';
import { readLvsHeader } from '../files/lvs-header.js';
import { refuseExisting, statIfThere } from '../files/sink.js';
import { endsOf, type Ends } from '../format/lvs/maps/ends.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import { checkFollows, findSnapbacks, judgeSnapback, linkTo, refuseGrown, type Link } from './chain-head.js';
import {
  asidePath,
  closeJournals,
  discardResized,
  findLeftJournals,
  linkToLeft,
  openJournal,
  type OpenJournal,
} from './left-journal.js';
import { isPartial, partialPath } from './partial-file.js';
import { identifyTarget, isSameDevice, type TargetIdentity } from '../device/target.js';

import { Recorder, type RecorderContext, type Start } from './recorder.js';

/**
 * Prepares to save what an apply overwrites (§6.3, §6.4): takes up a journal that was left unfinished, or links to the
 * newest snapback of the device. Nothing is created, renamed or removed yet.
 */
export async function openRecorder(
  path: string,
  context: RecorderContext,
  header: StreamHeader,
): Promise<Recorder> {
  refuseName(path);
  refuseNoFolder(dirname(path));
  refuseExisting(path);
  const identity = identifyTarget(context.target.name);
  const start = statIfThere(partialPath(path), lstatSync)
    ? await resume(path, context, identity, header)
    : await begin(path, context, identity, header);
  return new Recorder(path, context, identity, start);
}

/**
 * A name that ends so is an unfinished snapback's: a finished one would be taken up again, and cut. One that begins with a
 * dot is a file that is still being made: a chain would not see it.
 */
function refuseName(path: string): void {
  const name = basename(path);
  const isUsual = name !== '' && !path.endsWith('/') && path !== '-';
  if (isUsual && !isPartial(name) && !name.startsWith('.')) return;
  throw new RefusedError(`a snapback can't be called "${path}"`, {
    hint: 'give it the name of a new file, such as NAME.undo.lvs',
  });
}

function refuseNoFolder(folder: string): void {
  if (statIfThere(folder, statSync)?.isDirectory() !== true) {
    throw new DeviceError(`${folder}: is no folder, so no snapback can be saved there`, {
      hint: 'make it first: mkdir -p',
    });
  }
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new DeviceError(`${folder}: no snapback can be saved there: ${reason(cause)}`, { cause });
  }
}

/** Goes on with the journal that the snapback's own name has. */
async function resume(
  path: string,
  context: RecorderContext,
  identity: TargetIdentity,
  header: StreamHeader,
): Promise<Start> {
  const made = (await readLvsHeader(partialPath(path)))?.target;
  if (made && !isSameDevice(made, identity)) {
    throw new RefusedError(`${partialPath(path)}: is an unfinished snapback of ${made.path}`, {
      hint: 'choose another name for this snapback',
    });
  }
  const { target, codec, options } = context;
  const opened = await openJournal(path, target, codec, options.dryRun);
  if (opened && opened.journal.header.target?.size === identity.size)
    return goOn(path, opened, context, header);
  if (opened) discardResized(path, opened, target, options.dryRun);
  return { ...(await begin(path, context, identity, header)), aside: opened && asidePath(path, opened) };
}

/** Closes the journal, which stays as it is, if the stream is known not to follow what the device was at. */
function goOn(
  path: string,
  opened: OpenJournal,
  { options }: RecorderContext,
  header: StreamHeader,
): OpenJournal & { readonly isCovered: boolean } {
  const before = opened.journal.header.result!;
  try {
    const by = `by ${partialPath(path)}, which an interrupted apply left,`;
    return { ...opened, isCovered: options.baseCheck && checkFollows(before, endsOf(header), by) };
  } catch (error) {
    opened.journal.close();
    throw error;
  }
}

/** Finds the place of a new snapback: behind one that was left unfinished, which may be gone on with, or the newest one. */
async function begin(
  path: string,
  context: RecorderContext,
  identity: TargetIdentity,
  header: StreamHeader,
): Promise<Start> {
  const { target, codec, rewindable, options } = context;
  const left = await findLeftJournals(path, identity, { target, codec, keep: options.dryRun }, header);
  const { unfinished } = left;
  try {
    if (unfinished?.step === 'same' && rewindable)
      return { ...goOn(unfinished.path, unfinished, context, header), leftAs: unfinished.path, left };
    const ends = options.baseCheck ? endsOf(header) : undefined;
    const link = unfinished
      ? linkToLeft(unfinished, target.name, ends)
      : await findLink(path, context, identity, ends, header.baseSize);
    return { link, left };
  } catch (error) {
    closeJournals(left);
    throw error;
  }
}

async function findLink(
  path: string,
  { target, codec, openFile }: RecorderContext,
  identity: TargetIdentity,
  ends: Ends | undefined,
  baseSize: number | undefined,
): Promise<Link> {
  const [newest] = await findSnapbacks(dirname(path), identity);
  if (newest && ends) refuseGrown(newest, identity.size, baseSize);
  const head = newest && (await judgeSnapback(newest, target, codec, openFile));
  return linkTo(head, ends ?? {}, `uuid:${randomUUID()}`);
}
