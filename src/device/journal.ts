import { constants, fdatasync, fstatSync, ftruncateSync, openSync, unlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import type { RandomAccessReader } from '../algebra/random-access.js';
import { DeviceError, FormatError, LvstreamError, RefusedError } from '../errors.js';
import { readSomeAsync, release, writeSomeAsync } from '../files/descriptor.js';
import { reason } from '../files/reason.js';
import { giveName, syncFolder } from '../files/sink.js';
import { createBufferPool, memoryOfBatch, releaseBatch, type RecordBatch } from '../format/batch.js';
import { ByteReader } from '../format/byte-reader.js';
import type { Closing } from '../format/closing.js';
import { frameRoom, MOST_IN_FLIGHT, type FrameCodec } from '../format/codec.js';
import { FIRST_LINE_FRAME } from '../format/first-line.js';
import { FRAME_KINDS } from '../format/frame-entry.js';
import { FrameIndex } from '../format/frame-index.js';
import { encodeHeader, type StreamHeader } from '../format/header.js';
import { LvsReader, type ReadFrame } from '../format/lvs-reader.js';
import { FRAME_ROOM, HEADER_MAGIC, MAX_HEADER_SIZE, ZSTD_MAGIC } from '../format/layout.js';
import { parseContent } from '../format/segments.js';
import { takeFrame } from '../format/zstd-frame.js';
import { SeekTable } from '../format/seek-table.js';
import { encodeZeroFrame, encodeZeroRanges } from '../format/zero-frame.js';
import { createPieceDigester } from './digest-pieces.js';
import { attempt, closingOnError, openImage } from './image.js';
import { settle } from './medium.js';

const ZSTD_MAGIC_BYTES = Buffer.from(Uint32Array.of(ZSTD_MAGIC).buffer);
const SEARCH_STEP = 1 << 20;
const HEADER_MAGIC_BYTES = new Uint8Array(Uint32Array.of(HEADER_MAGIC).buffer);
const syncAsync = promisify(fdatasync);

/** Where the journal of a snapback that will be called `path` lies until it is finished. */
export function partialPath(path: string): string {
  return `${path}.partial`;
}

/** An unfinished snapback (§6.4): header, first line and frames of pre-images; nothing is lost of what `flush` saw. */
export class Journal {
  readonly header: StreamHeader;
  readonly #path: string;
  readonly #fd: number;
  readonly #codec: FrameCodec;
  readonly #pending: { memory: number; frames: Promise<readonly Uint8Array[]> }[] = [];
  #inFlight = 0;
  readonly #rooms = createBufferPool(FRAME_ROOM);
  #end: number;
  /** So much is on stable storage. */
  #synced: number;
  #isOpen = true;

  private constructor(path: string, fd: number, codec: FrameCodec, header: StreamHeader, end: number) {
    this.#path = path;
    this.#fd = fd;
    this.#codec = codec;
    this.header = header;
    this.#end = end;
    this.#synced = end;
  }

  /**
   * Begins the journal of a snapback; when this is settled, its header is on stable storage. Throws `RefusedError`, and
   * creates nothing, where no reader would take the header.
   */
  static async create(path: string, header: StreamHeader, codec: FrameCodec): Promise<Journal> {
    const frame = encodeHeader(header);
    const fd = openPartial(path, constants.O_CREAT | constants.O_EXCL);
    const journal = new Journal(path, fd, codec, header, 0);
    await journal.#append(frame);
    await journal.#append(FIRST_LINE_FRAME);
    await journal.flush();
    syncFolder(path);
    return journal;
  }

  /**
   * Takes up a journal that was left unfinished, and cuts it behind its last whole frame. Returns undefined, and
   * removes it, when it ends before its first record: then nothing has been written to the device.
   * `keep`: for a dry run, nothing is cut or removed. Whoever passes `onBatch` sees what is recorded. Throws `RefusedError` of a file that is no journal, or one that is
   * damaged before its end: it stays as it is.
   */
  static async resume(
    path: string,
    codec: FrameCodec,
    onBatch: (batch: RecordBatch) => void,
    keep = false,
  ): Promise<Journal | undefined> {
    const fd = openPartial(path, constants.O_NOFOLLOW);
    closingOnError(fd, () => {
      settle({ fd, name: partialPath(path) });
    });
    const { header, end, fault } = await scanJournal(fd, path, codec, onBatch);
    const isFinished = !fault && fstatSync(fd).nlink > 1;
    if (header && !isFinished) {
      await refuseDamaged(fd, path, codec, end);
      if (!keep) cutAt(fd, path, end);
      return new Journal(path, fd, codec, header, end);
    }
    release(fd);
    if (!isFinished && !isBegun(path)) throw noJournal(path, fault);
    if (!keep)
      attempt(`${partialPath(path)}: can't be removed`, () => {
        unlinkSync(partialPath(path));
      });
    return undefined;
  }

  /** Shows what is recorded, once more. */
  async review(onBatch: (batch: RecordBatch) => void): Promise<void> {
    await scanJournal(this.#fd, this.#path, this.#codec, onBatch);
  }

  /** Adds pre-images. Takes over the batch. */
  async add(batch: RecordBatch): Promise<void> {
    const frames = batch.kind === 'zeros' ? Promise.resolve(zeroFrames(batch)) : this.#compress(batch);
    frames.catch(() => undefined);
    const memory = 2 * memoryOfBatch(batch);
    this.#pending.push({ memory, frames });
    this.#inFlight += memory;
    while (this.#pending.length >= this.#codec.depth || this.#inFlight > MOST_IN_FLIGHT)
      await this.#writeOldest();
  }

  /** All that was added is on stable storage when this is settled. */
  async flush(): Promise<void> {
    while (this.#pending.length > 0) await this.#writeOldest();
    await this.#attempt("can't be put on stable storage", () => this.#sync());
  }

  /** What a failed sync may have lost is cut off: the kernel says so once, and calls it stored the next time. */
  async #sync(): Promise<void> {
    try {
      await syncAsync(this.#fd);
      this.#synced = this.#end;
    } catch (error) {
      ftruncateSync(this.#fd, this.#synced);
      throw error;
    }
  }

  /**
   * Makes the journal a snapback under its final name: adds the index with the digests of what `target` holds now,
   * and what `close` says at the end. Throws `RefusedError` when a file of that name has come up meanwhile.
   */
  async finish(target: RandomAccessReader, close: (closing: Closing) => Closing): Promise<Closing> {
    await this.flush();
    const closing = await this.#appendIndex(target, close);
    await this.flush();
    this.close();
    await this.#attempt(`can't be renamed to ${this.#path}`, async () => {
      giveName(partialPath(this.#path), this.#path, false);
    });
    return closing;
  }

  /** Leaves the journal as it is, to be taken up again. A second call does nothing. */
  close(): void {
    if (this.#isOpen) release(this.#fd);
    this.#isOpen = false;
  }

  async #compress(batch: Extract<RecordBatch, { kind: 'data' }>): Promise<readonly Uint8Array[]> {
    const { frame, content } = await this.#codec.compress(
      batch.bytes,
      0,
      this.#rooms.take(frameRoom(batch.bytes.length)),
    );
    releaseBatch({ ...batch, bytes: content });
    return [frame];
  }

  async #writeOldest(): Promise<void> {
    const { frames, memory } = this.#pending.shift()!;
    for (const frame of await frames) {
      await this.#append(frame);
      this.#rooms.give(frame.buffer);
    }
    this.#inFlight -= memory;
  }

  async #append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += await this.#writeSome(bytes.subarray(done), this.#end + done);
    }
    this.#end += bytes.length;
  }

  #writeSome(bytes: Uint8Array, position: number): Promise<number> {
    return this.#attempt("can't be written", () => writeSomeAsync(this.#fd, bytes, position));
  }

  async #attempt<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (cause instanceof LvstreamError) throw cause;
      const hint = 'make room and run the same command again: it goes on where it stopped';
      throw new DeviceError(`${partialPath(this.#path)}: ${what}: ${reason(cause)}`, { cause, hint });
    }
  }

  async #appendIndex(target: RandomAccessReader, close: (closing: Closing) => Closing): Promise<Closing> {
    const index = new FrameIndex(this.#codec, true);
    const seekTable = new SeekTable();
    const pageSizes: number[] = [];
    const dataEnd = this.#end;
    const digestPieces = createPieceDigester(target, this.#codec);
    const reader = await openJournal(this.#fd, this.#path, this.#codec);
    for await (const { position, entry, batch } of reader.frames()) {
      index.list(entry, batch && digestPieces(batch));
      if (batch) releaseBatch(batch);
      seekTable.add(entry.frameSize, entry.contentSize);
      if (index.isFull) pageSizes.push(await this.#appendPage(index.takePage(this.#end)));
      if (position + entry.frameSize === dataEnd) break;
    }
    const order = reader.foundOrder() === 'sorted' ? 'sorted' : undefined;
    const closing = close({ ...reader.totals(), digest: reader.takeDigest(), order });
    pageSizes.push(await this.#appendPage(index.takeLastPage(closing)));
    for (const size of pageSizes) seekTable.add(size, 0);
    for (const part of seekTable.encode()) await this.#append(part);
    return closing;
  }

  async #appendPage(page: Uint8Array): Promise<number> {
    await this.#append(page);
    return page.length;
  }
}

function zeroFrames({ ranges }: Extract<RecordBatch, { kind: 'zeros' }>): Uint8Array[] {
  return [encodeZeroRanges(ranges), encodeZeroFrame(ranges)];
}

/** Whether a file can be what is left of a journal whose writing was ended in its header or its first line. */
function isBegun(path: string): boolean {
  const start = Buffer.from(readStart(path));
  const magic = HEADER_MAGIC_BYTES.subarray(0, start.length);
  return (
    start.length < 2 * MAX_HEADER_SIZE &&
    start.indexOf(Buffer.from(magic)) === 0 &&
    !start.includes(Buffer.from(FIRST_LINE_FRAME))
  );
}

function readStart(path: string): Uint8Array {
  const source = openImage(partialPath(path));
  try {
    const start = new Uint8Array(Math.min(source.size, 2 * MAX_HEADER_SIZE));
    source.readInto(start, 0);
    return start;
  } finally {
    source.close();
  }
}

function noJournal(path: string, cause: FormatError | undefined): RefusedError {
  return new RefusedError(
    `${partialPath(path)}: is there, but is no unfinished snapback, or is damaged in its header`,
    { cause, hint: 'choose another name for this snapback, or put that file aside' },
  );
}

/** What stands behind is not whole, and must not stand there when more is written. */
function cutAt(fd: number, path: string, end: number): void {
  attempt(`${partialPath(path)}: can't be cut at byte ${end}`, () => {
    ftruncateSync(fd, end);
  });
}

function openPartial(path: string, flags: number): number {
  try {
    return openSync(partialPath(path), constants.O_RDWR | flags, 0o600);
  } catch (cause) {
    throw new DeviceError(`${partialPath(path)}: can't be opened: ${reason(cause)}`, { cause });
  }
}

/** Reads a journal up to its first frame that is not whole: no header when that is the header or the first line. */
async function scanJournal(
  fd: number,
  path: string,
  codec: FrameCodec,
  onBatch: (batch: RecordBatch) => void,
) {
  let end = 0;
  let header: StreamHeader | undefined;
  let fault: FormatError | undefined;
  try {
    const reader = await openJournal(fd, path, codec);
    for await (const frame of reader.frames()) {
      if (endsUnit(frame)) end = frame.position + frame.entry.frameSize;
      if (frame.entry.kind === FRAME_KINDS.firstLine) header = reader.header;
      if (!frame.batch) continue;
      onBatch(frame.batch);
      releaseBatch(frame.batch);
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    fault = error;
  }
  return { header, end, fault };
}

/**
 * Throws `RefusedError` when whole frames of records stand behind the first one that is not: then it was not the end of
 * the journal that was lost, and what those frames record must not be.
 */
async function refuseDamaged(fd: number, path: string, codec: FrameCodec, end: number): Promise<void> {
  const { size } = fstatSync(fd);
  for (let at = end; at < size; at += SEARCH_STEP) {
    const window = Buffer.alloc(Math.min(SEARCH_STEP + 3, size - at));
    await readSome(fd, path, window, at);
    for (
      let found = window.indexOf(ZSTD_MAGIC_BYTES);
      found >= 0;
      found = window.indexOf(ZSTD_MAGIC_BYTES, found + 1)
    ) {
      if (at + found > end && (await holdsRecords(fd, path, codec, at + found)))
        throw damagedJournal(path, end);
    }
  }
}

async function holdsRecords(fd: number, path: string, codec: FrameCodec, position: number): Promise<boolean> {
  try {
    const { bytes, header } = await takeFrame(readFrom(fd, path, position), createBufferPool(FRAME_ROOM));
    const { content } = await codec.decompress(bytes, new Uint8Array(header.contentSize), undefined);
    if (content) parseContent(content, { open: undefined, position, admit: () => undefined });
    return content !== undefined;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

function damagedJournal(path: string, end: number): RefusedError {
  return new RefusedError(
    `${partialPath(path)}: byte ${end}: is damaged, with what was recorded later behind it`,
    {
      hint: 'put it aside: lvstream apply --salvage takes back what stands before the damage',
    },
  );
}

/** Zero ranges without the zero frame behind them are no whole unit. */
function endsUnit({ entry }: ReadFrame): boolean {
  return entry.kind !== FRAME_KINDS.zeroRanges;
}

function openJournal(fd: number, path: string, codec: FrameCodec): Promise<LvsReader> {
  return LvsReader.open(readFrom(fd, path, 0), codec);
}

/** Reads on from there to where the journal ends now. */
function readFrom(fd: number, path: string, start: number): ByteReader {
  const { size } = fstatSync(fd);
  let position = start;
  const readInto = async (target: Uint8Array) => {
    const bytesRead = await readSome(fd, path, target.subarray(0, size - position), position);
    position += bytesRead;
    return bytesRead;
  };
  return new ByteReader({ readInto });
}

async function readSome(fd: number, path: string, target: Uint8Array, position: number): Promise<number> {
  try {
    return await readSomeAsync(fd, target, position);
  } catch (cause) {
    throw new DeviceError(`${partialPath(path)}: can't be read: ${reason(cause)}`, { cause });
  }
}
