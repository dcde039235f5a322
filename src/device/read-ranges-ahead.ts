import { draftBatches } from '../algebra/records/draft-batches.js';
import { readRanges } from '../algebra/records/read-ranges.js';
import { type BufferPool, createBufferPool, type DataBatch, releaseBatch } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import { BATCH_SIZE } from '../format/layout.js';
import { alignedMemory } from './aligned-memory.js';
import type { AheadReader, AlignedReads } from './direct.js';

/** Reads in flight. Node's pool of threads makes four at a time; the others wait so that none is ever idle. */
const SLOTS = 6;
/** Batches in the making, at least as many as reads in flight: where ranges are long a batch is one read. */
const MOST_BATCHES = 6;
/**
 * Gaps up to this many bytes are read over. An SSD reads as much in 20 to 60 microseconds, which is what another
 * request costs; a spinning disk in half a millisecond, where it takes several to let them pass by.
 */
const BRIDGE = 1 << 16;

/**
 * The same batches as `readRanges`, boundaries and all, with several reads in flight where the device can be read
 * ahead; any other is read as `readRanges` does. Neighbours are read together, up to 1 MiB, across gaps of up to
 * 64 KiB. Makes the most of ranges that ascend, but they need not.
 *
 * Beside the batch that it yields it holds six, and 6 MiB to read into. It reads no further ahead than that.
 * An error is thrown where its batch would be, with the error that `readSegments` gives. When the generator has ended, also
 * early, no read is under way: then the device may be closed.
 */
export async function* readRangesAhead(
  ranges: Iterable<Range>,
  source: AheadReader,
  pool: BufferPool = createBufferPool(),
): AsyncGenerator<DataBatch, void, undefined> {
  if (source.ahead === undefined) {
    yield* readRanges(ranges, source, pool);
    return;
  }
  const ahead = new ReadAhead(draftBatches(ranges, pool), source, source.ahead, pool.size);
  try {
    for (let batch = await ahead.next(); batch !== undefined; batch = await ahead.next()) yield batch;
  } finally {
    await ahead.end();
  }
}

/** Segments of a batch that are read together; `end` is exclusive, and so is `stop`. */
interface JoinedRead {
  readonly first: number;
  readonly end: number;
  /** Device bytes, aligned. */
  readonly start: number;
  readonly stop: number;
}

/** A batch whose data is on its way. */
interface BatchRead {
  readonly batch: DataBatch;
  readonly reads: readonly JoinedRead[];
  issued: number;
  ended: number;
  readonly failed: JoinedRead[];
  readonly filled: Promise<void>;
  readonly markFilled: () => void;
}

class ReadAhead {
  readonly #drafts: Generator<DataBatch, void, undefined>;
  readonly #source: AheadReader;
  readonly #reads: AlignedReads;
  readonly #ring: Ring;
  readonly #free: Uint8Array[];
  readonly #running = new Set<Promise<void>>();
  /** Batches in order; all but the last one have all their reads issued. */
  readonly #started: BatchRead[] = [];
  #failure: { readonly error: unknown } | undefined;

  constructor(
    drafts: Generator<DataBatch, void, undefined>,
    source: AheadReader,
    reads: AlignedReads,
    batchSize: number,
  ) {
    this.#drafts = drafts;
    this.#source = source;
    this.#reads = reads;
    this.#ring = takeRing(Math.max(BATCH_SIZE, batchSize) + 2 * reads.unit);
    this.#free = [...this.#ring.slots];
  }

