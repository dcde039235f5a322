import { constants, fdatasync, fstatSync, ftruncateSync, unlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import type { RangeReader } from '../algebra/random-access.js';
import { DeviceError, FormatError, LvstreamError, reason } from '../errors.js';
import { release, writeSomeAsync } from '../files/descriptor.js';
import { giveName, syncFolder } from '../files/sink.js';
import { releaseBatch, type RecordBatch } from '../format/batch.js';
import type { Closing } from '../format/lvs/maps/closing.js';
import type { FrameCodec } from '../format/frame-codec.js';
import { CompressionQueue } from '../format/lvs/frames/compression-queue.js';
import { FIRST_LINE_FRAME } from '../format/first-line.js';
import { FRAME_KINDS } from '../format/lvs/index/frame-entry.js';
import { encodeHeader, type StreamHeader } from '../format/lvs/maps/header.js';
import { IndexWriter } from '../format/lvs/index/index-writer.js';
import { LvsReader } from '../format/lvs/reader.js';
import { encodeMark } from '../format/lvs/mark.js';
import { encodeZeroFrame, encodeZeroRanges } from '../format/lvs/frames/zero-frame.js';
import { createPieceDigester } from '../compare/digest-pieces.js';
import { readMark, refuseLost, refuseUnlessBegun, type IsHeld } from './journal-damage.js';
import { attempt } from '../device/image.js';
import { settle } from '../device/medium.js';
import { openPartial, partialPath, readPartial, type PartialFile } from './partial-file.js';

const syncAsync = promisify(fdatasync);

/** Who takes up a journal. */
interface Resumption {
  /** Sees what is recorded; the batches stay the journal's. */
  readonly onBatch: (batch: RecordBatch) => Promise<void>;
  /** Is asked of what stands behind a damage that a power cut may have left. */
  readonly isHeld: IsHeld;
  /** For a dry run: nothing is cut or removed. */
  readonly keep?: boolean;
}

/** An unfinished snapback (§6.4): header, first line and frames of pre-images; nothing is lost of what `flush` saw. */
export class Journal {
  readonly header: StreamHeader;
  #path: string;
  #file: PartialFile;
  readonly #codec: FrameCodec;
  readonly #queue: CompressionQueue<undefined>;
  #end: number;
  /** So much is on stable storage. */
  #synced: number;
  /** A mark is the last thing written. */
  #isMarked = false;
  #isOpen = true;

  private constructor(path: string, file: PartialFile, codec: FrameCodec, header: StreamHeader, end: number) {
    this.#path = path;
    this.#file = file;
    this.#codec = codec;
    this.#queue = new CompressionQueue(codec, ({ frame }) => this.#addUnit([frame]));
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
    const file = openPartial(path, constants.O_CREAT | constants.O_EXCL);
    const journal = new Journal(path, file, codec, header, 0);
    await journal.#append(frame);
    await journal.#append(FIRST_LINE_FRAME);
    await journal.flush();
    syncFolder(path);
    return journal;
  }

  /**
   * Takes up a journal that was left unfinished, and cuts it behind its last whole frame; what is left of it is on stable
   * storage when this is settled. Returns undefined, and removes it, when it ends before its first record: then nothing
   * has been written to the device. Throws `RefusedError` of a file that is no journal, or one that is damaged before its
   * end: it stays as it is.
   */
  static async resume(
    path: string,
    codec: FrameCodec,
    { onBatch, isHeld, keep = false }: Resumption,
  ): Promise<Journal | undefined> {
    const file = openPartial(path);
    try {
      settle(file);
      const { header, end, fault } = await scanJournal(file, codec, onBatch);
      const isFinished = !fault && fstatSync(file.fd).nlink > 1;
      if (header && !isFinished) {
        await refuseLost(file, codec, end, isHeld);
        if (!keep) cutAt(file, end);
        return new Journal(path, file, codec, header, end);
      }
      if (!isFinished) await refuseUnlessBegun(file, fault);
    } catch (error) {
      release(file.fd);
      throw error;
    }
    release(file.fd);
    if (!keep)
      attempt(`${file.name}: can't be removed`, () => {
        unlinkSync(file.name);
      });
    return undefined;
  }

  /** Shows what is recorded, once more. */
  async review(onBatch: (batch: RecordBatch) => Promise<void>): Promise<void> {
    await scanJournal(this.#file, this.#codec, onBatch);
  }

  /** Adds pre-images. Takes over the batch. */
  async add(batch: RecordBatch): Promise<void> {
    if (batch.kind === 'data') await this.#queue.add(batch, 0, undefined);
    else {
      await this.#queue.drain();
      await this.#addUnit([encodeZeroRanges(batch.ranges), encodeZeroFrame(batch.ranges)]);
    }
  }

  /** All that was added is on stable storage when this is settled. */
  async flush(): Promise<void> {
    await this.#queue.drain();
    await this.#sync();
    await this.#mark();
  }

  /** What a failed sync may have lost is cut off: the kernel says so once, and calls it stored the next time. */
  async #sync(): Promise<void> {
    await this.#attempt("can't be put on stable storage", async () => {
      try {
        await syncAsync(this.#file.fd);
      } catch (error) {
        ftruncateSync(this.#file.fd, this.#synced);
        throw error;
      }
    });
    this.#synced = this.#end;
  }

  /** Says of all before that it is on stable storage; the mark itself need not be: without it less is known. */
  async #mark(): Promise<void> {
    await this.#append(encodeMark({ position: this.#end, synced: this.#synced }));
    this.#isMarked = true;
  }

  /**
   * Makes the journal a snapback under its final name: adds the index with the digests of what `target` holds now,
   * and what `close` says at the end. Throws `RefusedError` when a file of that name has come up meanwhile.
   */
  async finish(target: RangeReader, close: (closing: Closing) => Closing): Promise<Closing> {
    await this.flush();
    const closing = await this.#appendIndex(target, close);
    await this.#sync();
    this.close();
    await this.#attempt(`can't be renamed to ${this.#path}`, async () => {
      giveName(this.#file.name, this.#path, false);
    });
    return closing;
  }

  /** Gives the journal another name in its folder, on stable storage. Throws `RefusedError` if there is such a file. */
  async rename(path: string): Promise<void> {
    const name = partialPath(path);
    await this.#attempt(`can't be renamed to ${name}`, async () => {
      giveName(this.#file.name, name, false);
    });
    this.#file = { ...this.#file, name };
    this.#path = path;
  }

  /** Leaves the journal as it is, to be taken up again. A second call does nothing. */
  close(): void {
    if (this.#isOpen) release(this.#file.fd);
    this.#isOpen = false;
  }

  /** Frames that are of use together alone, behind a mark. */
  async #addUnit(frames: readonly Uint8Array[]): Promise<void> {
    if (!this.#isMarked) await this.#mark();
    for (const frame of frames) await this.#append(frame);
    this.#isMarked = false;
  }

  async #append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += await this.#writeSome(bytes.subarray(done), this.#end + done);
    }
    this.#end += bytes.length;
  }

  #writeSome(bytes: Uint8Array, position: number): Promise<number> {
    return this.#attempt("can't be written", () => writeSomeAsync(this.#file.fd, bytes, position));
  }

  async #attempt<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (cause instanceof LvstreamError) throw cause;
      const hint = 'make room and run the same command again: it goes on where it stopped';
      throw new DeviceError(`${this.#file.name}: ${what}: ${reason(cause)}`, { cause, hint });
    }
  }

  async #appendIndex(target: RangeReader, close: (closing: Closing) => Closing): Promise<Closing> {
    const index = new IndexWriter((bytes) => this.#append(bytes), this.#codec, true, true);
    const dataEnd = this.#end;
    const digestPieces = createPieceDigester(target, this.#codec);
    const reader = await LvsReader.open(readPartial(this.#file, 0), this.#codec);
    for await (const { position, entry, batch } of reader.frames()) {
      const isFull = index.list(entry, batch && (await digestPieces(batch)));
      if (batch) releaseBatch(batch);
      if (isFull) await index.writePage(this.#end);
      if (position + entry.frameSize === dataEnd) break;
    }
    const order = reader.foundOrder() === 'sorted' ? 'sorted' : undefined;
    const closing = close({ ...reader.totals(), digest: reader.takeDigest(), order });
    await index.finish(closing);
    return closing;
  }
}

/** What a journal holds up to its first frame that is not whole. */
interface Scanned {
  /** Undefined where the header or the first line is not whole. */
  readonly header: StreamHeader | undefined;
  /** End of the last whole unit. */
  readonly end: number;
  /** Undefined of a finished snapback. */
  readonly fault: FormatError | undefined;
}

/** What stands behind is not whole, and must not stand there when more is written. */
function cutAt({ fd, name }: PartialFile, end: number): void {
  attempt(`${name}: can't be cut at byte ${end}`, () => {
    ftruncateSync(fd, end);
  });
}

async function scanJournal(
  file: PartialFile,
  codec: FrameCodec,
  onBatch: (batch: RecordBatch) => Promise<void>,
): Promise<Scanned> {
  let scanned: Scanned = { header: undefined, end: 0, fault: undefined };
  try {
    const reader = await LvsReader.open(readPartial(file, 0), codec);
    for await (const { position, entry, batch } of reader.frames()) {
      const end = position + entry.frameSize;
      if (entry.kind === FRAME_KINDS.firstLine) scanned = { ...scanned, header: reader.header };
      if (entry.kind === FRAME_KINDS.other) await checkMark(file, position);
      // Zero ranges without the zero frame behind them are no whole unit.
      if (entry.kind !== FRAME_KINDS.zeroRanges) scanned = { ...scanned, end };
      if (!batch) continue;
      await onBatch(batch);
      releaseBatch(batch);
    }
  } catch (fault) {
    if (!(fault instanceof FormatError)) throw fault;
    scanned = { ...scanned, fault };
  }
  return scanned;
}

/** Readers pass over the frame of a mark unseen; one that says another length would hide what stands behind it. */
async function checkMark(file: PartialFile, position: number): Promise<void> {
  if (!(await readMark(file, position))) throw new FormatError('frame-corrupt', position, 'a damaged mark');
}
