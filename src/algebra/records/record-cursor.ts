import { type RecordBatch, releaseBatch, zeroRecords } from '../../format/batch.js';
import type { Range } from '../../ranges/range.js';
import { Lookahead } from '../../ranges/lookahead.js';
import { PieceCursor } from './piece-cursor.js';

/** A part of a record, or all of it. */
export interface RecordPart extends Range {
  /** The data, which stays the cursor's and is good until it goes on to its next batch; undefined stands for zeros. */
  readonly bytes: Uint8Array | undefined;
  /** What the device must hold before (§4.6.2): runs that cover the pieces of the part. Undefined: its batch says nothing. */
  readonly pieces: Uint8Array | undefined;
}

/**
 * A stream's records in their order, of which the next is known and any part can be taken, with what is known of its
 * pieces: while there is a {@link offset} nothing waits; {@link next} goes on to the next batch.
 *
 * Law: the parts that are taken, one behind the other, write what the stream does, whatever their lengths.
 */
export class RecordCursor {
  readonly #batches: AsyncIterator<RecordBatch, unknown>;
  #batch: RecordBatch | undefined;
  #zeros: Lookahead<Range> | undefined;
  #pieces: PieceCursor | undefined;
  /** The segment at hand, by its number in a batch of data. */
  #index = 0;
  /** What is left of the segment at hand, and where its data is in the batch's bytes. */
  #offset = Infinity;
  #length = 0;
  #position = 0;
  #isWhole = false;

  /** Owns the batches that it reads. */
  constructor(batches: AsyncIterable<RecordBatch>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  /** Goes on to a batch that something is left of; false once the stream has ended. Throws what the stream does. */
  async next(): Promise<boolean> {
    while (this.#length === 0) {
      this.#release();
      const step = await this.#batches.next();
      if (step.done === true) return false;
      this.#open(step.value);
    }
    return true;
  }

  /** Where on the device the next part begins; infinite where nothing is left of the batch. */
  get offset(): number {
    return this.#offset;
  }

  /** So much can be taken at once; 0 where nothing is left of the batch. */
  get length(): number {
    return this.#length;
  }

  /** Where what the batch at hand writes last ends, exclusive. */
  get batchEnd(): number {
    const batch = this.#batch;
    if (!batch) return 0;
    if (batch.kind === 'data') return batch.offsets[batch.count - 1]! + batch.lengths[batch.count - 1]!;
    const { offset, length } = batch.ranges.at(-1)!;
    return offset + length;
  }

  /** Takes the next part: `most` bytes of it, or as many as can be taken at once. */
  take(most: number = Infinity): RecordPart {
    if (!(this.#length > 0 && most > 0)) throw new Error('nothing is left to be taken');
    const offset = this.#offset;
    const isEnd = most >= this.#length;
    const length = isEnd ? this.#length : most;
    const part = { offset, length };
    const bytes = this.#bytesOf(length);
    const pieces = this.#pieces?.take(part, isEnd);
    this.#isWhole = false;
    if (isEnd) this.#goTo(this.#index + 1);
    else {
      this.#offset += length;
      this.#length -= length;
      this.#position += length;
    }
    return { ...part, bytes, pieces };
  }

  /**
   * All of the batch, which is the caller's then; undefined if a part of it has been taken, nothing is left, a record goes
   * on from it or into it, or its data takes more than `most` bytes.
   */
  takeBatch(most: number = Infinity): RecordBatch | undefined {
    const batch = this.#batch;
    if (!this.#isWhole || (batch?.kind === 'data' && batch.bytes.length > most)) return undefined;
    this.#batch = undefined;
    this.#close();
    return batch;
  }

  /** Ends the stream, whatever is left of it. */
  async end(): Promise<void> {
    this.#release();
    await this.#batches.return?.();
  }

  #open(batch: RecordBatch): void {
    this.#batch = batch;
    this.#zeros = batch.kind === 'zeros' ? new Lookahead(zeroRecords(batch.ranges)) : undefined;
    this.#pieces = batch.pieces && new PieceCursor(batch.pieces);
    this.#goTo(0);
    const isCut = batch.kind === 'data' && (batch.continues || batch.open);
    this.#isWhole = this.#length > 0 && !isCut;
  }

  #goTo(index: number): void {
    const batch = this.#batch!;
    this.#index = index;
    if (batch.kind === 'zeros') this.#takeUp(this.#nextZeros(index), 0);
    else if (index === batch.count) this.#takeUp(undefined, 0);
    else
      this.#takeUp({ offset: batch.offsets[index]!, length: batch.lengths[index]! }, batch.positions[index]!);
  }

  #nextZeros(index: number): Range | undefined {
    if (index > 0) this.#zeros!.advance();
    return this.#zeros!.head;
  }

  #takeUp(segment: Range | undefined, position: number): void {
    this.#offset = segment?.offset ?? Infinity;
    this.#length = segment?.length ?? 0;
    this.#position = position;
  }

  #bytesOf(length: number): Uint8Array | undefined {
    const batch = this.#batch!;
    return batch.kind === 'data' ? batch.bytes.subarray(this.#position, this.#position + length) : undefined;
  }

  #release(): void {
    if (this.#batch) releaseBatch(this.#batch);
    this.#batch = undefined;
    this.#close();
  }

  #close(): void {
    this.#zeros = undefined;
    this.#pieces = undefined;
    this.#isWhole = false;
    this.#takeUp(undefined, 0);
  }
}
