import {
  type BufferPool,
  createBufferPool,
  type DataBatch,
  type RecordBatch,
  releaseBatch,
  zeroRecords,
} from '../../format/batch.js';
import type { Range } from '../../ranges/range.js';
import {
  MAX_ZERO_CONTENT,
  PIECE_DIGEST_SIZE,
  PIECE_SIZE,
  RECORD_HEADER_SIZE,
  ZERO_RECORD_SIZE,
} from '../../format/layout.js';
import {
  countPieces,
  countRangePieces,
  decodePieceRuns,
  PIECE_RUNS,
  PieceRunBuilder,
} from '../../format/pieces.js';
import { SegmentList } from '../../format/segments.js';
import { cutZeroRanges } from '../../format/lvs/frames/zero-frame.js';
import { DataDraft } from './data-draft.js';
import { PieceCursor } from './piece-cursor.js';
import type { RecordPart } from './record-cursor.js';

/** What one zero frame holds in whole zero records (§4.5). */
const MAX_RANGE = Math.floor(MAX_ZERO_CONTENT / (ZERO_RECORD_SIZE + RECORD_HEADER_SIZE)) * ZERO_RECORD_SIZE;
/** Ranges that wait for what follows, at most. */
const MAX_WAITING = 4096;
/** A buffer of which less than one in so many bytes is used is mostly slack. */
const SLACK = 8;
const NOTHING: readonly RecordBatch[] = [];

export interface BatchBuilderOptions {
  /** Where the buffers of data come from; no batch is larger than they are. */
  readonly pool?: BufferPool | undefined;
  /** Every batch says what the device must hold before (§4.6.2), and nobody knows where no part does. */
  readonly pieces?: boolean | undefined;
}

/**
 * Puts records together to batches, in the order in which they are added: the only place where a stream that is made of
 * others gets its batches.
 *
 * Law: what comes out writes what was added, in its order. Data and zeros that touch are one record and one range, as far
 * as a batch holds it; pieces keep what is known of them. What comes out are whole records, and nothing but what was
 * passed is larger than a batch. One batch is in the making at a time.
 */
export class BatchBuilder {
  readonly #pool: BufferPool;
  /** Of what is in the making. */
  readonly #pieces: PieceRunBuilder | undefined;
  #draft: DataDraft | undefined;
  #zeros: Range[] = [];
  #done: RecordBatch[] = [];

  constructor({ pool = createBufferPool(), pieces = false }: BatchBuilderOptions = {}) {
    this.#pool = pool;
    this.#pieces = pieces ? new PieceRunBuilder() : undefined;
  }

  /** The zeros that were added last, if no data has been since, and they wait for what follows. */
  get zerosBefore(): Range | undefined {
    return this.#zeros.at(-1);
  }

  /** Adds a part of a record; its bytes are copied. */
  add({ offset, length, bytes, pieces }: RecordPart): void {
    if (bytes) this.addData(offset, bytes, pieces);
    else this.addZeros({ offset, length }, pieces);
  }

  /** Adds a batch as it is, and takes it over. */
  pass(batch: RecordBatch): void {
    this.#closeData();
    this.#closeZeros();
    this.#done.push(this.#pieces ? ensurePieces(batch) : batch);
  }

