import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  read,
  unlinkSync,
  write,
} from 'node:fs';
import { promisify } from 'node:util';
import type { RandomAccessReader } from '../algebra/random-access.js';
import { DeviceError, FormatError } from '../errors.js';
import { giveName, syncFolder } from '../files/sink.js';
import { createBufferPool, releaseBatch, type RecordBatch } from '../format/batch.js';
import { ByteReader } from '../format/byte-reader.js';
import type { Closing } from '../format/closing.js';
import { frameRoom, type FrameCodec } from '../format/codec.js';
import { FIRST_LINE_FRAME } from '../format/first-line.js';
import { FRAME_KINDS } from '../format/frame-entry.js';
import { FrameIndex } from '../format/frame-index.js';
import { encodeHeader, type StreamHeader } from '../format/header.js';
import { LvsReader, type ReadFrame } from '../format/lvs-reader.js';
import { FRAME_ROOM } from '../format/layout.js';
import { SeekTable } from '../format/seek-table.js';
import { encodeZeroFrame, encodeZeroRanges } from '../format/zero-frame.js';
import { createPieceDigester } from './digest-pieces.js';

const readAsync = promisify(read);
const writeAsync = promisify(write);
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
  readonly #pending: { batch: RecordBatch; frames: Promise<readonly Uint8Array[]> }[] = [];
  readonly #rooms = createBufferPool(FRAME_ROOM);
  #end: number;

  private constructor(path: string, fd: number, codec: FrameCodec, header: StreamHeader, end: number) {
    this.#path = path;
    this.#fd = fd;
    this.#codec = codec;
    this.header = header;
    this.#end = end;
  }

  /** Begins the journal of a snapback; when this is settled, its header is on stable storage. */
  static async create(path: string, header: StreamHeader, codec: FrameCodec): Promise<Journal> {
    const fd = openSync(partialPath(path), constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    const journal = new Journal(path, fd, codec, header, 0);
    await journal.#append(encodeHeader(header));
    await journal.#append(FIRST_LINE_FRAME);
    await journal.flush();
    syncFolder(path);
    return journal;
  }

  /**
   * Takes up a journal that was left unfinished, and cuts it behind its last whole frame. Returns undefined, and
   * removes it, when not even its header is whole: then nothing has been written to the device.
   * Whoever passes `onBatch` sees what is recorded.
   */
  static async resume(
    path: string,
    codec: FrameCodec,
    onBatch: (batch: RecordBatch) => void,
  ): Promise<Journal | undefined> {
    const fd = openSync(partialPath(path), constants.O_RDWR);
    const found = await scanJournal(fd, path, codec, onBatch);
    if (!found) {
      closeSync(fd);
      unlinkSync(partialPath(path));
      return undefined;
    }
    ftruncateSync(fd, found.end);
    return new Journal(path, fd, codec, found.header, found.end);
  }

  /** Shows what is recorded, once more. */
  async review(onBatch: (batch: RecordBatch) => void): Promise<void> {
    await scanJournal(this.#fd, this.#path, this.#codec, onBatch);
  }

  /** Adds pre-images. Takes over the batch. */
  async add(batch: RecordBatch): Promise<void> {
    const frames = batch.kind === 'zeros' ? Promise.resolve(zeroFrames(batch)) : this.#compress(batch);
    frames.catch(() => undefined);
    this.#pending.push({ batch, frames });
    if (this.#pending.length >= this.#codec.depth) await this.#writeOldest();
  }

  /** All that was added is on stable storage when this is settled. */
  async flush(): Promise<void> {
    while (this.#pending.length > 0) await this.#writeOldest();
    await syncAsync(this.#fd);
  }

  /**
   * Makes the journal a snapback under its final name: adds the index with the digests of what `target` holds now,
   * and what `close` says at the end. Throws `RefusedError` when a file of that name has come up meanwhile.
   */
  async finish(target: RandomAccessReader, close: (closing: Closing) => Closing): Promise<Closing> {
    await this.flush();
    const closing = await this.#appendIndex(target, close);
    await this.flush();
    closeSync(this.#fd);
    giveName(partialPath(this.#path), this.#path, false);
    return closing;
  }

  /** Leaves the journal as it is, to be taken up again. */
  close(): void {
    closeSync(this.#fd);
  }

  /** Removes a journal on whose account nothing has been written to the device. */
  discard(): void {
    closeSync(this.#fd);
    unlinkSync(partialPath(this.#path));
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
    const { frames } = this.#pending.shift()!;
    for (const frame of await frames) {
      await this.#append(frame);
      this.#rooms.give(frame.buffer);
    }
  }

  async #append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += await this.#writeSome(bytes.subarray(done), this.#end + done);
    }
    this.#end += bytes.length;
  }

  async #writeSome(bytes: Uint8Array, position: number): Promise<number> {
    try {
      return (await writeAsync(this.#fd, bytes, 0, bytes.length, position)).bytesWritten;
    } catch (cause) {
      const hint = 'make room and run the same command again: it goes on where it stopped';
      throw new DeviceError(`${partialPath(this.#path)}: can't be written: ${(cause as Error).message}`, {
        cause,
        hint,
      });
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
    await this.#append(seekTable.encode());
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

/** Reads a journal up to its first frame that is not whole; undefined when that is the header or the first line. */
async function scanJournal(
  fd: number,
  path: string,
  codec: FrameCodec,
  onBatch: (batch: RecordBatch) => void,
) {
  let end = 0;
  let header: StreamHeader | undefined;
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
  }
  return header && { header, end };
}

/** Zero ranges without the zero frame behind them are no whole unit. */
function endsUnit({ entry }: ReadFrame): boolean {
  return entry.kind !== FRAME_KINDS.zeroRanges;
}

function openJournal(fd: number, path: string, codec: FrameCodec): Promise<LvsReader> {
  const { size } = fstatSync(fd);
  let position = 0;
  const readInto = async (target: Uint8Array) => {
    const { bytesRead } = await readAsync(fd, target, 0, Math.min(target.length, size - position), position);
    position += bytesRead;
    return bytesRead;
  };
  return LvsReader.open(new ByteReader({ readInto }), codec).catch((cause: unknown) => {
    throw cause instanceof FormatError
      ? cause
      : new DeviceError(`${partialPath(path)}: can't be read`, { cause });
  });
}
