import {
  type DataBatch,
  memoryOfBatch,
  type RecordBatch,
  releaseBatch,
  zeroRecords,
} from '../../format/batch.js';
import { countRangePieces } from '../../format/pieces.js';
import { BatchBuilder, type BatchBuilderOptions } from '../records/batch-builder.js';
import { PieceCursor } from '../records/piece-cursor.js';
import type { RecordPart } from '../records/record-cursor.js';
import { latestParts, type SegmentPart } from './latest-parts.js';

/** Bytes that each segment takes besides its batch: its columns, and its place in the order. */
const SEGMENT_MEMORY = 40;
const FIRST_ROOM = 1024;

/**
 * A part of a stream that is held in memory, its records in any order, so that they can be sorted.
 *
 * Law: apply(sorted(s), D) = apply(s, D), and what comes out is ascending and writes no byte twice. Pieces of records
 * that stay whole keep what is known of them.
 */
export class Run {
  readonly #batches: RecordBatch[] = [];
  #offsets = new Float64Array(FIRST_ROOM);
  #ends = new Float64Array(FIRST_ROOM);
  /** Of each segment its batch, by number, and where in its bytes its data begins. */
  #owners = new Uint32Array(FIRST_ROOM);
  #positions = new Uint32Array(FIRST_ROOM);
  /** What is known of each segment's pieces, where its batch says anything. */
  readonly #pieces: Uint8Array[] = [];
  #count = 0;
  #memory = 0;

  /** Bytes that it holds, those that its buffers have to spare among them. */
  get memory(): number {
    return this.#memory;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Takes over the next batch of the stream. */
  add(batch: RecordBatch): void {
    const before = this.#count;
    if (batch.kind === 'data') this.#addData(batch);
    else for (const { offset, length } of batch.ranges) this.#push(offset, length, 0);
    if (batch.pieces) this.#addPieces(new PieceCursor(batch.pieces), before, batch.kind === 'zeros');
    this.#batches.push(batch);
    const slack = batch.kind === 'data' ? batch.bytes.buffer.byteLength - batch.bytes.length : 0;
    this.#memory += memoryOfBatch(batch) + slack + (batch.pieces?.length ?? 0);
    this.#memory += (this.#count - before) * SEGMENT_MEMORY;
  }

  /** What it writes, sorted; to be iterated once, and its batches are released when that ends. */
  *sorted(options: BatchBuilderOptions = {}): Generator<RecordBatch, void, undefined> {
    const builder = new BatchBuilder(options);
    try {
      for (const part of latestParts({ count: this.#count, offsets: this.#offsets, ends: this.#ends })) {
        builder.add(this.#partOf(part));
        yield* builder.take();
      }
      yield* builder.finish();
    } finally {
      this.#batches.splice(0).forEach(releaseBatch);
    }
  }

  #addData({ count, offsets, lengths, positions }: DataBatch): void {
    for (let i = 0; i < count; i += 1) this.#push(offsets[i]!, lengths[i]!, positions[i]!);
  }

  #push(offset: number, length: number, position: number): void {
    if (this.#count === this.#offsets.length) this.#grow();
    const segment = this.#count++;
    this.#offsets[segment] = offset;
    this.#ends[segment] = offset + length;
    this.#owners[segment] = this.#batches.length;
    this.#positions[segment] = position;
  }

  #grow(): void {
    const [offsets, ends, owners, positions] = [this.#offsets, this.#ends, this.#owners, this.#positions];
    const room = 2 * offsets.length;
    [this.#offsets, this.#ends] = [new Float64Array(room), new Float64Array(room)];
    [this.#owners, this.#positions] = [new Uint32Array(room), new Uint32Array(room)];
    this.#offsets.set(offsets);
    this.#ends.set(ends);
    this.#owners.set(owners);
    this.#positions.set(positions);
  }

  #addPieces(cursor: PieceCursor, first: number, areZeros: boolean): void {
    for (let segment = first; segment < this.#count; segment += 1) {
      const offset = this.#offsets[segment]!;
      const range = { offset, length: this.#ends[segment]! - offset };
      let count = 0;
      for (const record of areZeros ? zeroRecords([range]) : [range]) count += countRangePieces(record);
      const pieces = cursor.takeWhole(count);
      this.#pieces[segment] = pieces;
      this.#memory += pieces.length;
    }
  }

  /** Where a record is cut nobody knows what the parts of its pieces held; only records that overlap are. */
  #partOf({ segment, offset, length }: SegmentPart): RecordPart {
    const batch = this.#batches[this.#owners[segment]!]!;
    const begin = this.#offsets[segment]!;
    const isWhole = offset === begin && offset + length === this.#ends[segment]!;
    const pieces = isWhole ? this.#pieces[segment] : undefined;
    if (batch.kind === 'zeros') return { offset, length, bytes: undefined, pieces };
    const position = this.#positions[segment]! + offset - begin;
    return { offset, length, bytes: batch.bytes.subarray(position, position + length), pieces };
  }
}
