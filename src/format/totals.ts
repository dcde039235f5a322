import { countRecords, encodedSize, type RecordBatch, zeroRecords } from './batch.js';
import type { Range } from '../ranges/range.js';
import type { Totals } from './lvs/maps/closing.js';
import type { Order } from './lvs/maps/header.js';
import { FIRST_LINE_SIZE, RECORD_HEADER_SIZE } from './layout.js';

/** Where one batch writes: what its frame's index entry says. */
export interface Extremes {
  readonly low: number;
  readonly high: number;
}

/** Counts what passes and finds whether it is sorted (§4.6.5). */
export class Tally {
  #size = FIRST_LINE_SIZE;
  #records = 0;
  #runs = 0;
  #data = 0;
  #zeros = 0;
  #low = Number.POSITIVE_INFINITY;
  #high = 0;
  #previousEnd: number | undefined;
  #sorted = true;

  /** Counts a batch and returns where it writes. */
  add(batch: RecordBatch): Extremes {
    this.#size += encodedSize(batch);
    this.#records += countRecords(batch);
    const extremes = batch.kind === 'zeros' ? this.#addZeros(batch.ranges) : this.#addData(batch);
    this.#low = Math.min(this.#low, extremes.low);
    this.#high = Math.max(this.#high, extremes.high);
    return extremes;
  }

  /** Counts a record whose data is somewhere else. */
  addRecord({ offset, length }: Range): void {
    this.#size += RECORD_HEADER_SIZE + length;
    this.#records++;
    this.#low = Math.min(this.#low, offset);
    this.#high = Math.max(this.#high, offset + length);
    this.#place(offset, offset + length, false);
  }

  totals(): Totals {
    const low = this.#high === 0 ? 0 : this.#low;
    const counts = { size: this.#size, records: this.#records, runs: this.#runs };
    return { ...counts, data: this.#data, zeros: this.#zeros, low, high: this.#high };
  }

  /** *sorted* if all that passed was ascending and disjoint, else *given*. */
  order(): Order {
    return this.#sorted ? 'sorted' : 'given';
  }

  #addData({ count, offsets, lengths, continues }: Extract<RecordBatch, { kind: 'data' }>): Extremes {
    let low = Number.POSITIVE_INFINITY;
    let high = 0;
    for (let i = 0; i < count; i++) {
      const offset = offsets[i]!;
      const end = offset + lengths[i]!;
      this.#place(offset, end, continues && i === 0);
      low = Math.min(low, offset);
      high = Math.max(high, end);
    }
    return { low, high };
  }

  #addZeros(ranges: Extract<RecordBatch, { kind: 'zeros' }>['ranges']): Extremes {
    const before = this.#data;
    for (const { offset, length } of zeroRecords(ranges)) this.#place(offset, offset + length, false);
    this.#zeros += this.#data - before;
    const low = ranges.reduce((least, { offset }) => Math.min(least, offset), Number.POSITIVE_INFINITY);
    return { low, high: ranges.reduce((most, { offset, length }) => Math.max(most, offset + length), 0) };
  }

  #place(offset: number, end: number, continues: boolean): void {
    this.#data += end - offset;
    if (offset !== this.#previousEnd && !continues) this.#runs++;
    if (this.#previousEnd !== undefined && offset < this.#previousEnd) this.#sorted = false;
    this.#previousEnd = end;
  }
}
