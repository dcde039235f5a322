import type { RangeReader } from '../algebra/random-access.js';
import { type DataBatch, type RecordBatch, type ZeroBatch, zeroRecords } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import { SECTOR_SIZE } from '../ranges/block-part.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { PIECE_DIGEST_SIZE, PIECE_SIZE } from '../format/layout.js';
import type { RangeSet } from '../ranges/range-set.js';
import {
  expectedPieces,
  isAllZero,
  type Expected,
  type ExpectedPiece,
} from '../algebra/records/expected-pieces.js';
import { Held, lengthInside, segmentsInside } from './held.js';

/**
 * What a device holds where a stream writes (§6.5): *base*, all as before the stream; *result*, all as after it;
 * *either*, both at once; *interrupted*, an apply that was ended in the middle; *partly*, another mixture;
 * *other*, something that is neither.
 */
export interface Verdict {
  readonly kind: 'base' | 'result' | 'either' | 'interrupted' | 'partly' | 'other';
  /** Device offset of the first piece that is neither, of *other*. */
  readonly firstDifference?: number | undefined;
  /** Bytes in pieces whose base nobody knows. */
  readonly unknownBytes: number;
}

/** Says of a device that some of it is neither what a stream was made for nor what it leads to. */
export function sayWrongBase(name: string, { firstDifference }: Verdict): string {
  return `${name}: byte ${firstDifference!} and what follows is not what the stream was made for (wrong base)`;
}

/**
 * Compares a device with what a disjoint stream expects and what it writes, piece by piece; feed it all batches in
 * order. The device's part of one batch is read at once: up to 8 MiB of memory.
 */
export class Judge {
  readonly #target: RangeReader;
  readonly #held: Held;
  readonly #codec: FrameCodec;
  readonly #exempt: RangeSet | undefined;
  readonly #isNoted: boolean;
  readonly #digest = new Uint8Array(PIECE_DIGEST_SIZE);
  #record = -1;
  #lastResult = -1;
  #firstBase = Number.POSITIVE_INFINITY;
  #firstDifference: number | undefined;
  #unknownBytes = 0;
  #isTorn = false;

  /**
   * `exempt`: pieces wholly in it are not looked at, because a journal vouches for them. `noted`: a note says that
   * nothing but this stream has been written where the device held the base.
   */
  constructor(
    target: RangeReader,
    codec: FrameCodec,
    {
      exempt,
      noted = false,
    }: { readonly exempt?: RangeSet | undefined; readonly noted?: boolean | undefined } = {},
  ) {
    this.#target = target;
    this.#held = new Held(target);
    this.#codec = codec;
    this.#exempt = exempt;
    this.#isNoted = noted;
  }

  /** Takes a batch into account; the batch stays the caller's. Batches must come one after the other. */
  async add(batch: RecordBatch): Promise<void> {
    if (batch.kind === 'zeros') await this.#addZeros(batch);
    else await this.#addData(batch);
  }

  verdict(): Verdict {
    return { kind: this.#kind(), firstDifference: this.#firstDifference, unknownBytes: this.#unknownBytes };
  }

  #kind(): Verdict['kind'] {
    if (this.#firstDifference !== undefined) return 'other';
    const anyResult = this.#lastResult >= 0;
    const anyBase = this.#firstBase !== Number.POSITIVE_INFINITY;
    if (this.#isTorn) return 'interrupted';
    if (!anyResult) return anyBase ? 'base' : 'either';
    if (!anyBase) return 'result';
    return this.#isNoted || this.#lastResult <= this.#firstBase ? 'interrupted' : 'partly';
  }

  async #addData(batch: DataBatch): Promise<void> {
    const inside = segmentsInside(batch, this.#target.size);
    const bytes = await this.#held.data(batch, inside);
    const pieces = expectedPieces(batch);
    for (let i = 0; i < batch.count; i++) {
      if (i > 0 || !batch.continues) this.#record++;
      const segment = { offset: batch.offsets[i]!, length: batch.lengths[i]! };
      const at = batch.positions[i]!;
      const held = bytes.subarray(at, at + inside.lengths[i]!);
      const written = batch.bytes.subarray(at, at + segment.length);
      for (let done = 0; done < segment.length;) {
        const { range, expected } = pieces.next().value!;
        const end = done + range.length;
        this.#compare(range, expected, held.subarray(done, end), written.subarray(done, end));
        done = end;
      }
    }
  }

  async #addZeros(batch: ZeroBatch): Promise<void> {
    const pieces = expectedPieces(batch);
    const zerosOnZeros = isAllZero(batch);
    for (const record of zeroRecords(batch.ranges)) {
      this.#record++;
      const next = (at: number) => (zerosOnZeros ? zeroPiece(record, at) : pieces.next().value!);
      let at = record.offset;
      for await (const { range: stretch, held } of this.#held.stretches(this.#inside(record))) {
        const end = stretch.offset + stretch.length;
        if (zerosOnZeros && !held) at = end;
        while (at < end) {
          const { range, expected } = next(at);
          const start = at - stretch.offset;
          at += range.length;
          const part = held?.subarray(start, start + range.length) ?? zeros(Math.min(at, end) - range.offset);
          this.#compare(range, expected, part, zeros(range.length));
        }
      }
      // What lies past the device's end has pieces too.
      while (at < record.offset + record.length) at += next(at).range.length;
    }
  }

  /** Of a piece that the device ends in, nobody knows what the part that is there must be. */
  #compare(range: Range, digest: Expected, held: Uint8Array, data: Uint8Array): void {
    if (held.length === 0 || this.#exempt?.missing(this.#inside(range)).length === 0) return;
    const expected = held.length < range.length && digest !== 'zero' ? 'unknown' : digest;
    const isResult = equal(held, data.subarray(0, held.length));
    if (expected === 'unknown') this.#unknownBytes += range.length;
    const isBase = this.#isBase(expected, held);
    if (isResult && !isBase) this.#lastResult = this.#record;
    if (isBase && !isResult && this.#firstBase > this.#record) this.#firstBase = this.#record;
    if (isBase || isResult) return;
    if (this.#isNoted && holdsSectorOf(data, held, range.offset)) this.#isTorn = true;
    else this.#firstDifference ??= range.offset;
  }

  #inside({ offset, length }: Range): Range {
    const { size } = this.#target;
    return { offset: Math.min(offset, size), length: lengthInside({ offset, length }, size) };
  }

  #isBase(expected: Expected, held: Uint8Array): boolean {
    if (expected === 'unknown') return true;
    if (expected === 'zero') return equal(held, zeros(held.length));
    this.#codec.sha256Into(held, this.#digest, 0, PIECE_DIGEST_SIZE);
    return equal(this.#digest, expected);
  }
}

const ZERO_PIECE = new Uint8Array(PIECE_SIZE);

function zeros(length: number): Uint8Array {
  return ZERO_PIECE.subarray(0, length);
}

/** The piece of a record that begins at `at`. */
function zeroPiece({ offset, length }: Range, at: number): ExpectedPiece {
  const end = Math.min(offset + length, (Math.floor(at / PIECE_SIZE) + 1) * PIECE_SIZE);
  return { range: { offset: at, length: end - at }, expected: 'zero' };
}

/** Of a piece that was torn at least one sector is the stream's: all of the base would be base. */
function holdsSectorOf(data: Uint8Array, held: Uint8Array, offset: number): boolean {
  for (let at = 0; at < held.length;) {
    const end = Math.min(held.length, at + SECTOR_SIZE - ((offset + at) % SECTOR_SIZE));
    if (equal(held.subarray(at, end), data.subarray(at, end))) return true;
    at = end;
  }
  return false;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
