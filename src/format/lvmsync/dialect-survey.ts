import { LIMIT_OF_SANITY } from '../layout.js';
import { headerSize, lengthOf, offsetOf, type Dialect } from './dialect.js';
import { isMultipleU64 } from '../record.js';
import { viewOf } from '../view.js';

/** What the user knows better than the stream's bytes tell (§3.3). */
export interface DialectOptions {
  readonly byteOrder?: Dialect['byteOrder'] | undefined;
  readonly units?: Dialect['units'] | undefined;
}

/** Byte order and units of a version's streams as its releases wrote them, tried in this order. */
const DEFAULT_ORDER = { 1: 'little', 2: 'little', 3: 'big' } as const;

/**
 * Concludes a stream's byte order and units from its records (§3.3), one survey at a time, so that streams that do
 * not fit memory can be surveyed in parts.
 */
export class DialectSurvey {
  readonly #version: Dialect['version'];
  readonly #options: DialectOptions;
  readonly #sane = { big: true, little: true };
  readonly #multiples = { big: true, little: true };
  #ended = false;

  constructor(version: Dialect['version'], options: DialectOptions = {}) {
    this.#version = version;
    this.#options = options;
  }

  /** Nothing that follows can change the conclusion. */
  get isSettled(): boolean {
    if (this.#ended) return true;
    const { byteOrder } = this.#options;
    const { big, little } = this.#sane;
    const usual = DEFAULT_ORDER[this.#version];
    const other = usual === 'big' ? little : big;
    if (byteOrder === undefined && other) return false;
    const units = this.#fixedUnits() ?? this.#options.units;
    return units !== undefined || !this.#multiples[this.#byteOrder()];
  }

  /**
   * Takes the record headers in `bytes`, which begin with one, into account. Returns where the next one begins, which
   * may be past their end: 0 where the walk ends.
   */
  walk(bytes: Uint8Array): number {
    const view = viewOf(bytes);
    const dialect = { version: this.#version, byteOrder: 'big', units: 'bytes' } as const;
    const size = headerSize(dialect);
    let at = 0;
    while (bytes.length - at >= size) {
      const length = lengthOf(view, at, dialect);
      if (length === 0) {
        this.#ended = true;
        return 0;
      }
      this.#note(view, at, length);
      at += size + length;
    }
    return at;
  }

  conclude(): Dialect {
    const byteOrder = this.#options.byteOrder ?? this.#byteOrder();
    const units = this.#options.units ?? this.#units(byteOrder);
    const told = this.#options.units !== undefined;
    return { version: this.#version, byteOrder, units: this.#fixedUnits() ?? units, told };
  }

  #note(view: DataView, at: number, length: number): void {
    for (const byteOrder of ['big', 'little'] as const) {
      const value = offsetOf(view, at, {
        version: this.#version,
        byteOrder,
        units: this.#fixedUnits() ?? 'bytes',
      });
      if (!(value + length < LIMIT_OF_SANITY)) this.#sane[byteOrder] = false;
      if (!isMultipleU64(view, at, byteOrder === 'little', length)) this.#multiples[byteOrder] = false;
    }
  }

  #byteOrder(): Dialect['byteOrder'] {
    const usual = DEFAULT_ORDER[this.#version];
    const other = usual === 'big' ? 'little' : 'big';
    return !this.#sane[usual] && this.#sane[other] ? other : usual;
  }

  #units(byteOrder: Dialect['byteOrder']): Dialect['units'] {
    return this.#multiples[byteOrder] ? 'bytes' : 'chunks';
  }

  /** Only version 2 came with both. */
  #fixedUnits(): Dialect['units'] | undefined {
    if (this.#version === 2) return undefined;
    return this.#version === 1 ? 'chunks' : 'bytes';
  }
}
