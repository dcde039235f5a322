import { type DataBatch, type RecordBatch, releaseBatch, zeroRecords } from '../../format/batch.js';
import { countRangePieces } from '../../format/pieces.js';
import { BatchBuilder, type BatchBuilderOptions } from '../records/batch-builder.js';
import { PieceCursor } from '../records/piece-cursor.js';
import type { RecordPart } from '../records/record-cursor.js';
import type { Arena, ArenaPlace } from './arena.js';
import { latestParts, type SegmentPart } from './latest-parts.js';

/** Bytes that each segment takes besides its batch: its columns, and its place in the order. */
const SEGMENT_MEMORY = 40;
const FIRST_ROOM = 32;
/** Zeros are kept nowhere. */
const ZEROS: ArenaPlace = { buffer: 0xffffffff, position: 0 };

/**
 * A part of a stream that is held in memory, its records in any order, so that they can be sorted.
 *
 * Law: apply(sorted(s), D) = apply(s, D), and what comes out is ascending and writes no byte twice. Pieces of records
 * that stay whole keep what is known of them.
 */
export class Run {
  readonly #arena: Arena;
  #offsets = new Float64Array(FIRST_ROOM);
  #ends = new Float64Array(FIRST_ROOM);
  /** Of each segment of data its buffer, by number, and where in that it begins. */
  #owners = new Uint32Array(FIRST_ROOM);
  #positions = new Uint32Array(FIRST_ROOM);
  /** What is known of each segment's pieces, where its batch says anything. */
  readonly #pieces: Uint8Array[] = [];
  #count = 0;
  /** Bytes of what is known of pieces. */
  #known = 0;

  /** `arena`: where its data is; empty, and used by nothing else. */
  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Bytes that it holds. */
  get memory(): number {
    return this.#arena.filled + this.#count * SEGMENT_MEMORY + this.#known;
  }

  /** Bytes that stay taken while it is kept in memory. */
  get heldMemory(): number {
    return this.#arena.taken + this.#offsets.length * SEGMENT_MEMORY + this.#known;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Takes in the next batch of the stream, and releases it. */
  add(batch: RecordBatch): void {
    const before = this.#count;
    if (batch.kind === 'data') this.#addData(batch);
    else for (const { offset, length } of batch.ranges) this.#push(offset, length, ZEROS);
    if (batch.pieces) this.#addPieces(new PieceCursor(batch.pieces), before, batch.kind === 'zeros');
    releaseBatch(batch);
  }

  /** What it writes, sorted; to be iterated once. The arena is empty when that ends. */
  *sorted(options: BatchBuilderOptions = {}): Generator<RecordBatch, void, undefined> {
    const builder = new BatchBuilder(options);
    try {
      for (const part of latestParts({ count: this.#count, offsets: this.#offsets, ends: this.#ends })) {
        builder.add(this.#partOf(part));
        yield* builder.take();
      }
      yield* builder.finish();
    } finally {
      this.#arena.empty();
    }
  }

  #addData({ bytes, count, offsets, lengths, positions }: DataBatch): void {
    const place = this.#arena.keep(bytes);
    for (let i = 0; i < count; i += 1)
      this.#push(offsets[i]!, lengths[i]!, { ...place, position: place.position + positions[i]! });
  }

  #push(offset: number, length: number, { buffer, position }: ArenaPlace): void {
    if (this.#count === this.#offsets.length) this.#grow();
    const segment = this.#count++;
    this.#offsets[segment] = offset;
    this.#ends[segment] = offset + length;
    this.#owners[segment] = buffer;
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
      this.#known += pieces.length;
    }
  }

  /** Where a record is cut nobody knows what the parts of its pieces held; only records that overlap are. */
  #partOf({ segment, offset, length }: SegmentPart): RecordPart {
    const begin = this.#offsets[segment]!;
    const isWhole = offset === begin && offset + length === this.#ends[segment]!;
    const pieces = isWhole ? this.#pieces[segment] : undefined;
    const buffer = this.#owners[segment]!;
    if (buffer === ZEROS.buffer) return { offset, length, bytes: undefined, pieces };
    const position = this.#positions[segment]! + offset - begin;
    return { offset, length, bytes: this.#arena.at({ buffer, position }, length), pieces };
  }
}
