import { zeroRecords, type ZeroBatch } from './batch.js';
import type { FrameCodec, Sha256 } from './frame-codec.js';
import { DIGEST_BLOCK_SIZE, DIGEST_SIZE } from './layout.js';
import { recordHeader } from './record.js';

const REPEAT = 256;

/** Adds what a part of the stream contributes; to be called once, in the stream's order. */
export type Fold = (blocks: Uint8Array) => void;

/**
 * The digest of a stream (§5.1): SHA-256 over the SHA-256 of each 64 KiB block. Blocks that lie whole in a frame
 * are hashed with the frame, elsewhere; the blocks across frames' borders are hashed here.
 */
export class StreamDigest {
  readonly #codec: FrameCodec;
  readonly #outer: Sha256;
  #zeroBlocks: Uint8Array | undefined;
  #partial: Sha256 | undefined;
  #position = 0;

  constructor(codec: FrameCodec) {
    this.#codec = codec;
    this.#outer = codec.startSha256();
  }

  /** Bytes of the stream submitted so far. */
  get position(): number {
    return this.#position;
  }

  /** Takes in the next bytes of the stream. The fold wants the digests of the whole blocks inside them. */
  submit(content: Uint8Array): Fold {
    const { head, tail } = wholeBlocks(this.#position, content.length);
    const closed = this.#feedPartial(content.subarray(0, head));
    this.#position += tail - head;
    this.#feedPartial(content.subarray(tail));
    return (blocks) => {
      if (closed) this.#outer.update(closed);
      this.#outer.update(blocks);
    };
  }

  /** Takes in bytes that nobody else hashes: everything at once, in order. */
  update(content: Uint8Array): void {
    const { head, tail } = wholeBlocks(this.#position, content.length);
    this.submit(content)(hashBlocks(this.#codec, content.subarray(head, tail)));
  }

  /** Takes in `length` zeros. */
  updateZeros(length: number): void {
    const { head, tail } = wholeBlocks(this.#position, length);
    const closed = this.#feedPartial(ZEROS.subarray(0, head));
    if (closed) this.#outer.update(closed);
    const zeroBlocks = tail > head ? (this.#zeroBlocks ??= repeatDigest(this.#codec.sha256(ZEROS))) : ZEROS;
    for (let blocks = (tail - head) / DIGEST_BLOCK_SIZE; blocks > 0; blocks -= REPEAT) {
      this.#outer.update(zeroBlocks.subarray(0, Math.min(blocks, REPEAT) * DIGEST_SIZE));
    }
    this.#position += tail - head;
    this.#feedPartial(ZEROS.subarray(0, length - tail));
  }

  digest(): Uint8Array {
    if (this.#partial) this.#outer.update(this.#partial.digest());
    this.#partial = undefined;
    return this.#outer.digest();
  }

  /** Returns the digest of the block that these bytes complete. */
  #feedPartial(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length === 0) return undefined;
    this.#position += bytes.length;
    this.#partial ??= this.#codec.startSha256();
    this.#partial.update(bytes);
    if (this.#position % DIGEST_BLOCK_SIZE !== 0) return undefined;
    const digest = this.#partial.digest();
    this.#partial = undefined;
    return digest;
  }
}

/** Takes the records that a zero batch stands for into the digest. */
export function updateDigestOfZeros(digest: StreamDigest, batch: ZeroBatch): void {
  for (const { offset, length } of zeroRecords(batch.ranges)) {
    digest.update(recordHeader(offset, length));
    digest.updateZeros(length);
  }
}

function repeatDigest(digest: Uint8Array): Uint8Array {
  const digests = new Uint8Array(REPEAT * DIGEST_SIZE);
  for (let i = 0; i < REPEAT; i++) digests.set(digest, i * DIGEST_SIZE);
  return digests;
}

const ZEROS = new Uint8Array(DIGEST_BLOCK_SIZE);

/** Where in a part of the stream, `length` bytes from `position` on, its whole blocks begin and end. */
export function wholeBlocks(position: number, length: number): { head: number; tail: number } {
  const before = position % DIGEST_BLOCK_SIZE;
  const head = Math.min(length, before === 0 ? 0 : DIGEST_BLOCK_SIZE - before);
  const tail = head + Math.floor((length - head) / DIGEST_BLOCK_SIZE) * DIGEST_BLOCK_SIZE;
  return { head, tail };
}

/** The digests of whole 64 KiB blocks, one after the other. */
export function hashBlocks(codec: Pick<FrameCodec, 'sha256'>, bytes: Uint8Array): Uint8Array {
  const count = bytes.length / DIGEST_BLOCK_SIZE;
  const digests = new Uint8Array(count * DIGEST_SIZE);
  for (let i = 0; i < count; i++) {
    digests.set(
      codec.sha256(bytes.subarray(i * DIGEST_BLOCK_SIZE, (i + 1) * DIGEST_BLOCK_SIZE)),
      i * DIGEST_SIZE,
    );
  }
  return digests;
}
