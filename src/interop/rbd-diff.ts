import { FormatError } from '../errors.js';
import type { ByteReader } from '../format/byte-reader.js';
import { decodeU64 } from '../format/record.js';
import { viewOf } from '../format/view.js';
import type { RecordFormat, RecordStart } from './read-records.js';

/**
 * The diffs of Ceph's RBD (doc/dev/rbd-diff.rst), all numbers little-endian: a banner, records that say what the diff is of,
 * records of data and of zeros, and an end. Version 2, which `rbd export --export-format 2` puts into its own stream, has
 * the length of each record but the end behind its tag.
 */
export type RbdVersion = 1 | 2;

/** What the first records of a diff say. */
export interface RbdHeader {
  /** The snapshot that it begins from; undefined: from nothing. */
  readonly from?: string | undefined;
  /** The snapshot that it leads to. */
  readonly to?: string | undefined;
  /** Whether that one is protected; in version 2 alone. */
  readonly isProtected?: boolean | undefined;
  /** Bytes of the image after it. */
  readonly size?: number | undefined;
}

export const RBD_BANNER_SIZE = 12;
/** As much as `rbd` reads of a name. */
export const MAX_RBD_NAME = 4096;

export const RBD_TAGS = { from: 'f', to: 't', isProtected: 'p', size: 's', data: 'w', zeros: 'z', end: 'e' };

const TAG_SIZE = 1;
const U64_SIZE = 8;
const U32_SIZE = 4;
const META_ROOM = TAG_SIZE + U64_SIZE + U32_SIZE + MAX_RBD_NAME;

/** The version of a diff that begins so; undefined of anything else. */
export function rbdVersion(start: Uint8Array): RbdVersion | undefined {
  const banner = String.fromCharCode(...start.subarray(0, RBD_BANNER_SIZE));
  return ([1, 2] as const).find((version) => banner === rbdBanner(version));
}

export function rbdBanner(version: RbdVersion): string {
  return `rbd diff v${version}\n`;
}

/** Reads what a diff says of itself; the reader stands behind the banner. Throws `FormatError`. */
export async function readRbdHeader(reader: ByteReader, version: RbdVersion): Promise<RbdHeader> {
  let header: RbdHeader = {};
  for (;;) {
    const bytes = await reader.peek(META_ROOM);
    const record = new MetaRecord(bytes, reader.position, version);
    if (!record.isThere) return header;
    header = { ...header, ...record.decode() };
    reader.skip(record.size);
  }
}

/** A record before the data, at the beginning of `bytes`. */
class MetaRecord {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #position: number;
  readonly #tag: string;
  /** Where what it says begins. */
  readonly #start: number;
  readonly #version: RbdVersion;

