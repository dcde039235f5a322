import { randomUUID } from 'node:crypto';
import { stateBetween } from '../algebra/follows.js';
import type { RangeReader } from '../algebra/random-access.js';
import { randomId } from '../codec/random-id.js';
import {
  createBufferPool,
  eachRange,
  memoryOfBatch,
  releaseBatch,
  type RecordBatch,
  type Segments,
} from '../format/batch.js';
import type { FrameCodec } from '../format/frame-codec.js';
import type { Closing } from '../format/lvs/maps/closing.js';
import { fitClosing, fitHeader } from '../format/lvs/maps/fit.js';
import { endsOf } from '../format/lvs/maps/ends.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import { BATCH_SIZE } from '../format/layout.js';
import { SegmentList } from '../format/segments.js';
import { withDigest, type ChangeStream } from '../format/open-stream.js';
import { RangeSet } from '../ranges/range-set.js';
import { computedState } from '../format/lvs/maps/result-state.js';
import type { State } from '../format/lvs/maps/state.js';
import type { Link, OpenStreamFile } from './chain-head.js';
import { Journal } from './journal.js';
import {
  asidePath,
  closeJournals,
  closeLeft,
  discardJournal,
  type LeftJournals,
  type OpenJournal,
} from './left-journal.js';
import { partialPath } from './partial-file.js';
import { isInside, lengthInside } from '../compare/held.js';
import { readPreImages } from '../compare/pre-images.js';
import type { RecordedRanges } from '../compare/recorded-ranges.js';
import type { TargetIdentity } from '../device/target.js';

/** Bytes of batches whose pre-images go to stable storage together. */
const GROUP_SIZE = 16 << 20;
/** A batch of zeros takes no memory, but pre-images of its own. */
const SMALL_SIZE = 1 << 20;

/** What saving takes besides the stream. */
export interface RecorderContext {
  readonly target: RangeReader;
  readonly codec: FrameCodec;
  readonly openFile: OpenStreamFile;
  /** The stream can be read again: a journal that was left unfinished can be gone on with. */
  readonly rewindable: boolean;
  readonly options: { readonly baseCheck: boolean; readonly generator: string; readonly dryRun: boolean };
}

/** What a snapback begins with: a journal that is gone on with, or a place in the chain. */
export type Start = (
  | (OpenJournal & { readonly leftAs?: string | undefined; readonly isCovered: boolean })
  | { readonly link: Link }
) & {
  readonly left?: LeftJournals | undefined;
  /** Where a journal of that name was put aside. */
  readonly aside?: string | undefined;
};

/** Saves what an apply overwrites, ahead of it. */
export class Recorder {
  readonly notices: string[] = [];
  readonly #path: string;
  readonly #context: RecorderContext;
  readonly #identity: TargetIdentity;
  #start: Start;
  /** What has been applied, and says of itself: not the stream, which would hold on to its buffers. */
  #applied: { readonly header: StreamHeader; readonly closing: Closing } | undefined;
  #journal: Journal | undefined;

  constructor(path: string, context: RecorderContext, identity: TargetIdentity, start: Start) {
    this.#path = path;
    this.#context = context;
    this.#identity = identity;
    this.#start = start;
    const asides = context.options.dryRun ? [] : asideOf(start);
    for (const aside of asides)
      this.notices.push(
        `${aside} keeps what an interrupted apply recorded past the end that the device has now`,
      );
    if ('link' in start) this.notices.push(...(start.link.remark === undefined ? [] : [start.link.remark]));
    else
      this.notices.push(`goes on with ${partialPath(start.leftAs ?? path)}, which an interrupted apply left`);
  }

  /** What an unfinished journal records; undefined when there was none. */
  get recorded(): RecordedRanges | undefined {
    return 'link' in this.#start ? undefined : this.#start.recorded;
  }

  /** Where an interrupted apply may have written, as its journal vouches; undefined if it has left nothing on the device. */
  get written(): RangeSet | undefined {
    return 'link' in this.#start || this.#start.isIdle ? undefined : this.#start.recorded.saved;
  }

