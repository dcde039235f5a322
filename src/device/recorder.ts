import { randomUUID } from 'node:crypto';
import { accessSync, constants, lstatSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { RandomAccessReader } from '../algebra/random-access.js';
import { randomId } from '../codec/random-id.js';
import { DeviceError, RefusedError } from '../errors.js';
import { release } from '../files/descriptor.js';
import { readLvsHeader } from '../files/lvs-header.js';
import { reason } from '../files/reason.js';
import { refuseExisting, statIfThere } from '../files/sink.js';
import {
  createBufferPool,
  rangesOf,
  memoryOfBatch,
  releaseBatch,
  type Range,
  type RecordBatch,
} from '../format/batch.js';
import type { Closing } from '../format/closing.js';
import type { FrameCodec } from '../format/codec.js';
import { fitClosing, fitHeader } from '../format/fit.js';
import type { StreamHeader } from '../format/header.js';
import { FIRST_LINE_BYTES } from '../format/first-line.js';
import { BATCH_SIZE } from '../format/layout.js';
import type { ChangeStream } from '../format/open-stream.js';
import { RangeSet } from '../format/range-set.js';
import { resultStateId } from '../format/result-state.js';
import type { State } from '../format/state.js';
import { StreamDigest } from '../format/stream-digest.js';
import { findSnapbacks, judgeSnapback, linkTo, type Link, type OpenStreamFile } from './chain-head.js';
import { openDescriptor } from './image.js';
import { Journal } from './journal.js';
import { partialPath } from './partial-file.js';
import { readPreImages } from './pre-images.js';
import { RecordedRanges } from './recorded.js';
import { tryLock } from './syscalls.js';
import { takeBackCommand } from './way-back.js';
import { identifyTarget, isSameDevice, type TargetIdentity } from './target.js';

/** Bytes of batches whose pre-images go to stable storage together. */
const GROUP_SIZE = 16 << 20;
/** A batch of zeros takes no memory, but pre-images of its own. */
const SMALL_SIZE = 1 << 20;

interface RecorderContext {
  readonly target: RandomAccessReader;
  readonly codec: FrameCodec;
  readonly openFile: OpenStreamFile;
  readonly options: { readonly baseCheck: boolean; readonly generator: string; readonly dryRun: boolean };
}

/**
 * Prepares to save what an apply overwrites (§6.3, §6.4): locks the folder, takes up a journal that was left
 * unfinished, or links to the newest snapback of the device. Nothing is created yet, and of a dry run nothing changed.
 */
export async function openRecorder(
  path: string,
  context: RecorderContext,
  header: StreamHeader | undefined,
): Promise<Recorder> {
  refuseName(path);
  refuseExisting(path);
  const lock = lockFolder(dirname(path));
  try {
    const identity = identifyTarget(context.target.name);
    const resumed = statIfThere(partialPath(path), lstatSync)
      ? await resume(path, context, identity)
      : undefined;
    const link = resumed ? undefined : await findLink(path, context, identity, header);
    return new Recorder(path, context, identity, lock, link, resumed);
  } catch (error) {
    release(lock);
    throw error;
  }
}

interface Resumed {
  readonly journal: Journal;
  readonly recorded: RecordedRanges;
}

/** Saves what an apply overwrites, ahead of it. */
export class Recorder {
  readonly notices: string[] = [];
  readonly #path: string;
  readonly #context: RecorderContext;
  readonly #identity: TargetIdentity;
  readonly #lock: number;
  #link: Link | undefined;
  readonly #resumed: Resumed | undefined;
  readonly #pool = createBufferPool(BATCH_SIZE);
  /** Of a plain stream, which does not tell its own. */
  #digest: StreamDigest | undefined;
  #journal: Journal | undefined;

  constructor(
    path: string,
    context: RecorderContext,
    identity: TargetIdentity,
    lock: number,
    link: Link | undefined,
    resumed: Resumed | undefined,
  ) {
    this.#path = path;
    this.#context = context;
    this.#identity = identity;
    this.#lock = lock;
    this.#link = link;
    this.#resumed = resumed;
    if (link?.rootBecause !== undefined) this.notices.push(link.rootBecause);
    if (resumed) this.notices.push(`goes on with ${partialPath(path)}, which an interrupted apply left`);
  }

  /** What an unfinished journal records; undefined when there was none. */
  get recorded(): RecordedRanges | undefined {
    return this.#resumed?.recorded;
  }

  /** Throws `RefusedError` if the device holds what neither the journal nor the stream, seen as a whole, accounts for. */
  async checkRecorded(): Promise<void> {
    if (!this.#resumed) return;
    const { journal, recorded } = this.#resumed;
    if (recorded.isOpen)
      await journal.review((batch) => {
        recorded.addStream(batch);
      });
    recorded.check();
  }

  /**
   * Passes the stream's batches to `write`, each after what it overwrites is on stable storage. Every byte's first
   * pre-image is saved, once. `isSorted`: the whole stream is known to be sorted.
   */
  async writeRecorded(
    stream: ChangeStream,
    isSorted: boolean,
    write: (batch: RecordBatch) => void,
  ): Promise<void> {
    const header = stream.format === 'lvs' ? stream.header : undefined;
    const journal =
      this.#resumed?.journal ??
      (await Journal.create(this.#path, this.#describe(header), this.#context.codec));
    this.#journal = journal;
    if (!header) this.#digest = startDigest(this.#context.codec);
    const isDisjoint = isSorted || (header !== undefined && header.order !== 'given');
    const saved = this.recorded?.saved ?? (isDisjoint ? undefined : new RangeSet());
    let group: RecordBatch[] = [];
    let groupSize = 0;
    const flush = async () => {
      await journal.flush();
      for (const batch of group) {
        write(batch);
        releaseBatch(batch);
      }
      group = [];
      groupSize = 0;
    };
    const record = async (batch: RecordBatch) => {
      const missing = missingOf(batch, saved, this.#context.target.size);
      if (batch.kind === 'data') this.#digest?.update(batch.bytes);
      for await (const preImage of readPreImages(missing, this.#context.target, this.#pool))
        await journal.add(preImage);
      group.push(batch);
      groupSize += Math.max(SMALL_SIZE, memoryOfBatch(batch));
      if (groupSize >= GROUP_SIZE) await flush();
    };
    for await (const batch of stream.batches) await record(batch);
    await flush();
  }

  /**
   * Turns the journal into the finished snapback. `closing`: the stream's, of an `.lvs` file. `isWhole`: nothing of the
   * stream was left out, so that the device is at the stream's result state.
   */
  async finish(
    header: StreamHeader | undefined,
    closing: Closing | undefined,
    isWhole: boolean,
  ): Promise<void> {
    const journal = this.#journal!;
    this.#journal = undefined;
    const digest = closing?.digest ?? this.#digest?.digest();
    const id = header?.id ?? digest;
    const named = isWhole ? (closing?.result ?? header?.result) : undefined;
    const computed = unnamedResult(journal.header.result!, isWhole ? digest : undefined, this.#context.codec);
    await journal.finish(this.#context.target, (totals) => {
      const undoes = mergeIds(journal.header.undoes, id);
      const unnamed = { ...totals, undoes, consistent: closing?.consistent, endTime: Date.now() };
      const whole = named && fitClosing({ ...unnamed, base: named });
      return whole ?? { ...unnamed, base: computed };
    });
  }

  /** The device is at no state that the chain knows: the new snapback follows nothing. */
  startAnew(because: string): void {
    if (!this.#link) return;
    this.#link = {
      before: { id: `uuid:${randomUUID()}` },
      sequence: this.#link.sequence,
      follows: undefined,
    };
    this.notices.push(because);
  }

  /** Releases the folder; a journal that is not finished stays as it is. */
  close(): void {
    this.#journal?.close();
    this.#resumed?.journal.close();
    release(this.#lock);
  }

  #describe(header: StreamHeader | undefined): StreamHeader {
    const { generator } = this.#context.options;
    const { before, sequence, follows } = this.#link!;
    const { path, deviceId, size } = this.#identity;
    return fitHeader({
      id: randomId(),
      kind: 'snapback',
      requires: [],
      order: 'disjoint',
      result: before,
      baseDigests: true,
      baseSize: size,
      resultSize: size,
      chunkSize: header?.chunkSize,
      origin: header?.origin,
      undoes: header?.id && [header.id],
      target: { path, deviceId, size },
      sequence,
      follows: follows?.header.id,
      generator,
      time: Date.now(),
    });
  }
}

/** The state after a stream that does not name it; after a part of one it has a name of its own. */
function unnamedResult(before: State, digest: Uint8Array | undefined, codec: FrameCodec): State {
  if (!digest) return { id: `uuid:${randomUUID()}`, consistent: false };
  return { id: resultStateId(before.id, digest, codec) };
}

function startDigest(codec: FrameCodec): StreamDigest {
  const digest = new StreamDigest(codec);
  digest.update(FIRST_LINE_BYTES);
  return digest;
}

/** A name that ends so is an unfinished snapback's: a finished one would be taken up again, and cut. */
function refuseName(path: string): void {
  const name = basename(path);
  if (name !== '' && !path.endsWith('/') && path !== '-' && !name.endsWith('.partial')) return;
  throw new RefusedError(`a snapback can't be called "${path}"`, {
    hint: 'give it the name of a new file, such as NAME.undo.lvs',
  });
}

function lockFolder(folder: string): number {
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
  const fd = openDescriptor(folder, constants.O_RDONLY);
  if (tryLock(fd, 'exclusive')) return fd;
  release(fd);
  throw new RefusedError(`${folder}: another lvstream is saving a snapback there`, {
    hint: 'wait for it to end',
  });
}

async function resume(
  path: string,
  { target, codec, options }: RecorderContext,
  identity: TargetIdentity,
): Promise<Resumed | undefined> {
  const made = (await readLvsHeader(partialPath(path)))?.target;
  if (made && !(isSameDevice(made, identity) && made.size === identity.size)) {
    const whose = `${made.path} at ${made.size} bytes`;
    throw new RefusedError(`${partialPath(path)}: is an unfinished snapback of ${whose}`, {
      hint: 'choose another name for this snapback',
    });
  }
  const recorded = new RecordedRanges(target, takeBackCommand(path, target.name));
  const journal = await Journal.resume(path, codec, {
    onBatch: (batch) => {
      recorded.addPreImages(batch);
    },
    isHeld: (batch) => recorded.isHeld(batch),
    keep: options.dryRun,
  });
  return journal && { journal, recorded };
}

async function findLink(
  path: string,
  { target, codec, openFile, options }: RecorderContext,
  identity: TargetIdentity,
  header: StreamHeader | undefined,
): Promise<Link> {
  const [newest] = await findSnapbacks(dirname(path), identity);
  const head = newest && (await judgeSnapback(newest, target, codec, openFile));
  return linkTo(head, options.baseCheck ? header?.base : undefined, `uuid:${randomUUID()}`);
}

/** What of the batch's ranges has no pre-image yet, inside the device; from then on it counts as saved. */
function missingOf(batch: RecordBatch, saved: RangeSet | undefined, size: number): Range[] {
  const inside = rangesOf(batch)
    .filter(({ offset }) => offset < size)
    .map(({ offset, length }) => ({ offset, length: Math.min(length, size - offset) }));
  if (!saved) return inside;
  return inside.flatMap((range) => {
    const missing = saved.missing(range);
    saved.add(range);
    return missing;
  });
}

function mergeIds(ids: readonly Uint8Array[] = [], id: Uint8Array | undefined): Uint8Array[] | undefined {
  const known = ids.some((other) => id && Buffer.compare(other, id) === 0);
  const all = id && !known ? [...ids, id] : [...ids];
  return all.length > 0 ? all : undefined;
}
