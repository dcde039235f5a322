import { RefusedError, remedy, sentence } from '../errors.js';
import { encodeU64 } from '../format/record.js';
import type { Range } from '../ranges/range.js';
import { CHUNK_SIZE_1 } from '../format/lvmsync/dialect.js';
import { rbdBanner, RBD_TAGS, type RbdHeader, type RbdVersion } from './rbd-diff.js';
import { concatenate, type RecordEncoding } from './record-writer.js';
import { THIN_COMMANDS, THIN_COUNTS_SIZE, THIN_HEADER_SIZE, THIN_MAGIC } from './thin-send-recv.js';

/** A diff of Ceph RBD. `mayBeUnordered`: records that `rbd merge-diff` does not take are written all the same. */
export function rbdEncoding(version: RbdVersion, said: RbdHeader, mayBeUnordered: boolean): RecordEncoding {
  let end = 0;
  const place = ({ offset, length }: Range): Range => {
    if (offset < end && !mayBeUnordered) throw unordered(offset);
    if (said.size !== undefined && offset + length > said.size) throw pastEnd(offset);
    end = offset + length;
    return { offset, length };
  };
  const rangeOf = (tag: string, { offset, length }: Range, data: number) =>
    concatenate([...tagged(version, tag, 16 + data), littleU64(offset), littleU64(length)]);
  return {
    begin: () => concatenate([latin(rbdBanner(version)), ...encodeRbdHeader(version, said)]),
    dataHeader: (record) => rangeOf(RBD_TAGS.data, place(record), record.length),
    zeros: (range) => rangeOf(RBD_TAGS.zeros, place(range), 0),
    end: () => latin(RBD_TAGS.end),
  };
}

function pastEnd(offset: number): RefusedError {
  const what = `a record at byte ${offset} ends behind the end that the image has after it`;
  return new RefusedError(what, { hint: 'lvstream slice keeps what lies inside' });
}

function unordered(offset: number): RefusedError {
  const what = `a record at byte ${offset} behind one that ends later: rbd merge-diff takes ascending ones`;
  return new RefusedError(what, {
    hint: sentence`lvstream merge of the stream alone puts it in order; ${remedy('lossy')} writes it as it is`,
  });
}

function encodeRbdHeader(version: RbdVersion, { from, to, isProtected, size }: RbdHeader): Uint8Array[] {
  const name = (tag: string, text: string | undefined) => {
    if (text === undefined) return [];
    const bytes = new TextEncoder().encode(text);
    return [...tagged(version, tag, 4 + bytes.length), littleU32(bytes.length), bytes];
  };
  return [
    ...name(RBD_TAGS.from, from),
    ...name(RBD_TAGS.to, to),
    ...(isProtected === undefined || version === 1
      ? []
      : [...tagged(version, RBD_TAGS.isProtected, 1), Uint8Array.of(isProtected ? 1 : 0)]),
    ...(size === undefined ? [] : [...tagged(version, RBD_TAGS.size, 8), littleU64(size)]),
  ];
}

function tagged(version: RbdVersion, tag: string, length: number): Uint8Array[] {
  return [latin(tag), ...(version === 2 ? [littleU64(length)] : [])];
}

/**
 * A stream of thin-send-recv 1.1. Zeros are unmaps where they are whole chunks of the pool that receives them, if that is known
 * (`unmapChunk`); otherwise they are data, since a pool passes over an unmap of a part of a chunk, and what was there before stays.
 */
export function thinEncoding(unmapChunk: number | undefined): RecordEncoding {
  let [data, unmaps] = [0, 0];
  const isWhole = ({ offset, length }: Range) =>
    unmapChunk !== undefined && offset % unmapChunk === 0 && length % unmapChunk === 0;
  return {
    begin: () => thinChunk(THIN_COMMANDS.begin, { offset: 0, length: 0 }),
    dataHeader: (record) => {
      data += 1;
      return thinChunk(THIN_COMMANDS.data, record);
    },
    zeros: (range) => {
      if (!isWhole(range)) return undefined;
      unmaps += 1;
      return thinChunk(THIN_COMMANDS.unmap, range);
    },
    end: () =>
      concatenate([
        thinChunk(THIN_COMMANDS.end, { offset: 0, length: THIN_COUNTS_SIZE }),
        ...[data + unmaps + 2, data, unmaps].map(bigU64),
      ]),
  };
}

function thinChunk(command: number, { offset, length }: Range): Uint8Array {
  const bytes = new Uint8Array(THIN_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  const [high, low] = THIN_MAGIC['1.1'];
  view.setUint32(0, high, false);
  view.setUint32(4, low, false);
  encodeU64(view, 8, offset, false);
  encodeU64(view, 16, length, false);
  view.setUint32(24, command, false);
  return bytes;
}

/**
 * The plain streams of old releases, in chunks of 4096 bytes and with chunk numbers in little-endian: of version 2 that is what
 * receivers of 0.0.x and 1.0.x take, though senders of 1.0.x wrote bytes (§3.2).
 */
export function chunkEncoding(version: 1 | 2): RecordEncoding {
  let [isAnyBehind, areAllEven] = [false, true];
  return {
    begin: () => latin(`lvmsync PROTO[${version}]\n`),
    unit: CHUNK_SIZE_1,
    dataHeader: ({ offset, length }) => {
      if (offset % CHUNK_SIZE_1 !== 0 || length !== CHUNK_SIZE_1) throw unaligned(version, offset);
      const number = littleU64(offset / CHUNK_SIZE_1);
      isAnyBehind ||= offset > 0;
      areAllEven &&= (offset / CHUNK_SIZE_1) % CHUNK_SIZE_1 === 0;
      return version === 1 ? number : concatenate([number, Uint8Array.of(0, 0, 0x10, 0)]);
    },
    zeros: () => undefined,
    end: () => new Uint8Array(0),
    lost: () =>
      version === 2 && isAnyBehind && areAllEven ? ['that its offsets are numbers of chunks'] : [],
  };
}

function unaligned(version: number, offset: number): RefusedError {
  const what = `what is at byte ${offset} is no whole chunk of 4096 bytes, as version ${version} has them`;
  return new RefusedError(what, { hint: 'version 3 takes records of any size' });
}

function latin(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function littleU64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  encodeU64(new DataView(bytes.buffer), 0, value, true);
  return bytes;
}

function bigU64(value: number): Uint8Array {
  return littleU64(value).reverse();
}

function littleU32(value: number): Uint8Array {
  return littleU64(value).subarray(0, 4);
}
