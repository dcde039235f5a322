const PAGE_CHUNKS = 2 ** 16;
/** A list of so many takes half as much memory as a bit for each chunk of the page. */
const MOST_LISTED = PAGE_CHUNKS / 32;
const FIRST_LISTED = 8;
/** What a list outgrows is in memory until the collector comes. */
const GROWTH = 4;

/** The chunks of one page, counted from its first one: listed as they came, then a bit each, then all of them. */
interface ChunkPage {
  count: number;
  listed: Uint16Array | undefined;
  bits: Uint32Array | undefined;
}

/** Chunks of a set that lie side by side, `begin` to `end`, half-open. */
export interface ChunkRun {
  readonly begin: number;
  readonly end: number;
}

/** A part of a set: how many of its chunks lie in `begin` to `end`, half-open. */
export interface ChunkPart extends ChunkRun {
  readonly count: number;
}

/**
 * A set of chunk numbers below 2^53. Takes 2 to 8 bytes for each chunk, and no more than 8 KiB for every 65,536 chunks of
 * the device: 32 MiB for a TiB in chunks of 4 KiB, however many of them are in the set. Of those 65,536 that have any the
 * bookkeeping takes another 300 to 600 bytes.
 */
export class ChunkSet {
  readonly #pages = new Map<number, ChunkPage>();
  #near: { readonly number: number; readonly page: ChunkPage } | undefined;
  #twice: number | undefined;

  /** Adds a chunk that is not in the set. */
  add(chunk: number): void {
    const number = Math.floor(chunk / PAGE_CHUNKS);
    const first = number * PAGE_CHUNKS;
    const twice = addTo(this.#pageOf(number), chunk - first);
    if (twice !== undefined) this.#twice ??= first + twice;
  }

  /** A chunk that was added although it was in the set, if any was: what else the set says means nothing then. */
  findTwice(): number | undefined {
    if (this.#twice !== undefined) return this.#twice;
    for (const [number, { listed, count }] of this.#pages) {
      if (listed === undefined) continue;
      const sorted = listed.subarray(0, count).sort();
      const index = sorted.findIndex((within, i) => within === sorted[i - 1]);
      if (index >= 0) return number * PAGE_CHUNKS + sorted[index]!;
    }
    return undefined;
  }

  /** The chunks in ascending order, neighbours joined. */
  *runs(): Generator<ChunkRun, void, undefined> {
    let begin = 0;
    let end = 0;
    for (const [number, page] of this.#inOrder()) {
      const first = number * PAGE_CHUNKS;
      const isFull = page.count === PAGE_CHUNKS;
      for (const within of isFull ? [0] : chunksOf(page)) {
        if (first + within !== end) {
          if (end > begin) yield { begin, end };
          begin = first + within;
        }
        end = first + (isFull ? PAGE_CHUNKS : within + 1);
      }
    }
    if (end > begin) yield { begin, end };
  }

  /** Cuts the set into parts of at most `most` chunks, or 65,536 if that is more. They are ascending, and leave out no chunk. */
  partition(most: number): ChunkPart[] {
    const parts: ChunkPart[] = [];
    for (const [number, { count }] of this.#inOrder()) {
      const end = (number + 1) * PAGE_CHUNKS;
      const last = parts.at(-1);
      if (last !== undefined && last.count + count <= most)
        parts[parts.length - 1] = { begin: last.begin, end, count: last.count + count };
      else parts.push({ begin: number * PAGE_CHUNKS, end, count });
    }
    return parts;
  }

  #inOrder(): [number, ChunkPage][] {
    return [...this.#pages].sort(([a], [b]) => a - b);
  }

  #pageOf(number: number): ChunkPage {
    if (this.#near?.number === number) return this.#near.page;
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = { count: 0, listed: new Uint16Array(FIRST_LISTED), bits: undefined };
      this.#pages.set(number, page);
    }
    this.#near = { number, page };
    return page;
  }
}

/** Returns what is seen to be there twice, if anything is: a list is not looked through. */
function addTo(page: ChunkPage, within: number): number | undefined {
  if (page.count === page.listed?.length) {
    const twice = makeRoom(page);
    if (twice !== undefined) return twice;
  }
  if (page.listed !== undefined) page.listed[page.count] = within;
  else if (page.bits === undefined || !setBit(page.bits, within)) return within;
  page.count += 1;
  if (page.count === PAGE_CHUNKS) page.bits = undefined;
  return undefined;
}

/** Returns what the list has twice, if that is seen. */
function makeRoom(page: ChunkPage): number | undefined {
  const listed = page.listed!;
  if (listed.length < MOST_LISTED) {
    page.listed = new Uint16Array(listed.length * GROWTH);
    page.listed.set(listed);
    return undefined;
  }
  const bits = new Uint32Array(PAGE_CHUNKS / 32);
  page.listed = undefined;
  page.bits = bits;
  return listed.find((within) => !setBit(bits, within));
}

/** False if it is set. */
function setBit(bits: Uint32Array, index: number): boolean {
  const mask = 1 << (index & 31);
  const word = bits[index >> 5]!;
  bits[index >> 5] = word | mask;
  return (word & mask) === 0;
}

/** Ascending, of a page that does not have all; good until the set is added to. */
function chunksOf({ count, listed, bits }: ChunkPage): Uint16Array {
  return listed === undefined ? indexesOf(bits!, count) : listed.subarray(0, count).sort();
}

function indexesOf(bits: Uint32Array, count: number): Uint16Array {
  const indexes = new Uint16Array(count);
  let found = 0;
  for (let word = 0; word < bits.length; word += 1) {
    for (let rest = bits[word]!; rest !== 0; rest &= rest - 1) {
      indexes[found] = word * 32 + 31 - Math.clz32(rest & -rest);
      found += 1;
    }
  }
  return indexes;
}
