import { ALL_SECTORS, type BlockPart, BLOCK_SIZE, NO_SECTORS } from './block-part.js';

/** Bytes of memory for each, with what the engine adds to them. */
const SECTORS_COST = 56;
const BYTES_COST = BLOCK_SIZE / 8 + 300;

/** Blocks of which some bytes are in a set, and some are not. A block is a number below the table's `room`. */
export class PartialBlocks {
  readonly #room: number;
  readonly #bytes = new Map<number, Exclude<BlockPart, number>>();
  /** Of few blocks. */
  readonly #sparse = new Map<number, number>();
  /** Of many: as much memory for all blocks as a map takes for these. 0: not here. */
  #dense: Uint8Array | undefined;
  #denseCount = 0;

  constructor(room: number) {
    this.#room = room;
  }

  /** Bytes of memory beyond those of an empty table. */
  get cost(): number {
    const sectors = this.#dense ? this.#room : this.#sparse.size * SECTORS_COST;
    return sectors + this.#bytes.size * BYTES_COST;
  }

  /** Number of blocks. */
  get size(): number {
    return this.#bytes.size + this.#sparse.size + this.#denseCount;
  }

  /** What of the block is in the set; `undefined` of a block that is in it wholly or not at all. */
  get(block: number): BlockPart | undefined {
    const sectors = this.#dense ? this.#dense[block] || undefined : this.#sparse.get(block);
    return sectors ?? (this.#bytes.size > 0 ? this.#bytes.get(block) : undefined);
  }

  /** Keeps the part, and owns it; one of all sectors or of none is not kept. */
  set(block: number, part: BlockPart): void {
    if (typeof part === 'number') this.#bytes.delete(block);
    else this.#bytes.set(block, part);
    this.#setSectors(block, part === ALL_SECTORS || typeof part !== 'number' ? NO_SECTORS : part);
  }

  /** The blocks here from `first` to `end`, exclusive. */
  between(first: number, end: number): number[] {
    if (this.size === 0) return [];
    if (!this.#dense && this.size < end - first)
      return [...this.#sparse.keys(), ...this.#bytes.keys()].filter((block) => block >= first && block < end);
    const found: number[] = [];
    for (let block = first; block < end; block++) if (this.get(block) !== undefined) found.push(block);
    return found;
  }

  #setSectors(block: number, sectors: number): void {
    if (!this.#dense && sectors !== NO_SECTORS) {
      this.#sparse.set(block, sectors);
      if (this.#sparse.size * SECTORS_COST > this.#room) this.#toDense();
    } else if (!this.#dense) {
      this.#sparse.delete(block);
    } else {
      this.#denseCount += Number(sectors !== NO_SECTORS) - Number(this.#dense[block] !== NO_SECTORS);
      this.#dense[block] = sectors;
      if (this.#denseCount === 0) this.#dense = undefined;
    }
  }

  #toDense(): void {
    this.#dense = new Uint8Array(this.#room);
    for (const [block, sectors] of this.#sparse) this.#dense[block] = sectors;
    this.#denseCount = this.#sparse.size;
    this.#sparse.clear();
  }
}
