import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { attempt } from '../device/image.js';
import { LvstreamError } from '../errors.js';
import { openRegular } from '../files/source.js';
import { ByteReader } from '../format/byte-reader.js';
import { LONGEST_START, looksLikeStream } from '../format/open-stream.js';
import { looksForeign } from '../interop/open-any-stream.js';
import { isPartial } from './partial-file.js';

/** The streams of a folder, as paths in the order of their names, and what else is there. */
export interface StreamFolder {
  readonly streams: readonly string[];
  /** Files that are no streams, and unfinished snapbacks. */
  readonly leftOut: readonly string[];
}

const OWN_NAME = '.lvs';

/**
 * Lists a folder's streams, of any format, by their first bytes. A file that is called one counts as one, whatever it holds, so
 * that its damage is not passed over. Hidden files and folders are passed over. Throws `DeviceError`, and `LvstreamError`
 * if there is no stream: whoever checks a folder would otherwise be told that all is well when it is not the right one.
 */
export async function listStreams(folder: string): Promise<StreamFolder> {
  const streams: string[] = [];
  const leftOut: string[] = [];
  for (const path of filesIn(folder)) ((await isStream(path)) ? streams : leftOut).push(path);
  if (streams.length === 0)
    throw new LvstreamError(`${folder}: holds no streams`, { hint: 'look whether it is the right folder' });
  return { streams, leftOut };
}

function filesIn(folder: string): string[] {
  const names = attempt(`${folder}: can't be listed`, () => readdirSync(folder));
  const paths = names.filter((name) => !name.startsWith('.')).map((name) => join(folder, name));
  return paths.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile()).sort();
}

async function isStream(path: string): Promise<boolean> {
  if (isPartial(path)) return false;
  if (path.endsWith(OWN_NAME)) return true;
  const start = await readStart(path);
  return start === undefined || looksLikeStream(start) || looksForeign(start);
}

/** Undefined of what can't be read: whoever opens it as a stream is told why. */
async function readStart(path: string): Promise<Uint8Array | undefined> {
  let source;
  try {
    source = await openRegular(path);
    return await (source && new ByteReader(source.start()).peek(LONGEST_START));
  } catch {
    return undefined;
  } finally {
    source?.close();
  }
}
