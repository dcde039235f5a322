import { statSync } from 'node:fs';
import type { Mergeable } from '../../algebra/consecutive.js';
import { DeviceError, FormatError, reason } from '../../errors.js';
import { releaseBatch } from '../../format/batch.js';
import type { FrameCodec } from '../../format/frame-codec.js';
import { decodeEntry, FRAME_KINDS } from '../../format/lvs/index/frame-entry.js';
import type { FileIndex } from '../../format/lvs/file-index.js';
import { ENTRY_SIZE } from '../../format/layout.js';
import { walkRecords } from '../../format/lvmsync/walk-headers.js';
import { endsOf } from '../../format/lvs/maps/ends.js';
import { resultState } from '../../format/lvs/maps/result-state.js';
import { PLAIN_HEADER, type ChangeStream } from '../../format/open-stream.js';
import { readThrough } from '../../format/read-through.js';
import { Tally } from '../../format/totals.js';
import {
  namingFaults,
  openIndex,
  openInput,
  type InputOptions,
  type PlainHeaders,
  type StreamFile,
  type StreamInput,
} from '../open-input.js';

/** A stream that has been looked at and is to be merged: what it says of itself, and how it is opened in its turn. */
export interface MergeInput extends Mergeable {
  /** Of a file. */
  readonly path: string | undefined;
  /** It is a stream of lvmsync, which says nothing of itself. */
  readonly isPlain: boolean;
  readonly isSorted: boolean;
  /** Bytes of memory that it takes to read it, without what is read ahead. */
  readonly memory: number;
  /** Opens it, for the caller to close. A file is only open meanwhile; a pipe has been spooled. */
  open(readAhead?: number): Promise<StreamInput>;
  /** Throws `DeviceError` if the file has changed since it was looked at; to be asked again when it has been read. */
  check(): void;
  /** Gives back what it has taken. */
  close(): void;
}

/** What a reader holds besides frames and pages. */
const READER_MEMORY = 1 << 20;
const SMALL_READER_MEMORY = 1 << 16;
/** A usual batch of a plain stream, the one that is read meanwhile, and one that waits to be used again. */
const PLAIN_MEMORY = 4 << 20;

type Found = Omit<MergeInput, 'name' | 'path' | 'open' | 'check' | 'close'>;

/**
 * Looks at a stream that is to be merged: at the index of an `.lvs` file, at the headers of a plain one, not at the data. A
 * pipe is spooled for that, see `spool`. Throws what opening it throws, and the faults that it finds.
 */
export async function surveyMergeInput(
  path: string,
  codec: FrameCodec,
  options: InputOptions,
): Promise<MergeInput> {
  const full = { ...options, pieces: true, rewindable: true };
  const print = path === '-' ? undefined : fingerprint(path);
  const input = await openInput(path, codec, full);
  try {
    const found = await look(input, codec);
    const { name } = input;
    if (input.path === undefined) return { ...found, name, path: undefined, ...keptOpen(input) };
    const check = (): void => {
      if (fingerprint(path) !== print) throw new DeviceError(`${path}: has changed since it was looked at`);
    };
    check();
    input.close();
    const open = (readAhead?: number) => openChecked(path, codec, { ...full, readAhead }, check);
    return { ...found, name, path, open, check, close: () => undefined };
  } catch (error) {
    input.close();
    throw error;
  }
}

async function openChecked(
  path: string,
  codec: FrameCodec,
  options: InputOptions,
  check: () => void,
): Promise<StreamInput> {
  const input = await openInput(path, codec, options);
  try {
    check();
    return input;
  } catch (error) {
    input.close();
    throw error;
  }
}

function keptOpen(input: StreamInput): Pick<MergeInput, 'open' | 'check' | 'close'> {
  const close = (): void => {
    input.close();
  };
  return { open: async () => ({ ...input, close: () => undefined }), check: () => undefined, close };
}

/** Which file has the name, and when it was changed last. */
function fingerprint(path: string): string {
  try {
    const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs].join(' ');
  } catch (cause) {
    throw new DeviceError(`${path}: can't be opened: ${reason(cause)}`, { cause });
  }
}

async function look(input: StreamInput, codec: FrameCodec): Promise<Found> {
  const file = input.file!;
  if (file.plain) return namingFaults(input.name, () => lookAtPlain(file, file.plain!));
  if (!file.hasIndex) return lookAtAll(await input.open());
  try {
    return await lookAtIndex((await openIndex(input, codec))!, file.size, codec);
  } catch (error) {
    if (error instanceof FormatError) await readThrough(await input.open(), codec);
    throw error;
  }
}

async function lookAtIndex(index: FileIndex, fileSize: number, codec: FrameCodec): Promise<Found> {
  const { header, closing } = index;
  const { base, result, exhaustive } = endsOf(header, closing);
  const { digest } = closing;
  const isComputed = digest !== undefined && header.kind !== 'map';
  const ends = {
    base,
    result: isComputed ? resultState({ base, result }, { digest, time: header.time }, codec) : result,
    exhaustive,
  };
  const reader = Math.min(READER_MEMORY, SMALL_READER_MEMORY + fileSize);
  return {
    header,
    closing,
    ends,
    isPlain: false,
    isSorted: header.order === 'sorted' || closing.order === 'sorted',
    memory: reader + (await measureFrames(index)),
  };
}

/** Of frames and their contents two each are held, and two pages: one that is read and one for its digests. */
async function measureFrames(index: FileIndex): Promise<number> {
  let [frame, page] = [0, 0];
  for await (const {
    page: { entries },
    size,
  } of index.pages()) {
    page = Math.max(page, size);
    for (let at = 0; at < entries.length; at += ENTRY_SIZE) {
      const { frameSize, contentSize, kind } = decodeEntry(entries, at);
      frame = Math.max(frame, frameSize + (kind === FRAME_KINDS.zeros ? 0 : contentSize));
    }
  }
  return 2 * (frame + page);
}

async function lookAtPlain(file: StreamFile, { firstHeader, dialect }: PlainHeaders): Promise<Found> {
  const tally = new Tally();
  await walkRecords(file, firstHeader, dialect, (record) => {
    tally.addRecord(record);
  });
  return { header: PLAIN_HEADER, ...foundOf(tally) };
}

/** Other projects' streams have no states, and all has to be read to know what is in them. */
async function lookAtAll({ header, batches }: ChangeStream): Promise<Found> {
  const tally = new Tally();
  for await (const batch of batches) {
    tally.add(batch);
    releaseBatch(batch);
  }
  return { header, ...foundOf(tally) };
}

function foundOf(tally: Tally): Omit<Found, 'header'> {
  return {
    closing: tally.totals(),
    ends: {},
    isPlain: true,
    isSorted: tally.order() === 'sorted',
    memory: PLAIN_MEMORY,
  };
}