  /** Adds data, which is copied. `pieces`: runs that cover its pieces. */
  addData(offset: number, data: Uint8Array, pieces?: Uint8Array): void {
    this.#closeZeros();
    const known = this.#pieces && pieces && new PieceCursor(pieces);
    for (let at = 0; at < data.length;) {
      const draft = (this.#draft ??= new DataDraft(this.#pool.take(), this.#pool));
      const joins = draft.touches(offset + at) && this.#mayJoin(offset + at);
      const rest = data.length - at;
      const length = joins && rest <= draft.room ? rest : draft.fits(offset + at, rest);
      if (length === 0) this.#closeData();
      else {
        const part = data.subarray(at, at + length);
        if (joins) draft.extend(part);
        else draft.add(offset + at, part);
        this.#addPieces({ offset: offset + at, length }, known, at + length === data.length);
        at += length;
      }
    }
  }

  /** Adds zeros. `pieces`: runs that cover their pieces, as a batch of this range has them. */
  addZeros(range: Range, pieces?: Uint8Array): void {
    this.#closeData();
    if (!this.#pieces) this.#addRange(range);
    else {
      const known = pieces && new PieceCursor(pieces);
      for (const record of zeroRecords([range])) {
        this.#addRange(record);
        this.#addPieces(record, known, true);
      }
    }
  }

  /** What is ready, in order; each batch is the caller's. */
  take(): readonly RecordBatch[] {
    if (this.#done.length === 0) return NOTHING;
    const done = this.#done;
    this.#done = [];
    return done;
  }

  /** The last of it. */
  finish(): readonly RecordBatch[] {
    this.#closeData();
    this.#closeZeros();
    return this.take();
  }

  /** A piece that two parts of a record have in common would be another one than either. */
  #mayJoin(at: number): boolean {
    return this.#pieces === undefined || at % PIECE_SIZE === 0;
  }

  #addPieces(part: Range, known: PieceCursor | undefined, isEnd: boolean): void {
    if (!this.#pieces) return;
    if (known) addRuns(this.#pieces, known.take(part, isEnd));
    else this.#pieces.addUnknown(countRangePieces(part));
  }

  /** Joins a range to the last one that waits, if they touch and one zero frame holds both. */
  #addRange(range: Range): void {
    const last = this.#zeros.at(-1);
    if (last && this.#joins(last, range)) {
      if (last.length + range.length <= MAX_RANGE) {
        this.#zeros.splice(-1, 1, { offset: last.offset, length: last.length + range.length });
        return;
      }
      this.#closeZeros();
    } else if (this.#zeros.length === MAX_WAITING) this.#closeZeros();
    this.#zeros.push(range);
  }

  /** The records that zeros stand for are cut at multiples of their size, counted from where they begin. */
  #joins(last: Range, { offset }: Range): boolean {
    return last.offset + last.length === offset && this.#mayJoin(last.offset) && this.#mayJoin(offset);
  }

  #closeData(): void {
    const draft = this.#draft;
    this.#draft = undefined;
    if (!draft) return;
    const batch = withoutSlack(draft.toBatch(), this.#pool);
    this.#done.push({ ...batch, pieces: this.#pieces?.takeSection() });
  }

  #closeZeros(): void {
    const zeros = this.#zeros;
    if (zeros.length === 0) return;
    this.#zeros = [];
    const pieces = this.#pieces && new PieceCursor(this.#pieces.takeSection());
    for (const batch of cutZeroRanges(zeros))
      this.#done.push(pieces ? { ...batch, pieces: pieces.takeWhole(countPieces(batch)) } : batch);
  }
}

/** A batch that fills a small part of its buffer gets one of its own size, since the buffer counts while it waits. */
function withoutSlack(batch: DataBatch, pool: BufferPool): DataBatch {
  if (batch.bytes.length > pool.size / SLACK) return batch;
  const copy = copySegments(batch, 0, batch.count);
  releaseBatch(batch);
  return copy;
}

function addRuns(pieces: PieceRunBuilder, section: Uint8Array): void {
  for (const { kind, count, digests } of decodePieceRuns(section, 0)) {
    if (kind === PIECE_RUNS.zero) pieces.addZero(count);
    else if (kind === PIECE_RUNS.unknown) pieces.addUnknown(count);
    else
      for (let at = 0; at < digests.length; at += PIECE_DIGEST_SIZE) pieces.addDigest(digests.subarray(at));
  }
}

/** The batch, with what it says of its pieces; of one that says nothing, that nobody knows what they must hold. */
export function ensurePieces(batch: RecordBatch): RecordBatch {
  if (batch.pieces) return batch;
  const runs = new PieceRunBuilder();
  runs.addUnknown(countPieces(batch));
  return { ...batch, pieces: runs.takeSection() };
}

/**
 * The segments of a batch from `first` up to `end`, which is exclusive, as they stand, without digests of their pieces. The
 * bytes are copied, to a buffer of `pool` if there is one; the batch stays the caller's.
 */
export function copySegments(batch: DataBatch, first: number, end: number, pool?: BufferPool): DataBatch {
  const { offsets, lengths, positions } = batch;
  const continues = first === 0 && batch.continues;
  const start = positions[first]! - (continues ? 0 : RECORD_HEADER_SIZE);
  const used = batch.bytes.subarray(start, positions[end - 1]! + lengths[end - 1]!);
  const bytes = (pool?.take(used.length) ?? new Uint8Array(used.length)).subarray(0, used.length);
  bytes.set(used);
  const segments = new SegmentList(pool);
  for (let i = first; i < end; i += 1) segments.push(offsets[i]!, lengths[i]!, positions[i]! - start);
  return segments.toBatch(bytes, continues, end === batch.count && batch.open);
}
