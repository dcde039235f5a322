import xxhash from 'xxhash-wasm';
import binding from 'zstd-napi/binding.js';
import type { CodedFrame, DecodedFrame } from '../format/frame-codec.js';
import { hashBlocks, wholeBlocks } from '../format/stream-digest.js';
import { FIRST_HIGH_LEVEL } from './levels.js';
import { sha256 } from './sha256.js';

/** One thread's share of the work: compress and decode whole frames, hash them and their content. */
export interface FrameWorker {
  compress(content: Uint8Array, streamPosition: number | undefined, room: Uint8Array): CodedFrame;
  decompress(frame: Uint8Array, content: Uint8Array, streamPosition: number | undefined): DecodedFrame;
}

const { CCtx, CParameter, DCtx } = binding;

const NOTHING = new Uint8Array(0);
const STORE = 0;
/** Never smaller than a frame's content, so that each frame is a single segment (§4.4). */
const WINDOW_LOG = 23;
const RAW_BLOCK_SIZE = 1 << 17;
const hasher = await xxhash();

/** `level`: zstd's; 0 stores. */
export function createFrameWorker(level: number): FrameWorker {
  const compressor = level === STORE ? storeFrame : createCompressor(level);
  const decoder = new DCtx();
  return {
    compress: (content, streamPosition, room) => {
      const frame = compressor(content, room);
      const blocks = streamPosition === undefined ? noBlocks() : hashWholeBlocks(content, streamPosition);
      return { frame, content, sha256: digestOf(frame), blocks };
    },
    decompress: (frame, room, streamPosition) => {
      const content = decodeFrame(decoder, frame, room);
      if (streamPosition === undefined) return { frame, content, sha256: NOTHING, blocks: noBlocks() };
      const blocks = content ? hashWholeBlocks(content, streamPosition) : noBlocks();
      return { frame, content, sha256: digestOf(frame), blocks };
    },
  };
}

/** Of its own memory, which is given away. */
function noBlocks(): Uint8Array {
  return new Uint8Array(0);
}

/** Of its own memory: a view of Node's pool would take all of the pool along to another thread. */
function digestOf(frame: Uint8Array): Uint8Array {
  return new Uint8Array(sha256(frame));
}

type Compressor = (content: Uint8Array, room: Uint8Array) => Uint8Array;

function createCompressor(level: number): Compressor {
  const compressor = new CCtx();
  compressor.setParameter(CParameter.compressionLevel, level);
  compressor.setParameter(CParameter.checksumFlag, 1);
  compressor.setParameter(CParameter.windowLog, WINDOW_LOG);
  if (level >= FIRST_HIGH_LEVEL) limitTables(compressor);
  return (content, room) => room.subarray(0, compressor.compress2(room, content));
}

/**
 * The tables of the high levels are for windows of 8 MiB and more, and take tens of MiB in each thread. For frames of
 * 1 MiB these find as much but for a quarter of a percent, and faster: they fit the processor's cache.
 */
function limitTables(compressor: InstanceType<typeof CCtx>): void {
  compressor.setParameter(CParameter.hashLog, 19);
  compressor.setParameter(CParameter.chainLog, 20);
}

function decodeFrame(
  decoder: InstanceType<typeof DCtx>,
  frame: Uint8Array,
  room: Uint8Array,
): Uint8Array | undefined {
  try {
    return decoder.decompress(room, frame) === room.length ? room : undefined;
  } catch {
    return undefined;
  }
}

function hashWholeBlocks(content: Uint8Array, streamPosition: number): Uint8Array {
  const { head, tail } = wholeBlocks(streamPosition, content.length);
  return hashBlocks({ sha256 }, content.subarray(head, tail));
}

/** A frame of raw blocks (RFC 8878 §3.1.1): content size of 4 bytes, one segment, checksum. */
function storeFrame(content: Uint8Array, frame: Uint8Array): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset);
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
  view.setUint32(at, Number(hasher.h64Raw(content) & 0xffffffffn), true);
  return frame.subarray(0, at + 4);
}
