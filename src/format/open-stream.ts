import { FormatError, remedy, sentence } from '../errors.js';
import type { RecordBatch } from './batch.js';
import type { Range } from '../ranges/range.js';
import type { ByteReader } from './byte-reader.js';
import { counted } from './counted.js';
import type { Closing } from './lvs/maps/closing.js';
import type { FrameCodec } from './frame-codec.js';
import { DialectSurvey, type DialectOptions } from './lvmsync/dialect-survey.js';
import type { StreamHeader } from './lvs/maps/header.js';
import { equalBytes } from './lvs/maps/identifier.js';
import { BATCH_SIZE, HEADER_MAGIC } from './layout.js';
import { readLegacy } from './lvmsync/read-legacy.js';
import type { Dialect } from './lvmsync/dialect.js';
import { LvsReader, type ReadingOptions } from './lvs/reader.js';
import { viewOf } from './view.js';
import { truncated } from './lvs/frames/zstd-frame.js';

export interface StreamOptions extends DialectOptions, ReadingOptions {
  /** The stream is a snapback of lvmsync 0.0.x, which has no first line: read it as that version. */
  readonly assume?: 'lvmsync2' | undefined;
  /** What was concluded from the whole stream beforehand; otherwise the first MiB decides. */
  readonly dialect?: Dialect | undefined;
}

/** Every format that a stream can have: our own, those of lvmsync, and other projects'. */
export const FORMAT_NAMES = [
  'lvs',
  'lvmsync1',
  'lvmsync2',
  'lvmsync3',
  'rbd1',
  'rbd2',
  'thin-send-recv',
] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

/** A stream of any format, on which `batches` can be iterated once. */
export interface ChangeStream {
  readonly format: FormatName;
  /** What it says of itself; a plain stream says nothing: changes, in no promised order. */
  readonly header: StreamHeader;
  /** Of a plain stream: how its record headers are read. */
  readonly dialect?: Dialect | undefined;
  /** One that is cut short is known to be: its end says that it is one. Otherwise it may have lost records. */
  readonly hasEndMark: boolean;
  readonly batches: AsyncIterable<RecordBatch>;
  /**
   * Of a map, to be iterated in place of `batches`: its ranges, ascending and apart, in parts that have been checked, each
   * good until the next is asked for.
   * The map has proven whole once the last part has been followed by the end of the iteration.
   */
  readonly ranges?: AsyncIterable<Iterable<Range>> | undefined;
  /**
   * What the file says at its end; to be called when `batches` or `ranges` has ended. Of a stream of another format what was
   * counted; its digest only where {@link withDigest} has it counted.
   */
  readonly closing: () => Closing;
}

/** A plain lvmsync stream. */
export interface PlainStream extends ChangeStream {
  readonly dialect: Dialect;
}

/** A map: ranges, and no data to apply (§4.6.3). */
export interface MapStream extends ChangeStream {
  readonly header: StreamHeader & { readonly kind: 'map' };
  readonly ranges: AsyncIterable<Iterable<Range>>;
}

const FIRST_LINES = /^lvmsync PROTO\[(\d{1,8})\](.?)/s;
/** By so many bytes at the most a stream is recognised. */
export const LONGEST_START = 32;
const SIGNATURE = 'lvmsync PROTO[';

/** What every plain stream is. */
export const PLAIN_HEADER: StreamHeader = { kind: 'changes', requires: [], order: 'given' };

/**
 * Recognises a stream by its first bytes (§2) and reads it from there.
 * Throws `not-a-stream`, `foreign-stream`, `unknown-version`, or what an `.lvs` header can get.
 */
