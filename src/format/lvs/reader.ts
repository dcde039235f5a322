import { FormatError } from '../../errors.js';
import { countRecords, createBufferPool, encodedSize, type BufferPool, type RecordBatch } from '../batch.js';
import type { Range } from '../../ranges/range.js';
import type { ByteReader } from '../byte-reader.js';
import { findContradiction, findDifferentTotal, type Closing, type Totals } from './maps/closing.js';
import type { DecodedFrame, FrameCodec, Sha256 } from '../frame-codec.js';
import { EntryLog } from './index/entry-log.js';
import { FIRST_LINE_BYTES } from '../first-line.js';
import { encodeEntry, FRAME_KINDS, type FrameEntry, type FrameKind } from './index/frame-entry.js';
import { queueFrames } from './frames/frame-queue.js';
import { concatenated, FrameScanner, type BegunFrame, type ScannedFrame } from './frames/frame-scanner.js';
import type { Order, StreamHeader } from './maps/header.js';
import { equalBytes } from './maps/identifier.js';
import { decodePage, encodePageReference, type IndexPage, type LastPage } from './index/index-page.js';
import { ENTRY_SIZE, FRAME_ROOM, HEADER_MAGIC, MAX_FRAMES, PIECE_SIZE } from '../layout.js';
import { decodeMapRanges, MapRangeTally } from './index/map-ranges.js';
import { declaredSize, OrderCheck } from './order-check.js';
import { checkEntry, checkPieces } from './index/page-checks.js';
import { countPieces } from '../pieces.js';
import { hashSeekTable, SeekTableDigest } from './index/seek-table.js';
import { takeHeader, type TakenHeader } from './take-header.js';
import { parseContent, type OpenRecord } from '../segments.js';
import { viewOf } from '../view.js';
import { StreamDigest, updateDigestOfZeros } from '../stream-digest.js';
import { Tally, type Extremes } from '../totals.js';

/** A frame as an index lists it, and the records in it where it has any. */
export interface ReadFrame {
  readonly position: number;
  readonly entry: FrameEntry;
  readonly batch: RecordBatch | undefined;
}

/** The ranges of a map in an index page that has passed. */
interface ReadPage {
  readonly ranges: Iterable<Range>;
}

/** How a file is read. */
export interface ReadingOptions {
  /** The whole file has just been read and checked: frames need only be sound by themselves, and nothing is hashed again. */
  readonly checked?: boolean | undefined;
  /** Bytes of memory of the frames that are decoded ahead, where many files are read at once. */
  readonly readAhead?: number | undefined;
}

/** What a reader works with. */
interface Parts {
  readonly reader: ByteReader;
  readonly codec: FrameCodec;
  readonly scanner: FrameScanner;
  readonly frames: BufferPool;
  readonly options: ReadingOptions;
}

const NOWHERE: Extremes = { low: 0, high: 0 };

/**
 * Reads an `.lvs` file front to back and checks all of it (§10): what it yields has been decoded and found in
 * order, and the file has proven whole once the last batch has been followed by the end of the iteration.
 */
export class LvsReader {
  /** What the file says of itself. */
  readonly header: StreamHeader;
  readonly #headerFrame: ScannedFrame;
  readonly #reader: ByteReader;
  readonly #codec: FrameCodec;
  readonly #isChecked: boolean;
  readonly #readAhead: number | undefined;
  readonly #scanner: FrameScanner;
  readonly #frames: BufferPool;
  readonly #contents = createBufferPool(FRAME_ROOM);
  readonly #digest: StreamDigest;
  readonly #tally = new Tally();
  readonly #order: OrderCheck;
  readonly #mapRanges: MapRangeTally;
  readonly #unlisted = new EntryLog();
  readonly #seekTable: SeekTableDigest;
  /** Of the table of the pages so far. */
  readonly #pageTable: Sha256;
  #pages = 0;
  #listed = 0;
  #last: LastPage | undefined;
  #openRecord: OpenRecord | undefined;

