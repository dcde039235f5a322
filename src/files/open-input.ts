import { setImmediate as nextTurn } from 'node:timers/promises';
import { FormatError } from '../errors.js';
import { attachPieces } from '../format/lvs/attach-pieces.js';
import type { RecordBatch } from '../format/batch.js';
import { ByteReader, type ByteSource } from '../format/byte-reader.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { readFileIndex, type FileBytes, type FileIndex } from '../format/lvs/file-index.js';
import { FrameScanner } from '../format/lvs/frames/frame-scanner.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import { takeHeader } from '../format/lvs/take-header.js';
import { openAnyStream, recogniseForeign, type Foreign } from '../interop/open-any-stream.js';
import { FIRST_LINE_SIZE, MAX_HEADER_SIZE, SKIPPABLE_HEADER_SIZE } from '../format/layout.js';
import type { Dialect } from '../format/lvmsync/dialect.js';
import {
  isContainer,
  isMap,
  LONGEST_START,
  recogniseVersion,
  type ChangeStream,
  type StreamOptions,
} from '../format/open-stream.js';
import { viewOf } from '../format/view.js';
import { surveyFile } from '../format/lvmsync/walk-headers.js';
import { openSource, spool, type Source } from './source.js';

/** After so long whatever else waits has its turn. */
const TURN_MS = 20;

export interface InputOptions extends StreamOptions {
  /** Batches of an `.lvs` file carry its base digests; a pipe that has any is spooled. Otherwise they are only checked. */
  readonly pieces?: boolean | undefined;
  /** Spool every pipe, so that it can be read more than once. */
  readonly rewindable?: boolean | undefined;
}

/** A plain stream in a file, whose headers were looked at: how they are to be read, and where the first stands. */
export interface PlainHeaders {
  readonly dialect: Dialect;
  readonly firstHeader: number;
}

/** A stream's bytes, to be read from the start or anywhere. */
export interface StreamFile extends FileBytes, Pick<Source, 'start'> {
  /** Of a plain stream. */
  readonly plain?: PlainHeaders | undefined;
  /** It is an `.lvs` file: what it holds can be told from its end. */
  readonly hasIndex: boolean;
}

/** A stream that a command was given, ready to be read. Faults that it throws name it. */
export interface StreamInput {
  /** What to call it in a message. */
  readonly name: string;
  /** The file's path where it is one. */
  readonly path?: string | undefined;
  /** Its bytes where it is a file, or a pipe that has been spooled. */
  readonly file?: StreamFile | undefined;
  /** It can be opened again and again. */
  readonly rewindable: boolean;
  /**
   * Reads it from the start; a second time only if it is rewindable. `checked`: it has just been read to its end and
   * found good, so that an `.lvs` file need not be hashed again. `pieces`: as in the options, for this time.
   */
  open(options?: { readonly checked?: boolean; readonly pieces?: boolean }): Promise<ChangeStream>;
  close(): void;
}

/** What the first bytes tell. */
type Recognised = 'lvs' | Foreign | { readonly number: Dialect['version']; readonly assumed: boolean };

/**
 * Opens a stream of any format, standard input for `-`. Streams of versions 1 and 2 are surveyed as a whole before
 * anything of them is read (§3.3), and spooled if they come through a pipe; see `spool` for what that takes.
 * Throws `DeviceError`, and faults of the first bytes.
 */
export async function openInput(
  path: string,
  codec: FrameCodec,
  options: InputOptions = {},
): Promise<StreamInput> {
  const source = await openSource(path);
  try {
    return await namingFaults(source.name, () => prepare(source, codec, options));
  } catch (error) {
    source.close();
    throw error;
  }
}

async function prepare(opened: Source, codec: FrameCodec, options: InputOptions): Promise<StreamInput> {
  const peeked = new ByteReader(opened.start());
  const start = await recognise(peeked, options);
  const source = (await mustSpool(peeked, start, options)) ? await spool(opened, peeked) : opened;
  const file = await seekable(source, start, options);
  const { name } = source;
  let first: ByteReader | undefined = file ? undefined : peeked;
  return {
    name,
    path: source.path,
    file,
    rewindable: file !== undefined,
    open: async ({ checked, pieces = options.pieces } = {}) => {
      const reader = first ?? new ByteReader(source.start());
      first = undefined;
      const stream = await namingFaults(name, () =>
        openAnyStream(reader, codec, { ...options, dialect: file?.plain?.dialect, checked }),
      );
      const batches = nameFaults(name, withPieces(stream, file, codec, pieces));
      return isMap(stream)
        ? { ...stream, batches, ranges: nameFaults(name, stream.ranges) }
        : { ...stream, batches };
    },
    close: () => {
      source.close();
    },
  };
}

