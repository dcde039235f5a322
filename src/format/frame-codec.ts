import type { OpenScratch } from '../ranges/scratch.js';

/**
 * What the container needs done elsewhere: zstd and SHA-256, by whole frames, so that an adapter can give
 * them to worker threads. Frames come back in the order in which they are awaited.
 */
export interface FrameCodec {
  /** SHA-256 of the bytes, at once. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** The first `length` bytes of the same, into `target` at `position`: nothing is allocated where there are millions. */
  sha256Into(bytes: Uint8Array, target: Uint8Array, position: number, length: number): void;
  /** A SHA-256 that is fed in pieces. */
  startSha256(): Sha256;
  /**
   * Compresses `content` into one zstd frame by §4.4, which lies in `room`: `frameRoom` of its length at least. Takes
   * over both buffers; `content` in the answer is the same bytes, given back. Without a `streamPosition` no blocks are hashed.
   */
  compress(content: Uint8Array, streamPosition: number | undefined, room: Uint8Array): Promise<CodedFrame>;
  /**
   * Decodes one zstd frame into `content`, as long as its header says. Takes over both buffers and gives them back.
   * Returns `undefined` as content when zstd finds the frame damaged. Without a `streamPosition` nothing is hashed.
   */
  decompress(
    frame: Uint8Array,
    content: Uint8Array,
    streamPosition: number | undefined,
  ): Promise<DecodedFrame>;
  /** How many frames may be under way at once, as long as their memory is less than {@link MOST_IN_FLIGHT}. */
  readonly depth: number;
  /** Places for what does not fit in memory; closed with the codec. */
  readonly openScratch: OpenScratch;
  close(): Promise<void>;
}

/**
 * Bytes of memory of the frames that are under way in one direction: their content, themselves, and what is known of
 * their segments. With frames of 1 MiB it is reached before eight threads have two each.
 */
export const MOST_IN_FLIGHT = 24 << 20;

/** The most bytes that the frame of `size` bytes of content can take (zstd.h, ZSTD_COMPRESSBOUND). */
export function frameRoom(size: number): number {
  return size + (size >> 8) + 1024;
}

export interface Sha256 {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

export interface CodedFrame {
  readonly frame: Uint8Array;
  readonly content: Uint8Array;
  /** SHA-256 of the frame's bytes. */
  readonly sha256: Uint8Array;
  /** SHA-256 of every 64 KiB block of the stream that lies whole in `content`, one after the other (§5.1). */
  readonly blocks: Uint8Array;
}

export interface DecodedFrame extends Omit<CodedFrame, 'content'> {
  readonly content: Uint8Array | undefined;
}

export interface CodecOptions {
  readonly level: number;
  /** Most threads, where whoever uses it needs memory besides. */
  readonly mostThreads?: number | undefined;
}

export type CodecFactory = (options: CodecOptions) => FrameCodec;