  private constructor({ reader, codec, scanner, frames, options }: Parts, { header, frame }: TakenHeader) {
    this.header = header;
    this.#headerFrame = frame;
    this.#reader = reader;
    this.#codec = codec;
    this.#isChecked = options.checked === true;
    this.#readAhead = options.readAhead;
    this.#scanner = scanner;
    this.#frames = frames;
    this.#digest = new StreamDigest(codec);
    this.#seekTable = new SeekTableDigest(codec.startSha256());
    this.#pageTable = codec.startSha256();
    this.#order = new OrderCheck(header, codec.openScratch);
    this.#mapRanges = new MapRangeTally(declaredSize(header));
  }

  /**
   * Reads the header of the file that begins at the reader's position. Of one that is `checked` nothing is held against the
   * index again.
   */
  static async open(reader: ByteReader, codec: FrameCodec, options: ReadingOptions = {}): Promise<LvsReader> {
    const frames = createBufferPool(FRAME_ROOM);
    const scanner = new FrameScanner(reader, frames);
    return new LvsReader({ reader, codec, scanner, frames, options }, await takeHeader(scanner));
  }

  /** What the file says at its end; to be asked for when `batches` has ended. */
  get closing(): Closing {
    if (!this.#last) throw new Error('the closing map was asked for before the end of the stream');
    return this.#last.closing;
  }

  /** The records in order. Throws `FormatError` at the first fault, after all that is whole before it. */
  async *batches(): AsyncGenerator<RecordBatch> {
    for await (const { batch } of this.frames()) {
      if (batch) yield batch;
    }
  }

  /** The frames that an index lists, in order, with the records in them; throws as `batches` does. */
  async *frames(): AsyncGenerator<ReadFrame> {
    for await (const read of this.#read()) if ('entry' in read) yield read;
  }

  /** The ranges of a map, those of a page once it has passed (§4.8) and until the next is asked for; throws as `batches` does, whose place it takes. */
  async *ranges(): AsyncGenerator<Iterable<Range>> {
    for await (const read of this.#read()) if ('ranges' in read) yield read.ranges;
  }

  async *#read(): AsyncGenerator<ReadFrame | ReadPage> {
    yield this.#list(this.#headerFrame, 'header', 0);
    const admit = (frame: BegunFrame) => this.#admit(frame);
    const options = { hashes: !this.#isChecked, contents: this.#contents, readAhead: this.#readAhead };
    try {
      for await (const { frame, decoded } of queueFrames(this.#scanner, this.#codec, options, admit)) {
        const read = await this.#settle(frame, decoded);
        if (read) yield read;
      }
    } finally {
      this.#order.close();
    }
  }

  /** What has been counted so far. */
  totals(): Totals {
    return this.#tally.totals();
  }

  /** The order that has been found so far. */
  foundOrder(): Order {
    return this.#tally.order();
  }

  /** The digest of what has been read; ends the reading. */
  takeDigest(): Uint8Array {
    return this.#digest.digest();
  }

  /** §4.8: whether a frame of this kind may stand here. */
  #admit({ kind, position }: BegunFrame): void {
    if ((this.#last !== undefined) !== (kind === 'seekTable')) {
      throw new FormatError('seek-table', position, 'the seek table does not follow the last index page');
    }
    if (this.header.kind === 'map' && (kind === 'data' || kind === 'zeroRanges')) {
      throw new FormatError('map-ranges', position, 'a map that holds data');
    }
    if (kind === 'zeroRanges') this.#refuseOpenRecord(position, 'zeros');
    if (kind !== 'seekTable' && this.#seekTable.count >= MAX_FRAMES) {
      throw new FormatError('frame-size', position, 'more frames than a file may have');
    }
  }

  async #settle(
    frame: ScannedFrame,
    decoded: DecodedFrame | undefined,
  ): Promise<ReadFrame | ReadPage | undefined> {
    switch (frame.kind) {
      case 'data':
        return this.#settleData(frame.position, decoded!);
      case 'zeros':
        return this.#settleZeros(frame);
      case 'page':
        return this.#settlePage(frame);
      case 'seekTable':
        return this.#settleSeekTable(frame);
      case 'zeroRanges':
        this.#admitZeros(frame);
        return this.#list(frame, 'zeroRanges', 0);
      case 'firstLine':
        this.#digest.update(FIRST_LINE_BYTES);
        return this.#list(frame, 'firstLine', FIRST_LINE_BYTES.length);
      default:
        return this.#list(frame, frame.kind, 0);
    }
  }

  #settleData(position: number, { content, frame, sha256, blocks }: DecodedFrame): ReadFrame {
    if (!content) throw new FormatError('frame-corrupt', position, 'a damaged zstd frame');
    this.#frames.give(frame.buffer);
    const { batch, rest } = parseContent(content, {
      pool: this.#contents,
      open: this.#openRecord,
      position,
      admit: (offset, length, at) => {
        this.#order.admit(offset, length, at);
      },
    });
    this.#openRecord = rest;
    this.#checkCut(rest, position);
    const extremes = this.#tally.add(batch);
    if (!this.#isChecked) this.#digest.submit(content)(blocks);
    const { continues, open } = batch;
    const sizes = { frameSize: frame.length, contentSize: content.length };
    const counts = { records: countRecords(batch), ...sizes, ...extremes };
    return this.#note({ kind: FRAME_KINDS.data, continues, open, ...counts, sha256 }, position, batch);
  }

  #admitZeros({ position, ranges, fault }: Extract<ScannedFrame, { kind: 'zeroRanges' }>): void {
    for (const { offset, length } of ranges) this.#order.admit(offset, length, position);
    if (fault) throw fault;
  }

  #settleZeros(frame: Extract<ScannedFrame, { kind: 'zeros' }>): ReadFrame {
    const batch: RecordBatch = { kind: 'zeros', ranges: frame.ranges };
    const extremes = this.#tally.add(batch);
    if (!this.#isChecked) updateDigestOfZeros(this.#digest, batch);
    return this.#list(frame, 'zeros', encodedSize(batch), extremes, batch);
  }

  #list(
    frame: ScannedFrame,
    kind: FrameKind,
    contentSize: number,
    extremes = NOWHERE,
    batch?: RecordBatch,
  ): ReadFrame {
    const sizes = { frameSize: frame.bytes.length, contentSize, continues: false, open: false };
    const counts = { records: batch ? countRecords(batch) : 0, ...sizes, ...extremes };
    const sha256 = this.#codec.sha256(frame.bytes);
    return this.#note({ kind: FRAME_KINDS[kind], ...counts, sha256 }, frame.position, batch);
  }

  #note(entry: FrameEntry, position: number, batch: RecordBatch | undefined): ReadFrame {
    if (!this.#isChecked) {
      this.#unlisted.push(encodeEntry(entry), position, batch ? countPieces(batch) : 0);
      this.#seekTable.add(entry.frameSize, entry.contentSize);
    }
    return { position, entry, batch };
  }