  constructor(bytes: Uint8Array, position: number, version: RbdVersion) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#position = position;
    this.#version = version;
    this.#tag = String.fromCharCode(bytes[0] ?? 0);
    this.#start = TAG_SIZE + (version === 2 ? U64_SIZE : 0);
  }

  get isThere(): boolean {
    const { from, to, isProtected, size } = RBD_TAGS;
    return [from, to, size, ...(this.#version === 2 ? [isProtected] : [])].includes(this.#tag);
  }

  /** Bytes from its tag on. */
  get size(): number {
    return this.#start + this.#payloadSize();
  }

  decode(): RbdHeader {
    const size = this.#payloadSize();
    this.#need(this.#start + size);
    if (this.#version === 2 && decodeU64(this.#view, TAG_SIZE, true) !== size)
      throw malformedRecord(this.#position, `a record of another length than "${this.#tag}" has`);
    if (this.#tag === RBD_TAGS.size) return { size: this.#imageSize() };
    if (this.#tag === RBD_TAGS.isProtected) return { isProtected: this.#bytes[this.#start] !== 0 };
    const name = this.#decodeName(this.#bytes.subarray(this.#start + U32_SIZE, this.#start + size));
    return this.#tag === RBD_TAGS.from ? { from: name } : { to: name };
  }

  /** A name that could not be kept would make one that begins at a snapshot a diff of a whole image. */
  #decodeName(bytes: Uint8Array): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw malformedRecord(this.#position, "a snapshot's name that is no UTF-8");
    }
  }

  #payloadSize(): number {
    if (this.#tag === RBD_TAGS.size) return U64_SIZE;
    if (this.#tag === RBD_TAGS.isProtected) return 1;
    this.#need(this.#start + U32_SIZE);
    const size = this.#view.getUint32(this.#start, true);
    if (size > MAX_RBD_NAME)
      throw malformedRecord(this.#position, `a snapshot's name of ${size} bytes, of which rbd reads 4096`);
    return U32_SIZE + size;
  }

  #imageSize(): number {
    const size = decodeU64(this.#view, this.#start, true);
    if (!Number.isNaN(size)) return size;
    throw new FormatError('offset-limit', this.#position, 'an image of 2^53 bytes or more');
  }

  #need(size: number): void {
    if (this.#bytes.length >= size) return;
    const end = this.#position + this.#bytes.length;
    throw new FormatError('truncated-header', end, 'the stream ends inside a record');
  }
}

/** The records behind those that {@link readRbdHeader} reads. `size`: that of the image, where it is known. */
export function rbdRecords(version: RbdVersion, size: number = Infinity): RecordFormat {
  return {
    endsAnywhere: false,
    decode: (bytes, at, position) => decodeRecord(bytes, at, position, version),
    admit: ({ kind, offset, length }, position) => {
      if ((kind === 'data' || kind === 'zeros') && offset + length > size)
        throw new FormatError('declared-size', position, 'a record past the end that the image has');
    },
  };
}

function decodeRecord(
  bytes: Uint8Array,
  at: number,
  position: number,
  version: RbdVersion,
): RecordStart | undefined {
  if (at === bytes.length) return undefined;
  const tag = String.fromCharCode(bytes[at]!);
  if (tag === RBD_TAGS.end) return { kind: 'end', headerSize: TAG_SIZE, offset: 0, length: 0 };
  const start = TAG_SIZE + (version === 2 ? U64_SIZE : 0);
  const isRange = tag === RBD_TAGS.data || tag === RBD_TAGS.zeros;
  if (!isRange && (version === 1 || isMeta(tag))) throw misplaced(tag, position);
  const headerSize = start + (isRange ? 2 * U64_SIZE : 0);
  if (bytes.length - at < headerSize) return undefined;
  const view = viewOf(bytes);
  const told = version === 2 ? lengthAt(view, at + TAG_SIZE) : undefined;
  if (!isRange) return { kind: 'skipped', headerSize, offset: 0, length: told! };
  const offset = decodeU64(view, at + start, true);
  const length = decodeU64(view, at + start + U64_SIZE, true);
  const kind = tag === RBD_TAGS.data ? 'data' : 'zeros';
  const needed = 2 * U64_SIZE + (kind === 'data' ? length : 0);
  if (told !== undefined && offset + length < Infinity && told !== needed)
    throw malformedRecord(position, `a record of another length than "${tag}" has`);
  return { kind, headerSize, offset, length };
}

/** Of what is passed over: nobody has so much of it that 2^53 could be told from more. */
function lengthAt(view: DataView, at: number): number {
  const length = decodeU64(view, at, true);
  return Number.isNaN(length) ? Infinity : length;
}

function isMeta(tag: string): boolean {
  const { from, to, isProtected, size } = RBD_TAGS;
  return [from, to, isProtected, size].includes(tag);
}

function misplaced(tag: string, position: number): FormatError {
  if (isMeta(tag)) return malformedRecord(position, `a record "${tag}" behind the first data`);
  const code = tag.charCodeAt(0).toString(16).padStart(2, '0');
  return malformedRecord(position, `a record of an unknown kind (${code})`);
}

function malformedRecord(position: number, what: string): FormatError {
  return new FormatError('foreign-stream', position, what);
}