  /** The next batch, filled; undefined behind the last one. */
  async next(): Promise<DataBatch | undefined> {
    this.#issue();
    const [filling] = this.#started;
    if (filling === undefined) {
      if (this.#failure) throw this.#failure.error;
      return undefined;
    }
    await filling.filled;
    for (const { first, end } of inOrder(filling.failed))
      await this.#source.readSegments(filling.batch, first, end, filling.batch.bytes);
    this.#started.shift();
    this.#issue();
    return filling.batch;
  }

  /** Waits for what is in flight and gives back all memory. */
  async end(): Promise<void> {
    const left = this.#started.splice(0);
    this.#drafts.return();
    await Promise.all(this.#running);
    for (const { batch } of left) releaseBatch(batch);
    giveRing(this.#ring);
  }

  #issue(): void {
    while (this.#free.length > 0) {
      const filling = this.#readToIssue();
      if (filling === undefined) return;
      const read = filling.reads[filling.issued]!;
      filling.issued += 1;
      const running = this.#run(filling, read, this.#free.pop()!).finally(() =>
        this.#running.delete(running),
      );
      this.#running.add(running);
    }
  }

  /** The batch that has reads left to issue: a new one, unless there are enough. */
  #readToIssue(): BatchRead | undefined {
    const last = this.#started.at(-1);
    if (last !== undefined && last.issued < last.reads.length) return last;
    if (this.#started.length >= MOST_BATCHES) return undefined;
    const batch = this.#nextDraft();
    if (batch === undefined) return undefined;
    const filling = readOf(batch, planReads(batch, this.#source.size, this.#reads.unit));
    this.#started.push(filling);
    return filling;
  }

  /** An error of the ranges waits until the batches before it are out. */
  #nextDraft(): DataBatch | undefined {
    try {
      return this.#drafts.next().value ?? undefined;
    } catch (error) {
      this.#failure = { error };
      return undefined;
    }
  }

  /** Never rejects. */
  async #run(filling: BatchRead, read: JoinedRead, slot: Uint8Array): Promise<void> {
    const { start, stop } = read;
    try {
      const inside = start >= 0 && stop <= this.#source.size;
      if (!inside) throw new RangeError('the range is not inside the device');
      await this.#reads.read(slot.subarray(0, stop - start), start);
      copyFromRead(filling.batch, read, slot);
    } catch {
      filling.failed.push(read);
    }
    this.#free.push(slot);
    filling.ended += 1;
    if (filling.ended === filling.reads.length) filling.markFilled();
    this.#issue();
  }
}

/** They failed in any order; what is thrown is what is wrong with the first. */
function inOrder(reads: readonly JoinedRead[]): JoinedRead[] {
  return reads.toSorted((a, b) => a.first - b.first);
}

function readOf(batch: DataBatch, reads: readonly JoinedRead[]): BatchRead {
  let markFilled = (): void => undefined;
  const filled = new Promise<void>((resolve) => (markFilled = resolve));
  return { batch, reads, issued: 0, ended: 0, failed: [], filled, markFilled };
}

function planReads(batch: DataBatch, size: number, unit: number): JoinedRead[] {
  const { offsets, lengths, count } = batch;
  const reads: JoinedRead[] = [];
  for (let first = 0; first < count;) {
    const end = joinFrom(batch, first);
    const last = offsets[end - 1]! + lengths[end - 1]!;
    const stop = Math.ceil(last / unit) * unit;
    reads.push({
      first,
      end,
      start: Math.floor(offsets[first]! / unit) * unit,
      stop: last <= size ? Math.min(stop, size) : stop,
    });
    first = end;
  }
  return reads;
}

/** The first segment behind `first` that is not read together with it. */
function joinFrom({ offsets, lengths, count }: DataBatch, first: number): number {
  let next = first + 1;
  for (let end = offsets[first]! + lengths[first]!; next < count; next++) {
    const gap = offsets[next]! - end;
    if (gap < 0 || gap > BRIDGE) break;
    end = offsets[next]! + lengths[next]!;
    if (end - offsets[first]! > BATCH_SIZE) break;
  }
  return next;
}

function copyFromRead(
  { bytes, offsets, lengths, positions }: DataBatch,
  { first, end, start }: JoinedRead,
  slot: Uint8Array,
): void {
  for (let i = first; i < end; i++) {
    const at = offsets[i]! - start;
    bytes.set(slot.subarray(at, at + lengths[i]!), positions[i]);
  }
}

/** What is in flight is read into these, each of the same size. */
interface Ring {
  readonly slotSize: number;
  readonly slots: readonly Uint8Array[];
}

/** As many as devices are read beside each other when two are compared. */
const MOST_IDLE = 2;
const idle: Ring[] = [];

function takeRing(slotSize: number): Ring {
  const index = idle.findIndex((ring) => ring.slotSize === slotSize);
  if (index >= 0) return idle.splice(index, 1)[0]!;
  const memory = alignedMemory(SLOTS * slotSize);
  const slots = Array.from({ length: SLOTS }, (_, i) => memory.subarray(i * slotSize, (i + 1) * slotSize));
  return { slotSize, slots };
}

function giveRing(ring: Ring): void {
  if (idle.length < MOST_IDLE) idle.push(ring);
}
