/** Where a stream's bytes come from: a file, a pipe, an array in a test. */
export interface ByteSource {
  /** Fills some of `target` and returns how many bytes, at least 1; 0 at the end of the stream. */
  readInto(target: Uint8Array): Promise<number>;
}

/** Enough for a short stream; a longer one gets the large chunk from the second reading on. */
const FIRST_CHUNK_SIZE = 1 << 15;
const CHUNK_SIZE = 1 << 20;

/** A cursor over a {@link ByteSource} that can look ahead and hand out contiguous bytes. */
export class ByteReader {
  readonly #source: ByteSource;
  #chunk = new Uint8Array(FIRST_CHUNK_SIZE);
  #start = 0;
  #end = 0;
  #position = 0;
  #ended = false;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Stream position of the next byte. */
  get position(): number {
    return this.#position;
  }

  /**
   * The next `size` bytes without consuming them, fewer only at the end of the stream.
   * Valid until the next call of any method.
   */
  async peek(size: number): Promise<Uint8Array> {
    while (this.#end - this.#start < size && !this.#ended) await this.#fill(size);
    return this.#chunk.subarray(this.#start, Math.min(this.#end, this.#start + size));
  }

  /** Passes over `size` bytes that a `peek` has shown. */
  skip(size: number): void {
    this.#start += size;
    this.#position += size;
  }

  /** The next `size` bytes, consumed, in a buffer of their own; fewer only at the end of the stream. */
  async take(size: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(size);
    const got = await this.readInto(bytes);
    return got === size ? bytes : bytes.slice(0, got);
  }

  /** Fills `target` from the stream and returns how many bytes; fewer than its length only at the end. */
  async readInto(target: Uint8Array): Promise<number> {
    let filled = this.#takeBuffered(target);
    while (filled < target.length && !this.#ended) filled += await this.#readMore(target.subarray(filled));
    this.#position += filled;
    return filled;
  }

  /** Large requests are read where they go, small ones through the chunk, of which there is nothing left. */
  async #readMore(target: Uint8Array): Promise<number> {
    if (target.length < this.#chunk.length / 2) {
      await this.#fill(1);
      return this.#takeBuffered(target);
    }
    const got = await this.#source.readInto(target);
    this.#ended = got === 0;
    return got;
  }

  #takeBuffered(target: Uint8Array): number {
    const size = Math.min(this.#end - this.#start, target.length);
    target.set(this.#chunk.subarray(this.#start, this.#start + size));
    this.#start += size;
    return size;
  }

  async #fill(wanted: number): Promise<void> {
    const rest = this.#chunk.subarray(this.#start, this.#end);
    if (rest.length === 0 || this.#start + wanted > this.#chunk.length) {
      if (wanted > this.#chunk.length || (this.#chunk.length < CHUNK_SIZE && this.#end > 0)) {
        this.#chunk = new Uint8Array(Math.max(wanted, CHUNK_SIZE, this.#chunk.length));
      }
      this.#chunk.set(rest);
      this.#end = rest.length;
      this.#start = 0;
    }
    const got = await this.#source.readInto(this.#chunk.subarray(this.#end));
    this.#ended = got === 0;
    this.#end += got;
  }
}
