import { FormatError } from '../../errors.js';
import type { StreamHeader } from './maps/header.js';
import type { OpenScratch } from '../../ranges/scratch.js';
import { WrittenOnce } from './written-once.js';

/** The largest device size that a header declares; infinite where it declares none. */
export function declaredSize({ baseSize, resultSize }: StreamHeader): number {
  const sizes = [baseSize, resultSize].filter((size) => size !== undefined);
  return sizes.length > 0 ? Math.max(...sizes) : Number.POSITIVE_INFINITY;
}

/** Holds records against what the header promises: order (§4.2) and the device's sizes. */
export class OrderCheck {
  readonly #order: StreamHeader['order'];
  readonly #size: number;
  readonly #written: WrittenOnce | undefined;
  #end = 0;

  constructor(header: StreamHeader, openScratch: OpenScratch) {
    this.#order = header.order;
    this.#size = declaredSize(header);
    this.#written = header.order === 'disjoint' ? new WrittenOnce(openScratch) : undefined;
  }

  /** Admits the next record. Throws `declared-size` or `order` of the frame at `position`. */
  admit(offset: number, length: number, position: number): void {
    if (offset + length > this.#size) {
      throw new FormatError(
        'declared-size',
        position,
        `a record ends at ${offset + length}, past the device's end`,
      );
    }
    if (this.#order === 'sorted' && offset < this.#end) {
      throw new FormatError('order', position, `a record at ${offset} in a stream that is called sorted`);
    }
    this.#end = offset + length;
    if (this.#written?.add({ offset, length }) === false) {
      throw new FormatError(
        'order',
        position,
        `a record at ${offset} is written twice in a stream that is called disjoint`,
      );
    }
  }

  /** No record comes any more. */
  close(): void {
    this.#written?.close();
  }
}
