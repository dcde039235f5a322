import { countRecords, type DataBatch, encodedSize, type RecordBatch, type ZeroBatch } from '../batch.js';
import type { Range } from '../../ranges/range.js';
import type { Closing } from './maps/closing.js';
import type { CodedFrame, FrameCodec } from '../frame-codec.js';
import { CompressionQueue } from './frames/compression-queue.js';
import { FIRST_LINE_BYTES, FIRST_LINE_FRAME } from '../first-line.js';
import { FRAME_KINDS, type FrameEntry } from './index/frame-entry.js';
import { IndexWriter } from './index/index-writer.js';
import { encodeHeader, type StreamHeader } from './maps/header.js';
import { MapPageDraft, MapRangeTally } from './index/map-ranges.js';
import { declaredSize } from './order-check.js';
import { StreamDigest, updateDigestOfZeros, type Fold } from '../stream-digest.js';
import { Tally, type Extremes } from '../totals.js';
import { encodeZeroFrame, encodeZeroRanges } from './frames/zero-frame.js';

/** Where a stream's bytes go. */
export interface ByteSink {
  /** Takes all of `bytes`; they may be used again once the promise is settled. */
  write(bytes: Uint8Array): Promise<void>;
}

/** What the writer's user adds to the closing map. */
export type ClosingExtras = Pick<
  Closing,
  'base' | 'result' | 'undoes' | 'consistent' | 'endTime' | 'unknown'
>;

/** The same, where it depends on the stream's digest; asked when all has been taken in. */
export type TellExtras = (digest: Uint8Array) => ClosingExtras;

export interface WriterOptions {
  /** The file tells the digest of its stream, and counts its runs (§4.6.5). One that has an id may leave both out. */
  readonly digest?: boolean | undefined;
}

/** The ranges of a map: those for the next page, and what has been counted. */
interface MapRanges {
  readonly draft: MapPageDraft;
  readonly tally: MapRangeTally;
}

/** What it takes to list a frame once it is compressed. */
interface Listing {
  readonly fold: Fold | undefined;
  readonly extremes: Extremes;
}

const NOWHERE: Extremes = { low: 0, high: 0 };

/**
 * Writes an `.lvs` file (§4): start, then batches, of a map its ranges, then finish. Batches are compressed several at
 * a time and written in order. Takes over the batches that it is given.
 */
export class LvsWriter {
  readonly #sink: ByteSink;
  readonly #codec: FrameCodec;
  readonly #header: StreamHeader;
  readonly #index: IndexWriter;
  readonly #digest: StreamDigest | undefined;
  readonly #tally = new Tally();
  readonly #map: MapRanges | undefined;
  readonly #queue: CompressionQueue<Listing>;
  #position = 0;

