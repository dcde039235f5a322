import type { Range } from '../../ranges/range.js';
import { DialectSurvey, type DialectOptions } from './dialect-survey.js';
import type { FileBytes } from '../lvs/file-index.js';
import { checkEnd, UnitsCheck } from './read-legacy.js';
import { headerSize, lengthOf, offsetOf, type Dialect } from './dialect.js';
import { checkRecord } from '../record.js';
import { viewOf } from '../view.js';

/** As much is read at once; the data of longer records is passed over. */
const WINDOW = 1 << 18;

/**
 * Concludes byte order and units of a plain stream from all of its headers (§3.3), of which the first stands at
 * `start`. Reads no further than it must.
 */
export async function surveyFile(
  file: FileBytes,
  start: number,
  version: Dialect['version'],
  options: DialectOptions,
): Promise<Dialect> {
  const survey = new DialectSurvey(version, options);
  await walkWindows(file, start, (bytes) => {
    const walked = survey.walk(bytes);
    return survey.isSettled ? 0 : walked;
  });
  return survey.conclude();
}

/**
 * Visits all records of a plain stream without reading the data of long ones; the first header stands at `start`.
 * Throws the faults that reading the whole stream would.
 */
export async function walkRecords(
  file: FileBytes,
  start: number,
  dialect: Dialect,
  visit: (record: Range) => void,
): Promise<void> {
  const units = new UnitsCheck(dialect);
  const size = headerSize(dialect);
  let end = start;
  await walkWindows(file, start, (bytes, position) => {
    const view = viewOf(bytes);
    let at = 0;
    for (; bytes.length - at >= size; at += size + lengthOf(view, at, dialect)) {
      const length = lengthOf(view, at, dialect);
      const offset = offsetOf(view, at, dialect);
      checkRecord(offset, length, position + at);
      units.check(view, at, position + at);
      if (position + at + size + length <= file.size) visit({ offset, length });
    }
    end = position + at;
    return at;
  });
  const cut = end > file.size ? { offset: 0, length: end - file.size } : undefined;
  checkEnd(Math.max(0, file.size - end), cut, dialect, file.size);
}

/** Reads on where `visit` says that the next header is, counted from the bytes it was given; ends at 0. */
async function walkWindows(
  file: FileBytes,
  start: number,
  visit: (bytes: Uint8Array, position: number) => number,
): Promise<void> {
  const window = new Uint8Array(WINDOW);
  for (let at = start; at < file.size;) {
    const bytes = window.subarray(0, Math.min(WINDOW, file.size - at));
    await file.readAt(bytes, at);
    const walked = visit(bytes, at);
    if (walked === 0) return;
    at += walked;
  }
}
