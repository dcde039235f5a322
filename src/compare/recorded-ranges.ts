import { differences } from '../algebra/differences.js';
import type { RangeReader } from '../algebra/random-access.js';
import { RefusedError, sentence, type Remedy } from '../errors.js';
import { type DataBatch, eachRange, type RecordBatch, zeroRecords } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import { SECTOR_SIZE } from '../ranges/block-part.js';
import { RangeSet } from '../ranges/range-set.js';
import type { OpenScratch } from '../ranges/scratch.js';
import { SegmentList } from '../format/segments.js';
import { Held, isInside, lengthInside, segmentsInside, ZERO_PART } from './held.js';

/**
 * What a journal that was left unfinished saves of the device, held against the device (§6.4): every saved byte
 * must be as it was before, or as the stream wants it.
 */
export class RecordedRanges {
  /** Bytes whose first pre-image is recorded. */
  readonly saved: RangeSet;
  #isCutOff = false;
  readonly #changed: RangeSet;
  readonly #target: RangeReader;
  readonly #held: Held;
  readonly #takeBack: Remedy;

  /** `takeBack`: what takes back what is recorded. */
  constructor(target: RangeReader, takeBack: Remedy, openScratch: OpenScratch) {
    this.saved = new RangeSet(openScratch);
    this.#changed = new RangeSet(openScratch);
    this.#target = target;
    this.#held = new Held(target);
    this.#takeBack = takeBack;
  }

  /**
   * Takes recorded pre-images; notes which sectors of them the device no longer holds, as far as it reaches. To remember
   * each byte of data that has been overwritten would take as much memory as the data.
   */
  async addPreImages(batch: RecordBatch): Promise<void> {
    const { size } = this.#target;
    for (const range of eachRange(batch)) {
      this.saved.add(range);
      if (range.offset + range.length > size) this.#isCutOff = true;
    }
    if (batch.kind === 'data') await this.#noteData(batch);
    else
      for (const { offset, length } of zeroRecords(batch.ranges))
        for await (const { range, held } of this.#held.stretches(inside({ offset, length }, size)))
          if (held) this.#note(range, held, ZERO_PART.subarray(0, held.length));
  }

  async #noteData(batch: DataBatch): Promise<void> {
    const segments = segmentsInside(batch, this.#target.size);
    const held = await this.#held.data(batch, segments);
    for (let i = 0; i < batch.count; i++) {
      const [at, length] = [batch.positions[i]!, segments.lengths[i]!];
      const range = { offset: batch.offsets[i]!, length };
      this.#note(range, held.subarray(at, at + length), batch.bytes.subarray(at, at + length));
    }
  }

  #note(range: Range, held: Uint8Array, recorded: Uint8Array): void {
    for (const different of differentSectors(range, held, recorded)) this.#changed.add(different);
  }

  /** Whether the device holds all that a batch writes. */
  async isHeld(batch: RecordBatch): Promise<boolean> {
    if (batch.kind === 'data') return isInside(batch, this.#target.size) && this.#holdsData(batch);
    for (const record of zeroRecords(batch.ranges)) if (!(await this.#holdsZeros(record))) return false;
    return true;
  }

  async #holdsData(batch: DataBatch): Promise<boolean> {
    const held = await this.#held.data(batch, batch);
    for (let i = 0; i < batch.count; i++) {
      const [at, end] = [batch.positions[i]!, batch.positions[i]! + batch.lengths[i]!];
      if (Buffer.compare(held.subarray(at, end), batch.bytes.subarray(at, end)) !== 0) return false;
    }
    return true;
  }

  async #holdsZeros(record: Range): Promise<boolean> {
    if (record.offset + record.length > this.#target.size) return false;
    for await (const { held } of this.#held.stretches(record))
      if (held && Buffer.compare(held, ZERO_PART.subarray(0, held.length)) !== 0) return false;
    return true;
  }

  /** Takes a batch of the stream, or of pre-images: bytes of the device that are as it wants them are accounted for. */
  async addStream(batch: RecordBatch): Promise<void> {
    if (this.#changed.size === 0) return;
    if (batch.kind === 'data') await this.#addStreamData(batch);
    else for (const record of zeroRecords(batch.ranges)) await this.#addStreamZeros(record);
  }

  async #addStreamData(batch: DataBatch): Promise<void> {
    const parts = new SegmentList();
    for (let i = 0; i < batch.count; i++)
      for (const { offset, length } of this.#changedIn(batch, i))
        parts.push(offset, length, batch.positions[i]! + offset - batch.offsets[i]!);
    if (parts.count === 0) return;
    const held = await this.#held.data(batch, parts.toSegments());
    for (let i = 0; i < batch.count; i++) {
      for (const changed of this.#changedIn(batch, i)) {
        const at = batch.positions[i]! + changed.offset - batch.offsets[i]!;
        const end = at + changed.length;
        this.#settle(changed, held.subarray(at, end), batch.bytes.subarray(at, end));
      }
    }
  }

  async #addStreamZeros(record: Range): Promise<void> {
    for (const changed of this.#changed.covered(record)) {
      for await (const { range, held } of this.#held.stretches(changed)) {
        if (held) this.#settle(range, held, ZERO_PART.subarray(0, held.length));
        else this.#changed.remove(range);
      }
    }
  }

  #changedIn({ offsets, lengths }: DataBatch, index: number): Range[] {
    return this.#changed.covered({ offset: offsets[index]!, length: lengths[index]! });
  }

  /** What is as it is wanted is changed no more. */
  #settle(changed: Range, held: Uint8Array, wanted: Uint8Array): void {
    this.#changed.remove(changed);
    for (const different of differences(changed, held, wanted)) this.#changed.add(different);
  }

  /** Something is recorded that lies past the end which the device has now. */
  get isCutOff(): boolean {
    return this.#isCutOff;
  }

  /** Bytes are not accounted for yet: the same may be asked of the recorded pre-images, byte by byte. */
  get isOpen(): boolean {
    return this.#changed.size > 0;
  }

  /**
   * Throws `RefusedError` if the device holds bytes that are neither. To be called behind the whole stream and, if bytes
   * are open then, all recorded pre-images, given to `addStream`: a write that was torn changed a part of a sector.
   */
  check(): void {
    const first = this.#changed.ranges().next();
    if (first.done === true) return;
    const { offset } = first.value;
    throw new RefusedError(
      `${this.#target.name}: byte ${offset} is neither what the unfinished snapback recorded nor what the stream writes`,
      {
        hint: sentence`finish with the stream that was begun, or take its part back, and what else was written there: ${this.#takeBack}`,
      },
    );
  }
}

function inside(range: Range, size: number): Range {
  return { offset: Math.min(range.offset, size), length: lengthInside(range, size) };
}

/** The same by whole sectors: bytes that are equal by chance, one in 256, count as different too. */
function* differentSectors(range: Range, a: Uint8Array, b: Uint8Array): Generator<Range> {
  if (Buffer.compare(a, b) === 0) return;
  for (
    let at = 0, end = SECTOR_SIZE - (range.offset % SECTOR_SIZE);
    at < a.length;
    at = end, end += SECTOR_SIZE
  ) {
    const length = Math.min(end, a.length) - at;
    if (Buffer.compare(a.subarray(at, end), b.subarray(at, end)) !== 0)
      yield { offset: range.offset + at, length };
  }
}
