import { createBufferPool, memoryOfBatch, releaseBatch, type DataBatch } from '../../batch.js';
import { frameRoom, MOST_IN_FLIGHT, type CodedFrame, type FrameCodec } from '../../frame-codec.js';
import { FRAME_ROOM } from '../../layout.js';

/** Takes a frame in its turn, with its batch and what was kept for it; all of it stays the queue's. */
export type PlaceFrame<T> = (coded: CodedFrame, batch: DataBatch, kept: T) => Promise<void>;

/** A frame under way. */
interface Pending<T> {
  readonly batch: DataBatch;
  readonly coded: Promise<CodedFrame>;
  readonly kept: T;
  /** Bytes that it holds. */
  readonly memory: number;
}

/** Compresses several batches at a time, and gives their frames in the order of the batches; bounded in memory. */
export class CompressionQueue<T> {
  readonly #codec: FrameCodec;
  readonly #place: PlaceFrame<T>;
  readonly #rooms = createBufferPool(FRAME_ROOM);
  readonly #pending: Pending<T>[] = [];
  #inFlight = 0;

  constructor(codec: FrameCodec, place: PlaceFrame<T>) {
    this.#codec = codec;
    this.#place = place;
  }

  /**
   * Adds a batch, which it takes over; waits while too many are under way. `position`: where its bytes stand in the stream, if it is
   * to be hashed.
   * Throws what compressing and placing earlier ones did.
   */
  async add(batch: DataBatch, position: number | undefined, kept: T): Promise<void> {
    const room = this.#rooms.take(frameRoom(batch.bytes.length));
    const memory = memoryOfBatch(batch) + room.length;
    const coded = this.#codec.compress(batch.bytes, position, room);
    coded.catch(() => undefined);
    this.#pending.push({ batch, coded, kept, memory });
    this.#inFlight += memory;
    while (this.#pending.length >= this.#codec.depth || this.#inFlight > MOST_IN_FLIGHT)
      await this.#placeOldest();
  }

  /** All that was added has been placed when this is settled. */
  async drain(): Promise<void> {
    while (this.#pending.length > 0) await this.#placeOldest();
  }

  async #placeOldest(): Promise<void> {
    const { batch, coded, kept, memory } = this.#pending.shift()!;
    const done = await coded;
    this.#inFlight -= memory;
    const { frame, content } = done;
    await this.#place(done, batch, kept);
    this.#rooms.give(frame.buffer);
    releaseBatch({ ...batch, bytes: content });
  }
}