  /** An interrupted apply has left a journal that records something. */
  get isUnfinished(): boolean {
    return !('link' in this.#start) || this.#start.left?.unfinished !== undefined;
  }

  /** The stream's base digests refuse nothing, since the device may rightly hold newer data (§6.2). */
  get isCovered(): boolean {
    return 'link' in this.#start ? this.#start.link.isCovered : this.#start.isCovered;
  }

  /** Throws `RefusedError` if the device holds what neither the journal nor the stream, seen as a whole, accounts for. */
  async checkRecorded(): Promise<void> {
    if ('link' in this.#start) return;
    const { journal, recorded } = this.#start;
    if (recorded.isOpen) await journal.review((batch) => recorded.addStream(batch));
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
    const { header, batches, closing } = withDigest(stream, this.#context.codec);
    const journal = await this.#openJournal(header);
    this.#journal = journal;
    const isDisjoint = isSorted || header.order !== 'given';
    const saved =
      this.recorded?.saved ?? (isDisjoint ? undefined : new RangeSet(this.#context.codec.openScratch));
    const pool = createBufferPool(BATCH_SIZE);
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
      for await (const preImage of readPreImages(missing, this.#context.target, pool))
        await journal.add(preImage);
      group.push(batch);
      groupSize += Math.max(SMALL_SIZE, memoryOfBatch(batch));
      if (groupSize >= GROUP_SIZE) await flush();
    };
    for await (const batch of batches) await record(batch);
    await flush();
    this.#applied = { header, closing: closing() };
  }

  /**
   * Turns the journal into the finished snapback. `isWhole`: nothing of the stream that has a place on the device was left
   * out, so that the device is at the stream's result state.
   */
  async finish(isWhole: boolean): Promise<void> {
    const journal = this.#journal!;
    const { header, closing } = this.#applied!;
    const { digest, consistent } = closing;
    const id = header.id ?? digest;
    const before = journal.header.result!;
    const { result } = endsOf(header, closing);
    const named = isWhole ? result : undefined;
    const unnamed =
      isWhole && digest
        ? computedState(before, { digest, time: header.time }, this.#context.codec)
        : ownState(before, result);
    await journal.finish(this.#context.target, (totals) => {
      const undoes = mergeIds(journal.header.undoes, id);
      const known = { ...totals, undoes, consistent, endTime: Date.now() };
      const whole = named && fitClosing({ ...known, base: named });
      return whole ?? { ...known, base: unnamed };
    });
  }

  /** The device is at no state that the chain knows: the new snapback follows nothing. */
  startAnew(because: string): void {
    if (!('link' in this.#start)) return;
    const { link, left } = this.#start;
    const before = { id: `uuid:${randomUUID()}`, covers: [] };
    this.#start = { left, link: { before, sequence: link.sequence, follows: undefined, isCovered: false } };
    this.notices.push(because);
  }

  /** A journal that is not finished stays as it is. */
  close(): void {
    this.#journal?.close();
    if (!('link' in this.#start)) this.#start.journal.close();
    if (this.#start.left) closeJournals(this.#start.left);
  }

  /** The journal to save in: the one that is gone on with, under its new name, or a new one behind what was left. */
  async #openJournal(header: StreamHeader): Promise<Journal> {
    const { target, codec } = this.#context;
    const { left } = this.#start;
    for (const idle of left?.idle ?? []) discardJournal(idle.path, idle);
    if (!('link' in this.#start)) {
      if (this.#start.leftAs !== undefined) await this.#start.journal.rename(this.#path);
      return this.#start.journal;
    }
    const { link } = this.#start;
    if (left?.unfinished) await closeLeft(left.unfinished, target, link.before);
    return Journal.create(this.#path, this.#describe(header, link), codec);
  }

  #describe(header: StreamHeader, { before, sequence, follows }: Link): StreamHeader {
    const { generator } = this.#context.options;
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
      chunkSize: header.chunkSize,
      origin: header.origin,
      undoes: header.id && [header.id],
      target: { path, deviceId, size },
      sequence,
      follows: follows?.header.id,
      toward: header.result,
      generator,
      time: Date.now(),
    });
  }
}

/** Where journals are put, or have been, that save what the device has no place for now. */
function asideOf({ left, aside }: Start): string[] {
  const idle = (left?.idle ?? []).map((each) => asidePath(each.path, each));
  return [aside, ...idle].filter((path) => path !== undefined);
}

/** The state after a part of a stream has been applied. */
function ownState(before: State, result: State | undefined): State {
  return stateBetween(`uuid:${randomUUID()}`, before, result, Date.now());
}

/** What of the batch's ranges has no pre-image yet, inside the device, which counts as saved then. */
function missingOf(batch: RecordBatch, saved: RangeSet | undefined, size: number): Segments {
  if (batch.kind === 'data' && !saved && isInside(batch, size)) return batch;
  const missing = new SegmentList();
  for (const range of eachRange(batch)) {
    const inside = { offset: range.offset, length: lengthInside(range, size) };
    if (inside.length === 0) continue;
    for (const { offset, length } of saved?.missing(inside) ?? [inside]) missing.push(offset, length, 0);
    saved?.add(inside);
  }
  return missing.toSegments();
}

function mergeIds(ids: readonly Uint8Array[] = [], id: Uint8Array | undefined): Uint8Array[] | undefined {
  const known = ids.some((other) => id && Buffer.compare(other, id) === 0);
  const all = id && !known ? [...ids, id] : [...ids];
  return all.length > 0 ? all : undefined;
}
