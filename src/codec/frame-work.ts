import { createHash, hash } from 'node:crypto';
import xxhash from 'xxhash-wasm';
import binding from 'zstd-napi/binding.js';
import type { CodedFrame, DecodedFrame, Sha256 } from '../format/codec.js';
import { hashBlocks, wholeBlocks } from '../format/stream-digest.js';

/** One thread's share of the work: compress and decode whole frames, hash them and their content. */
export interface FrameWorker {
  compress(content: Uint8Array, streamPosition: number): CodedFrame;
  decompress(frame: Uint8Array, contentSize: number, streamPosition: number | undefined): DecodedFrame;
}

/** SHA-256 of the bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

/** A SHA-256 that is fed in pieces. */
export function startSha256(): Sha256 {
  const running = createHash('sha256');
  return { update: (bytes) => void running.update(bytes), digest: () => running.digest() };
}

const { CCtx, compressBound, CParameter, DCtx } = binding;

const NOTHING = new Uint8Array(0);
const STORE = 0;
const RAW_BLOCK_SIZE = 1 << 17;
const { h64Raw } = await xxhash();

/** `level`: zstd's; 0 stores. */
export function createFrameWorker(level: number): FrameWorker {
  const compressor = level === STORE ? storeFrame : createCompressor(level);
  const decoder = new DCtx();
  return {
    compress: (content, streamPosition) => {
      const frame = compressor(content);
      return { frame, content, sha256: sha256(frame), blocks: hashWholeBlocks(content, streamPosition) };
    },
    decompress: (frame, contentSize, streamPosition) => {
      const content = decodeFrame(decoder, frame, contentSize);
      if (streamPosition === undefined) return { frame, content, sha256: NOTHING, blocks: new Uint8Array(0) };
      const blocks = content ? hashWholeBlocks(content, streamPosition) : new Uint8Array(0);
      return { frame, content, sha256: sha256(frame), blocks };
    },
  };
}

function createCompressor(level: number): (content: Uint8Array) => Uint8Array {
  const compressor = new CCtx();
  compressor.setParameter(CParameter.compressionLevel, level);
  compressor.setParameter(CParameter.checksumFlag, 1);
  return (content) => {
    const room = new Uint8Array(compressBound(content.length));
    return room.subarray(0, compressor.compress2(room, content));
  };
}

function decodeFrame(decoder: InstanceType<typeof DCtx>, frame: Uint8Array, contentSize: number): Uint8Array | undefined {
  const content = new Uint8Array(contentSize);
  try {
    return decoder.decompress(content, frame) === contentSize ? content : undefined;
  } catch {
    return undefined;
  }
}

function hashWholeBlocks(content: Uint8Array, streamPosition: number): Uint8Array {
  const { head, tail } = wholeBlocks(streamPosition, content.length);
  return hashBlocks({ sha256 }, content.subarray(head, tail));
}

/** A frame of raw blocks (RFC 8878 §3.1.1): content size of 4 bytes, one segment, checksum. */
function storeFrame(content: Uint8Array): Uint8Array {
  const blocks = Math.ceil(content.length / RAW_BLOCK_SIZE);
  const frame = new Uint8Array(9 + blocks * 3 + content.length + 4);
  const view = new DataView(frame.buffer);
  frame.set([0x28, 0xb5, 0x2f, 0xfd, 0xa4]);
  view.setUint32(5, content.length, true);
  let at = 9;
  for (let done = 0; done < content.length; done += RAW_BLOCK_SIZE) {
    const block = content.subarray(done, done + RAW_BLOCK_SIZE);
    const last = done + block.length === content.length ? 1 : 0;
    view.setUint16(at, ((block.length << 3) | last) & 0xffff, true);
    frame[at + 2] = block.length >> 13;
    frame.set(block, at + 3);
    at += 3 + block.length;
  }
  view.setUint32(at, Number(h64Raw(content) & 0xffffffffn), true);
  return frame;
}
