import { FormatError } from '../errors.js';
import type { ByteReader } from '../format/byte-reader.js';
import { counted } from '../format/counted.js';
import type { FrameCodec } from '../format/frame-codec.js';
import {
  LONGEST_START,
  openStream,
  PLAIN_HEADER,
  type ChangeStream,
  type StreamOptions,
} from '../format/open-stream.js';
import { RBD_BANNER_SIZE, rbdRecords, rbdVersion, readRbdHeader, type RbdVersion } from './rbd-diff.js';
import { rbdOrigin } from './rbd-names.js';
import { readRecords } from './read-records.js';
import { thinRecords, thinRelease, type ThinRelease } from './thin-send-recv.js';

/** What another project's stream begins with. */
export type Foreign =
  | { readonly format: 'rbd1' | 'rbd2'; readonly version: RbdVersion }
  | { readonly format: 'thin-send-recv'; readonly release: ThinRelease };

const FULL_EXPORT = 'rbd image v2\n';

/** As `openStream`, and of other projects' streams too, recognised by their first bytes, for which §2 leaves room. */
export async function openAnyStream(
  reader: ByteReader,
  codec: FrameCodec,
  options: StreamOptions = {},
): Promise<ChangeStream> {
  const foreign = options.assume ? undefined : recogniseForeign(await reader.peek(LONGEST_START));
  if (!foreign) return openStream(reader, codec, options);
  return foreign.format === 'thin-send-recv' ? openThin(reader, foreign.release) : openRbd(reader, foreign);
}

/** Whose stream begins so; undefined of what `openStream` reads or refuses. Throws `foreign-stream` of what can't be read. */
export function recogniseForeign(start: Uint8Array): Foreign | undefined {
  const version = rbdVersion(start);
  if (version) return { format: `rbd${version}`, version };
  if (isFullExport(start)) throw fullExport();
  const release = thinRelease(start);
  if (release === 'older') throw olderThin();
  return release && { format: 'thin-send-recv', release };
}

/** Whether a file that begins so is of another project, whether it can be read or not. */
export function looksForeign(start: Uint8Array): boolean {
  return (rbdVersion(start) ?? thinRelease(start)) !== undefined || isFullExport(start);
}

function isFullExport(start: Uint8Array): boolean {
  return String.fromCharCode(...start.subarray(0, FULL_EXPORT.length)) === FULL_EXPORT;
}

async function openRbd(
  reader: ByteReader,
  { format, version }: Extract<Foreign, { version: RbdVersion }>,
): Promise<ChangeStream> {
  await reader.peek(RBD_BANNER_SIZE);
  reader.skip(RBD_BANNER_SIZE);
  const said = await readRbdHeader(reader, version);
  const header = { ...PLAIN_HEADER, resultSize: said.size, origin: rbdOrigin(said) };
  return {
    format,
    header,
    hasEndMark: true,
    ...counted(readRecords(reader, rbdRecords(version, said.size))),
  };
}

function openThin(reader: ByteReader, release: ThinRelease): ChangeStream {
  const records = readRecords(reader, thinRecords(release));
  return {
    format: 'thin-send-recv',
    header: PLAIN_HEADER,
    hasEndMark: release === '1.1',
    ...counted(records),
  };
}

function fullExport(): FormatError {
  const hint = 'rbd export without --export-format gives a plain image, and rbd export-diff what changed';
  return new FormatError('foreign-stream', 0, 'a full export of Ceph RBD, an image and its snapshots', {
    hint,
  });
}

function olderThin(): FormatError {
  const hint = 'a release of 1.0 or later on the sending side writes one that can be read';
  return new FormatError('foreign-stream', 0, 'a stream of thin-send-recv from before 1.0', { hint });
}
