import { differences } from '../algebra/differences.js';
import type { RangeReader } from '../algebra/random-access.js';
import { type DataBatch, type RecordBatch, zeroRecords } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import type { Order } from '../format/lvs/maps/header.js';
import { RangeSet } from '../ranges/range-set.js';
import type { OpenScratch } from '../ranges/scratch.js';
import { Held, lengthInside, segmentsInside, ZERO_PART } from './held.js';

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
  readonly #device: RangeReader;
  readonly #places: Places;
  readonly #held: Held;
  #pastEnd = 0;

  constructor(device: RangeReader, order: Order, openScratch: OpenScratch) {
    this.#device = device;
    this.#held = new Held(device);
    this.#places = order === 'given' ? new RevisedPlaces(openScratch) : new FinalPlaces();
  }

  /** Takes a batch into account; it stays the caller's. Batches must come one after the other. */
  async add(batch: RecordBatch): Promise<void> {
    if (batch.kind === 'data') await this.#addData(batch);
    else for (const record of zeroRecords(batch.ranges)) await this.#addZeros(record);
  }

  result(): Comparison {
    return { ...this.#places.result(), pastEnd: this.#pastEnd };
  }

  async #addData(batch: DataBatch): Promise<void> {
    const inside = segmentsInside(batch, this.#device.size);
    const held = await this.#held.data(batch, inside);
    for (let i = 0; i < batch.count; i++) {
      const length = inside.lengths[i]!;
      this.#pastEnd += batch.lengths[i]! - length;
      if (length === 0) continue;
      const range = { offset: batch.offsets[i]!, length };
      const at = batch.positions[i]!;
      this.#places.forget(range);
      this.#compare(range, held.subarray(at, at + length), batch.bytes.subarray(at, at + length));
    }
  }

  async #addZeros(record: Range): Promise<void> {
    const length = lengthInside(record, this.#device.size);
    this.#pastEnd += record.length - length;
    if (length === 0) return;
    const inside = { offset: record.offset, length };
    this.#places.forget(inside);
    for await (const { range, held } of this.#held.stretches(inside))
      if (held) this.#compare(range, held, ZERO_PART.subarray(0, held.length));
  }

  #compare(range: Range, held: Uint8Array, wanted: Uint8Array): void {
    for (const place of differences(range, held, wanted)) this.#places.add(place);
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
