import { ENTRY_SIZE } from '../../layout.js';

const GROWTH = 256;

/** The frames that have passed a reader and that no page has listed yet, 80 bytes of memory each. */
export class EntryLog {
  #entries = new Uint8Array(GROWTH * ENTRY_SIZE);
  #positions = new Float64Array(GROWTH);
  #pieces = new Float64Array(GROWTH);
  #first = 0;
  #count = 0;

  get count(): number {
    return this.#count - this.#first;
  }

  /** `position`: the frame's in the file; `pieces`: how many pieces it has. */
  push(entry: Uint8Array, position: number, pieces: number): void {
    if (this.#count === this.#positions.length) this.#makeRoom();
    this.#entries.set(entry, this.#count * ENTRY_SIZE);
    this.#positions[this.#count] = position;
    this.#pieces[this.#count] = pieces;
    this.#count++;
  }

  /** The oldest frame that is left, and removes it. */
  shift(): { entry: Uint8Array; position: number; pieces: number } {
    const i = this.#first++;
    const entry = this.#entries.subarray(i * ENTRY_SIZE, (i + 1) * ENTRY_SIZE);
    return { entry, position: this.#positions[i]!, pieces: this.#pieces[i]! };
  }

  #makeRoom(): void {
    const capacity =
      this.count * 2 > this.#positions.length ? this.#positions.length * 2 : this.#positions.length;
    const entries = this.#entries.subarray(this.#first * ENTRY_SIZE);
    this.#entries = new Uint8Array(capacity * ENTRY_SIZE);
    this.#entries.set(entries);
    this.#positions = moved(this.#positions.subarray(this.#first), capacity);
    this.#pieces = moved(this.#pieces.subarray(this.#first), capacity);
    this.#count -= this.#first;
    this.#first = 0;
  }
}

function moved(values: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const room = new Float64Array(capacity);
  room.set(values);
  return room;
}