export async function openStream(
  reader: ByteReader,
  codec: FrameCodec,
  options: StreamOptions = {},
): Promise<ChangeStream> {
  const start = await reader.peek(LONGEST_START);
  if (isContainer(start)) {
    const lvs = await LvsReader.open(reader, codec, options);
    const ranges = lvs.header.kind === 'map' ? lvs.ranges() : undefined;
    const { header } = lvs;
    return {
      format: 'lvs',
      header,
      hasEndMark: true,
      batches: lvs.batches(),
      ranges,
      closing: () => lvs.closing,
    };
  }
  const version = recogniseVersion(start, options);
  if (!version.assumed) reader.skip(SIGNATURE.length + 3);
  const dialect = options.dialect ?? survey(await reader.peek(BATCH_SIZE), version.number, options);
  const format = `lvmsync${version.number}` as const;
  const batches = readLegacy(reader, dialect);
  return { format, header: PLAIN_HEADER, dialect, hasEndMark: false, ...counted(batches) };
}

export function isMap(stream: ChangeStream): stream is MapStream {
  return stream.ranges !== undefined;
}

export function isPlain(stream: ChangeStream): stream is PlainStream {
  return stream.dialect !== undefined;
}

/** Whether it is an `.lvs` file, or is one as it is made: its end tells what it holds. All others are counted as they are read. */
export function isTold(stream: ChangeStream): boolean {
  return stream.format === 'lvs';
}

/** The stream, to be iterated in place of it; the digest of one that does not tell it is counted on the way. */
export function withDigest(stream: ChangeStream, codec: FrameCodec): ChangeStream {
  return !isTold(stream) ? { ...stream, ...counted(stream.batches, codec) } : stream;
}

/** Whether a stream that begins so is an `.lvs` file. */
export function isContainer(start: Uint8Array): boolean {
  return start.length >= 4 && viewOf(start).getUint32(0, true) === HEADER_MAGIC;
}

/** Whether a file that begins so is a stream of any format, as far as it goes. */
export function looksLikeStream(start: Uint8Array): boolean {
  const text = String.fromCharCode(...start);
  return isContainer(start) || FIRST_LINES.test(text) || isCutSignature(start, text);
}

/** The version of a plain stream by its first bytes. Throws as {@link openStream} does. */
export function recogniseVersion(start: Uint8Array, { assume }: StreamOptions = {}) {
  const text = String.fromCharCode(...start);
  const [, digits, next] = FIRST_LINES.exec(text) ?? [];
  if (digits !== undefined && next === '\n') return { number: knownVersion(digits), assumed: false };
  if (digits !== undefined && next === ' ')
    throw foreign('a stream of a program that borrowed the name of lvmsync');
  if (assume === 'lvmsync2') return { number: 2 as const, assumed: true };
  if (isCutSignature(start, text)) throw truncated(start.length);
  throw unknownStart(text);
}

function survey(sample: Uint8Array, version: Dialect['version'], options: DialectOptions): Dialect {
  const survey = new DialectSurvey(version, options);
  survey.walk(sample);
  return survey.conclude();
}

function knownVersion(digits: string): Dialect['version'] {
  const version = ([1, 2, 3] as const).find((known) => String(known) === digits);
  if (version) return version;
  throw new FormatError('unknown-version', 0, `lvmsync PROTO[${digits}] is not known`);
}

function isCutSignature(start: Uint8Array, text: string): boolean {
  if (start.length === 0) return false;
  const magic = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18);
  if (start.length < magic.length && equalBytes(start, magic.subarray(0, start.length))) return true;
  return SIGNATURE.startsWith(text) || /^lvmsync PROTO\[(\d{0,8}|\d{1,8}\])$/.test(text);
}

function foreign(what: string): FormatError {
  return new FormatError('foreign-stream', 0, what, { hint: "lvstream can't read it" });
}

function unknownStart(text: string): FormatError {
  if (text.startsWith('(\u00b5/\u00fd')) {
    const hint = 'if it is a compressed stream, decompress it first: zstd -dc FILE | lvstream …';
    return new FormatError('not-a-stream', 0, 'a Zstandard file that is no .lvs file', { hint });
  }
  if (text.startsWith('rbd diff v')) return foreign('a diff of Ceph RBD');
  if (text === '') return new FormatError('not-a-stream', 0, 'the stream is empty');
  const hint = sentence`a snapback of lvmsync 0.0.x has no first line: ${remedy('assume-lvmsync2')}`;
  return new FormatError('not-a-stream', 0, 'not a change stream', { hint });
}