  #settlePage({ bytes, position }: ScannedFrame): ReadPage {
    const page = decodePage(bytes, position);
    const ranges = page.ranges ? decodeMapRanges(page.ranges) : [];
    if (this.#isChecked) {
      this.#last = page.last;
      return { ranges };
    }
    this.#checkPage(page, position);
    this.#checkEntries(page, position);
    this.#mapRanges.addAll(ranges, position);
    this.#seekTable.add(bytes.length, 0);
    if (page.isLast) this.#settleLastPage(page, position);
    else this.#notePage(bytes, position);
    return { ranges };
  }

  #notePage(bytes: Uint8Array, position: number): void {
    const reference = { position, size: bytes.length, sha256: this.#codec.sha256(bytes) };
    this.#pageTable.update(encodePageReference(reference));
    this.#pages++;
  }

  #checkPage({ number, first, entries, pieces, ranges }: IndexPage, position: number): void {
    if ((pieces !== undefined) !== (this.header.baseDigests === true)) {
      throw new FormatError(
        'piece-digests',
        position,
        'piece digests where the header promises none, or the reverse',
      );
    }
    if ((ranges !== undefined) !== (this.header.kind === 'map')) {
      throw new FormatError(
        'map-ranges',
        position,
        'ranges of a map in another kind of stream, or the reverse',
      );
    }
    const tooMany = entries.length / ENTRY_SIZE > this.#unlisted.count;
    if (number !== this.#pages || first !== this.#listed || tooMany) {
      throw new FormatError('page-sequence', position, `index page ${number} out of turn`);
    }
  }

  #checkEntries({ entries, pieces }: IndexPage, position: number): void {
    const count = entries.length / ENTRY_SIZE;
    const counts: number[] = [];
    for (let i = 0; i < count; i++) {
      const frame = this.#unlisted.shift();
      checkEntry(frame, entries.subarray(i * ENTRY_SIZE, (i + 1) * ENTRY_SIZE), position);
      counts.push(frame.pieces);
    }
    if (pieces) checkPieces(pieces, counts, position);
    this.#listed += count;
  }

  #settleLastPage(page: IndexPage, position: number): void {
    this.#refuseOpenRecord(position, 'the end');
    if (this.#unlisted.count > 0) {
      throw new FormatError(
        'unlisted-frame',
        this.#unlisted.shift().position,
        'a frame that no index page lists',
      );
    }
    const last = page.last!;
    if (!equalBytes(this.#codec.sha256(last.table), this.#pageTable.digest())) {
      throw new FormatError('page-table', position, 'the table of index pages does not fit the file');
    }
    this.#checkClosing(last.closing, position);
    this.#last = last;
  }

  #checkClosing(closing: Closing, position: number): void {
    const contradiction = findContradiction(this.header, closing);
    if (contradiction) throw new FormatError('closing-map', position, `the closing map ${contradiction}`);
    const isMap = this.header.kind === 'map';
    const totals = { ...this.#tally.totals(), ...(isMap && this.#mapRanges.totals()) };
    const different = findDifferentTotal(closing, totals);
    if (different)
      throw new FormatError('totals', position, `the closing map's ${different} is not the file's`);
    if (closing.digest && !equalBytes(closing.digest, this.#digest.digest())) {
      throw new FormatError('stream-digest', position, 'the stream does not match its digest');
    }
    if (closing.order === 'sorted' && this.#tally.order() !== 'sorted') {
      throw new FormatError('order', position, 'the closing map calls a stream sorted that is not');
    }
  }

  async #settleSeekTable(frame: ScannedFrame): Promise<undefined> {
    if (this.#isChecked) return;
    const held = await hashSeekTable(this.#reader, this.#codec.startSha256(), this.#seekTable.count);
    if (!this.#last || !equalBytes(held, this.#seekTable.digest())) {
      throw new FormatError('seek-table', frame.position, 'the seek table does not fit the file');
    }
    const end = this.#reader.position;
    if ((await this.#reader.peek(1)).length > 0) throw trailing(end, await this.#reader.peek(4));
  }

  /** §4.6.2: pieces never lie across two frames. */
  #checkCut(rest: OpenRecord | undefined, position: number): void {
    if (this.header.baseDigests !== true || !rest || rest.offset % PIECE_SIZE === 0) return;
    throw new FormatError('piece-digests', position, 'a record with piece digests is cut inside a piece');
  }

  #refuseOpenRecord(position: number, what: string): void {
    if (!this.#openRecord) return;
    throw new FormatError('record-open', position, `${what} where a record of an earlier frame should go on`);
  }
}

function trailing(position: number, start: Uint8Array): FormatError {
  if (start.length === 4 && viewOf(start).getUint32(0, true) === HEADER_MAGIC) return concatenated(position);
  return new FormatError('trailing-data', position, 'the file goes on behind its seek table');
}