  constructor(
    sink: ByteSink,
    codec: FrameCodec,
    header: StreamHeader,
    { digest = true }: WriterOptions = {},
  ) {
    this.#sink = sink;
    this.#codec = codec;
    this.#header = header;
    this.#index = new IndexWriter((bytes) => this.#append(bytes), codec, header.baseDigests === true);
    this.#queue = new CompressionQueue(codec, (coded, batch, listing) =>
      this.#placeData(coded, batch, listing),
    );
    this.#digest = digest ? new StreamDigest(codec) : undefined;
    if (header.kind === 'map')
      this.#map = { draft: new MapPageDraft(), tally: new MapRangeTally(declaredSize(header)) };
  }

  /** Bytes of the file so far. */
  get position(): number {
    return this.#position;
  }

  /** Writes the header and the first line. */
  async start(): Promise<void> {
    const header = encodeHeader(this.#header);
    await this.#place(header, this.#describe(header, FRAME_KINDS.header, 0));
    this.#digest?.update(FIRST_LINE_BYTES);
    const size = FIRST_LINE_BYTES.length;
    await this.#place(FIRST_LINE_FRAME, this.#describe(FIRST_LINE_FRAME, FRAME_KINDS.firstLine, size));
  }

  /** Adds ranges of a map: ascending, no two of them touching, inside the device. Waits while pages are written. */
  async addRanges(ranges: Iterable<Range>): Promise<void> {
    if (!this.#map) throw new Error('ranges are for maps only');
    const { draft, tally } = this.#map;
    for (const range of ranges) {
      if (draft.isFull) await this.#writePage();
      const fault = tally.add(range);
      if (fault) throw new Error(`a map may not have the range at ${range.offset} (${fault})`);
      draft.add(range);
    }
  }

  /** Adds a batch; waits while too many are under way. */
  async add(batch: RecordBatch): Promise<void> {
    if (this.#map) throw new Error('a map holds no data');
    if (batch.kind === 'zeros') return this.#addZeros(batch);
    const extremes = this.#tally.add(batch);
    const streamPosition = this.#digest?.position;
    const fold = this.#digest?.submit(batch.bytes);
    await this.#queue.add(batch, streamPosition, { fold, extremes });
  }

  /** All batches that were added have been given to the sink when this is settled. */
  drain(): Promise<void> {
    return this.#queue.drain();
  }

  /** Writes the last index page and the seek table and returns what the file says at its end. */
  async finish(extras: ClosingExtras | TellExtras = {}): Promise<Closing> {
    await this.drain();
    const digest = this.#digest?.digest();
    const found = this.#tally.order();
    const order = found === 'sorted' && this.#header.order !== 'sorted' ? found : undefined;
    const totals = { ...this.#tally.totals(), ...this.#map?.tally.totals() };
    const { runs } = digest ? totals : {};
    const closing: Closing = { ...totals, runs, digest, order, ...tell(extras, digest) };
    await this.#index.finish(closing, this.#map?.draft.take());
    return closing;
  }

  async #addZeros(batch: ZeroBatch): Promise<void> {
    await this.drain();
    const ranges = encodeZeroRanges(batch.ranges);
    await this.#place(ranges, this.#describe(ranges, FRAME_KINDS.zeroRanges, 0));
    const extremes = this.#tally.add(batch);
    if (this.#digest) updateDigestOfZeros(this.#digest, batch);
    const frame = encodeZeroFrame(batch.ranges);
    const contentSize = encodedSize(batch);
    const entry = this.#describe(frame, FRAME_KINDS.zeros, contentSize, extremes, countRecords(batch));
    await this.#place(frame, entry, batch.pieces);
  }

  async #placeData(
    { frame, content, sha256, blocks }: CodedFrame,
    batch: DataBatch,
    { fold, extremes }: Listing,
  ): Promise<void> {
    fold?.(blocks);
    const { continues, open } = batch;
    const records = countRecords(batch);
    const sizes = { frameSize: frame.length, contentSize: content.length };
    const entry = { kind: FRAME_KINDS.data, continues, open, records, ...sizes, ...extremes, sha256 };
    await this.#place(frame, entry, batch.pieces);
  }

  #describe(
    frame: Uint8Array,
    kind: number,
    contentSize: number,
    extremes = NOWHERE,
    records = 0,
  ): FrameEntry {
    const sha256 = this.#codec.sha256(frame);
    return {
      kind,
      continues: false,
      open: false,
      records,
      frameSize: frame.length,
      contentSize,
      ...extremes,
      sha256,
    };
  }

  async #place(frame: Uint8Array, entry: FrameEntry, pieces?: Uint8Array): Promise<void> {
    await this.#append(frame);
    if (this.#index.list(entry, pieces)) await this.#writePage();
  }

  async #writePage(): Promise<void> {
    await this.#index.writePage(this.#position, this.#map?.draft.take());
  }

  async #append(bytes: Uint8Array): Promise<void> {
    await this.#sink.write(bytes);
    this.#position += bytes.length;
  }
}

function tell(extras: ClosingExtras | TellExtras, digest: Uint8Array | undefined): ClosingExtras {
  if (typeof extras !== 'function') return extras;
  if (!digest) throw new Error('a digest that nobody has counted is asked for');
  return extras(digest);
}
