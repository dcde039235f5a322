const CELLS = 8192;
const FIRST_CELL_SIZE = 512;

/** How densely a stream writes to which parts of a device, in memory that does not depend on either's size. */
export class Density {
  readonly #cells = new Float64Array(CELLS);
  /** Bytes of the device that one cell stands for; doubles as the stream goes further. */
  #cellSize = FIRST_CELL_SIZE;

  /** Adds `bytes` written evenly from `offset` to `end`; by default all of them. */
  add(offset: number, end: number, bytes: number = end - offset): void {
    while (end > this.#cellSize * CELLS) this.#fold();
    const share = bytes / (end - offset);
    for (let at = offset; at < end;) {
      const cell = Math.floor(at / this.#cellSize);
      const next = Math.min(end, (cell + 1) * this.#cellSize);
      this.#cells[cell]! += (next - at) * share;
      at = next;
    }
  }

  /** The bytes written to each of `count` equal parts of the first `size` bytes of the device. */
  columns(size: number, count: number): number[] {
    const columns = Array.from({ length: count }, () => 0);
    const width = size / count;
    for (let cell = 0; cell < CELLS; cell++) {
      const bytes = this.#cells[cell]!;
      if (bytes > 0) spread(columns, cell * this.#cellSize, this.#cellSize, bytes, width);
    }
    return columns;
  }

  #fold(): void {
    for (let cell = 0; cell < CELLS; cell++) {
      const both = 2 * cell < CELLS ? this.#cells[2 * cell]! + this.#cells[2 * cell + 1]! : 0;
      this.#cells[cell] = both;
    }
    this.#cellSize *= 2;
  }
}

function spread(columns: number[], start: number, length: number, bytes: number, width: number): void {
  const last = Math.min(columns.length - 1, Math.ceil((start + length) / width) - 1);
  for (let column = Math.floor(start / width); column <= last; column++) {
    const from = Math.max(start, column * width);
    const to = Math.min(start + length, (column + 1) * width);
    columns[column]! += (bytes * Math.max(0, to - from)) / length;
  }
}