/** The index of an `.lvs` file, from its end; its faults name the stream. Undefined of anything else. */
export async function openIndex(input: StreamInput, codec: FrameCodec): Promise<FileIndex | undefined> {
  const { file, name } = input;
  return file?.hasIndex === true ? namingFaults(name, () => readFileIndex(file, codec)) : undefined;
}

/** Bytes of the stream as version 3, as far as that is known without reading it. */
export async function plainSize(input: StreamInput, codec: FrameCodec): Promise<number | undefined> {
  try {
    return (await openIndex(input, codec))?.closing.size ?? input.file?.size;
  } catch {
    return undefined;
  }
}

async function recognise(reader: ByteReader, options: StreamOptions): Promise<Recognised> {
  const bytes = await reader.peek(LONGEST_START);
  if (isContainer(bytes)) return 'lvs';
  return (options.assume ? undefined : recogniseForeign(bytes)) ?? recogniseVersion(bytes, options);
}

async function mustSpool(
  reader: ByteReader,
  start: Recognised,
  { pieces, rewindable }: InputOptions,
): Promise<boolean> {
  if (rewindable === true) return true;
  if (start !== 'lvs') return 'number' in start && start.number !== 3;
  return pieces === true && (await peekHeader(reader)).baseDigests === true;
}

async function peekHeader(reader: ByteReader): Promise<StreamHeader> {
  const start = await reader.peek(SKIPPABLE_HEADER_SIZE);
  const size = start.length < SKIPPABLE_HEADER_SIZE ? 0 : viewOf(start).getUint32(4, true);
  const bytes = await reader.peek(SKIPPABLE_HEADER_SIZE + Math.min(size, MAX_HEADER_SIZE));
  return (await takeHeader(new FrameScanner(new ByteReader(readBytes(bytes))))).header;
}

function readBytes(bytes: Uint8Array): ByteSource {
  let rest = bytes;
  return {
    readInto: async (target) => {
      const part = rest.subarray(0, target.length);
      target.set(part);
      rest = rest.subarray(part.length);
      return part.length;
    },
  };
}

async function seekable(
  source: Source,
  start: Recognised,
  options: StreamOptions,
): Promise<StreamFile | undefined> {
  const { size } = source;
  if (size === undefined) return undefined;
  const file = { ...source, size, hasIndex: start === 'lvs' };
  const isPlain = start !== 'lvs' && 'number' in start;
  return isPlain ? { ...file, plain: await surveyPlain(file, start, options) } : file;
}

async function surveyPlain(
  file: FileBytes,
  { number, assumed }: Exclude<Recognised, 'lvs' | Foreign>,
  options: StreamOptions,
): Promise<PlainHeaders> {
  const firstHeader = assumed ? 0 : FIRST_LINE_SIZE;
  return { dialect: await surveyFile(file, firstHeader, number, options), firstHeader };
}

function withPieces(
  stream: ChangeStream,
  file: FileBytes | undefined,
  codec: FrameCodec,
  pieces: boolean | undefined,
): AsyncIterable<RecordBatch> {
  if (stream.header.baseDigests !== true || pieces !== true || !file) return stream.batches;
  return attachPieces(stream.batches, lazyPages(file, codec));
}

async function* lazyPages(file: FileBytes, codec: FrameCodec) {
  yield* (await readFileIndex(file, codec)).pages();
}

/** The parts of a stream; faults that they throw name it. Signals are heard meanwhile, however much a few bytes stand for. */
export async function* nameFaults<T>(name: string, parts: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = parts[Symbol.asyncIterator]();
  let turned = performance.now();
  try {
    for (;;) {
      const step: IteratorResult<T, unknown> = await namingFaults(name, () => iterator.next());
      if (step.done === true) return;
      yield step.value;
      if (performance.now() - turned < TURN_MS) continue;
      await nextTurn();
      turned = performance.now();
    }
  } finally {
    await iterator.return?.();
  }
}

/** Does something with the stream of that name; the faults that it throws name it. */
export async function namingFaults<T>(name: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw error instanceof FormatError ? error.ofStream(name) : error;
  }
}
