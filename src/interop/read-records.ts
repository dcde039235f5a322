import { FormatError, remedy, sentence } from '../errors.js';
import type { RecordBatch } from '../format/batch.js';
import type { ByteReader } from '../format/byte-reader.js';
import { BATCH_SIZE } from '../format/layout.js';
import { checkRecord } from '../format/record.js';
import { MAX_RECORD, RecordDraft, ZEROS_AT_ONCE } from './record-draft.js';

/** What begins somewhere in another project's stream: a header of so many bytes, and what stands behind it. */
export interface RecordStart {
  /** *data*: `length` bytes for the device follow; *skipped*: as many that nobody needs; *zeros*, *end*: nothing does. */
  readonly kind: 'data' | 'zeros' | 'skipped' | 'end';
  readonly headerSize: number;
  readonly offset: number;
  readonly length: number;
}

/** How the records of a format are told apart. */
export interface RecordFormat {
  /**
   * What begins at `at` of `bytes`, which is byte `position` of the stream; undefined where more bytes are needed to tell.
   * Throws `FormatError`.
   */
  decode(bytes: Uint8Array, at: number, position: number): RecordStart | undefined;
  /** Takes note of a record that is read, once for each, in order. Throws `FormatError` if it may not stand there. */
  admit(start: RecordStart, position: number): void;
  /** The stream may end without an end. */
  readonly endsAnywhere: boolean;
}

/** As much is looked at together: the longest record that is taken at once, and any header. */
const WINDOW = BATCH_SIZE + 4096;

/** Where the reading is. */
interface Course {
  readonly reader: ByteReader;
  readonly format: RecordFormat;
  readonly draft: RecordDraft;
  /** What is left of the record at hand. */
  rest: RecordStart | undefined;
  /** What is left of the record of a batch that it has become. */
  left: number;
  ended: boolean;
}

/** Bytes that have been peeked at, and how many of them have been taken. */
interface Window {
  readonly bytes: Uint8Array;
  at: number;
}

/**
 * Reads the records behind the reader's position as batches. Throws `truncated-header`, `truncated-record`, `truncated`,
 * `empty-record`, `offset-limit`, `trailing-data` and what the format finds; whole records before are yielded first, and
 * what is there of a long one.
 */
export async function* readRecords(reader: ByteReader, format: RecordFormat): AsyncGenerator<RecordBatch> {
  const course: Course = { reader, format, draft: new RecordDraft(), rest: undefined, left: 0, ended: false };
  try {
    while (!course.ended) {
      await readWindow(course);
      yield* course.draft.take();
    }
    await refuseTrailing(reader);
  } catch (error) {
    if (error instanceof FormatError) yield* course.draft.finish();
    throw error;
  }
  yield* course.draft.finish();
}

async function readWindow(course: Course): Promise<void> {
  const { reader, format } = course;
  const window = { bytes: await reader.peek(WINDOW), at: 0 };
  let goesOn = false;
  try {
    while (!course.ended && takeNext(course, window)) {
      goesOn = true;
      if (course.draft.isReady || (course.rest?.kind === 'zeros' && course.rest.length > ZEROS_AT_ONCE))
        break;
    }
  } finally {
    reader.skip(window.at);
  }
  if (goesOn || course.ended) return;
  const left = window.bytes.length - window.at;
  if (left === 0 && !course.rest && format.endsAnywhere) course.ended = true;
  else throw cutShort(course.rest, left, reader.position + left);
}

/** Takes a header, or what is there of the record at hand; false where that is nothing. */
function takeNext(course: Course, window: Window): boolean {
  const { rest } = course;
  if (!rest) return takeStart(course, window);
  if (rest.kind === 'zeros') return takeZeros(course, rest);
  return rest.kind === 'data' ? takeData(course, rest, window) : skip(course, rest, window);
}

function takeStart(course: Course, window: Window): boolean {
  const position = course.reader.position + window.at;
  const start = course.format.decode(window.bytes, window.at, position);
  if (!start) return false;
  if (start.kind === 'data' || start.kind === 'zeros') checkRecord(start.offset, start.length, position);
  course.format.admit(start, position);
  course.ended = start.kind === 'end';
  course.rest = start.kind === 'end' || start.length === 0 ? undefined : start;
  window.at += start.headerSize;
  return true;
}

/** What is there of the record at hand; of one of up to 1 MiB all or nothing. */
function takeData(course: Course, { offset, length }: RecordStart, window: Window): boolean {
  const there = window.bytes.length - window.at;
  if (course.left === 0) {
    const size = Math.min(length, MAX_RECORD);
    if (there < Math.min(size, BATCH_SIZE)) return false;
    course.draft.begin(offset, size);
    course.left = size;
  }
  const part = Math.min(course.left, there);
  course.draft.append(window.bytes.subarray(window.at, window.at + part));
  course.left -= part;
  window.at += part;
  shorten(course, part);
  return part > 0;
}

function skip(course: Course, { length }: RecordStart, window: Window): boolean {
  const part = Math.min(length, window.bytes.length - window.at);
  window.at += part;
  shorten(course, part);
  return part > 0;
}

/** Of many zeros a part, so that what they are read as can be passed on. */
function takeZeros(course: Course, { offset, length }: RecordStart): boolean {
  const part = Math.min(length, ZEROS_AT_ONCE);
  course.draft.addZeros(offset, part);
  shorten(course, part);
  return true;
}

function shorten(course: Course, by: number): void {
  const rest = course.rest!;
  const isDone = rest.length === by;
  course.rest = isDone ? undefined : { ...rest, offset: rest.offset + by, length: rest.length - by };
}

function cutShort(rest: RecordStart | undefined, left: number, end: number): FormatError {
  const hint = sentence`the stream was cut short: get it again, or keep what is whole with ${remedy('compress-salvage')}`;
  if (rest?.kind === 'data')
    return new FormatError('truncated-record', end, 'the stream ends inside a record', { hint });
  if (left > 0 || rest)
    return new FormatError('truncated-header', end, 'the stream ends inside a record header', { hint });
  return new FormatError('truncated', end, 'the stream ends without its end mark', { hint });
}

async function refuseTrailing(reader: ByteReader): Promise<void> {
  const { position } = reader;
  if ((await reader.peek(1)).length > 0)
    throw new FormatError('trailing-data', position, 'the stream goes on behind its end mark');
}
