import { differences } from '../algebra/differences.js';
import type { RandomAccessReader } from '../algebra/random-access.js';
import { RefusedError, sentence, type Remedy } from '../errors.js';
import { type RecordBatch, zeroRecords } from '../format/batch.js';
import type { Range } from '../ranges/range.js';
import { SECTOR_SIZE } from '../ranges/block-part.js';
import { RangeSet } from '../ranges/range-set.js';
import type { OpenScratch } from '../ranges/scratch.js';
import { cutRange, ZERO_PART } from './cut-range.js';

/**
 * What a journal that was left unfinished saves of the device, held against the device (§6.4): every saved byte
 * must be as it was before, or as the stream wants it.
 */
export class RecordedRanges {
  /** Bytes whose first pre-image is recorded. */
  readonly saved: RangeSet;
  #isCutOff = false;
  readonly #changed: RangeSet;
  readonly #target: RandomAccessReader;
  readonly #takeBack: Remedy;

  /** `takeBack`: what takes back what is recorded. */
  constructor(target: RandomAccessReader, takeBack: Remedy, openScratch: OpenScratch) {
    this.saved = new RangeSet(openScratch);
    this.#changed = new RangeSet(openScratch);
    this.#target = target;
    this.#takeBack = takeBack;
  }

  /**
   * Takes recorded pre-images; notes which sectors of them the device no longer holds, as far as it reaches. To remember
   * each byte of data that has been overwritten would take as much memory as the data.
   */
  addPreImages(batch: RecordBatch): void {
    this.#eachPart(batch, (part, data) => {
      this.saved.add(part);
      if (!endsInside(part, this.#target)) this.#isCutOff = true;
      const range = { ...part, length: Math.min(part.length, this.#target.size - part.offset) };
      if (range.length <= 0) return;
      const recorded = data.subarray(0, range.length);
      for (const different of differentSectors(range, this.#read(range), recorded))
        this.#changed.add(different);
    });
  }

  /** Whether the device holds all that a batch writes. */
  isHeld(batch: RecordBatch): boolean {
    let isHeld = true;
    this.#eachPart(batch, (range, data) => {
      isHeld &&= endsInside(range, this.#target) && Buffer.compare(this.#read(range), data) === 0;
    });
    return isHeld;
  }

  /** Takes a batch of the stream, or of pre-images: bytes of the device that are as it wants them are accounted for. */
  addStream(batch: RecordBatch): void {
    if (this.#changed.size === 0) return;
    this.#eachPart(batch, (range, wanted) => {
      for (const changed of this.#changed.covered(range)) {
        const start = changed.offset - range.offset;
        const part = wanted.subarray(start, start + changed.length);
        this.#changed.remove(changed);
        for (const different of differences(changed, this.#read(changed), part)) this.#changed.add(different);
      }
    });
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

  #eachPart(batch: RecordBatch, visit: (range: Range, data: Uint8Array) => void): void {
    if (batch.kind === 'zeros') {
      for (const record of zeroRecords(batch.ranges))
        for (const part of cutRange(record)) visit(part, ZERO_PART.subarray(0, part.length));
      return;
    }
    for (let i = 0; i < batch.count; i++) {
      const range = { offset: batch.offsets[i]!, length: batch.lengths[i]! };
      const at = batch.positions[i]!;
      for (const part of cutRange(range)) {
        const start = at + part.offset - range.offset;
        visit(part, batch.bytes.subarray(start, start + part.length));
      }
    }
  }

  #read({ offset, length }: Range): Uint8Array {
    const held = new Uint8Array(length);
    this.#target.readInto(held, offset);
    return held;
  }
}

function endsInside({ offset, length }: Range, { size }: RandomAccessReader): boolean {
  return offset + length <= size;
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
