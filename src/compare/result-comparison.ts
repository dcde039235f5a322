import { differences } from '../algebra/differences.js';
import type { RandomAccessReader } from '../algebra/random-access.js';
import { type RecordBatch, zeroRecords } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import type { Order } from '../format/lvs/maps/header.js';
import { RangeSet } from '../ranges/range-set.js';
import type { OpenScratch } from '../ranges/scratch.js';
import { cutRange, PART_SIZE, ZERO_PART } from './cut-range.js';

/** What a comparison of a device with a stream's result found. */
export interface Comparison {
  /** Bytes of the device that are not what the stream writes. */
  readonly differentBytes: number;
  /** The lowest of them, of an unsorted stream; the first found otherwise. A few ranges. */
  readonly first: readonly Range[];
  /** Bytes that the stream writes past the device's end. */
  readonly pastEnd: number;
}

const MOST_SHOWN = 8;

/**
 * Compares a device with what it must hold after a stream, of which all batches are added in order. Where records
 * overlap, the last one counts: a stream that may have such records needs memory for each place that differs.
 */
export class ResultComparison {
  readonly #device: RandomAccessReader;
  readonly #places: Places;
  readonly #buffer = new Uint8Array(PART_SIZE);
  #pastEnd = 0;

  constructor(device: RandomAccessReader, order: Order, openScratch: OpenScratch) {
    this.#device = device;
    this.#places = order === 'given' ? new RevisedPlaces(openScratch) : new FinalPlaces();
  }

  /** Takes a batch into account; it stays the caller's. */
  add(batch: RecordBatch): void {
    for (const { range, wanted } of wantedParts(batch)) {
      const length = Math.max(0, Math.min(range.length, this.#device.size - range.offset));
      this.#pastEnd += range.length - length;
      if (length > 0) this.#compare({ offset: range.offset, length }, wanted);
    }
  }

  result(): Comparison {
    return { ...this.#places.result(), pastEnd: this.#pastEnd };
  }

  #compare(range: Range, wanted: Uint8Array | undefined): void {
    this.#places.forget(range);
    for (const stretch of wanted ? [range] : dataIn(range, this.#device)) {
      for (const part of cutRange(stretch)) {
        const held = this.#buffer.subarray(0, part.length);
        this.#device.readInto(held, part.offset);
        const start = part.offset - range.offset;
        const expected = wanted?.subarray(start, start + part.length) ?? ZERO_PART.subarray(0, part.length);
        for (const place of differences(part, held, expected)) this.#places.add(place);
      }
    }
  }
}

/** Where the device differs. */
interface Places {
  add(place: Range): void;
  /** A later record writes there again. */
  forget(range: Range): void;
  result(): Pick<Comparison, 'differentBytes' | 'first'>;
}

/** Of a stream that writes no byte twice. */
class FinalPlaces implements Places {
  readonly #first: Range[] = [];
  #bytes = 0;

  add(place: Range): void {
    this.#bytes += place.length;
    if (this.#first.length < MOST_SHOWN) this.#first.push(place);
  }

  forget(): void {
    return;
  }

  result() {
    return { differentBytes: this.#bytes, first: this.#first };
  }
}

/** Of a stream that may write a byte again. */
class RevisedPlaces implements Places {
  readonly #set: RangeSet;

  constructor(openScratch: OpenScratch) {
    this.#set = new RangeSet(openScratch);
  }

  add(place: Range): void {
    this.#set.add(place);
  }

  forget(range: Range): void {
    if (this.#set.size > 0) this.#set.remove(range);
  }

  result() {
    const first: Range[] = [];
    for (const place of this.#set.ranges()) {
      if (first.length === MOST_SHOWN) break;
      first.push(place);
    }
    return { differentBytes: this.#set.size, first };
  }
}

/** Where zeros are wanted only what is no hole needs to be read. */
function dataIn(range: Range, device: RandomAccessReader): Iterable<Range> {
  return device.allocated ? device.allocated(range) : [range];
}

/** The ranges that a batch writes and what it wants there; undefined stands for zeros. */
function* wantedParts(batch: RecordBatch): Generator<{ range: Range; wanted: Uint8Array | undefined }> {
  if (batch.kind === 'zeros') {
    for (const range of zeroRecords(batch.ranges)) yield { range, wanted: undefined };
    return;
  }
  for (let i = 0; i < batch.count; i++) {
    const at = batch.positions[i]!;
    const range = { offset: batch.offsets[i]!, length: batch.lengths[i]! };
    yield { range, wanted: batch.bytes.subarray(at, at + range.length) };
  }
}
