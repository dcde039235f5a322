import { createHash } from 'node:crypto';
import type { Fault } from '#src/errors.js';
import { ascii, hex, join, sealed, sha256, skippable, toHex, u16, u32, u64 } from './bytes.js';
import { pack, toJson, type Value, type ValueMap } from './msgpack.js';
import { StreamHash, zerosDigest } from './stream-hash.js';
import { dataFrame, recordHeader, zeroFrame, zeroRangesBody, zeroRecords } from './zstd.js';

/** Makes `.lvs` files frame by frame, keeping the index that a right writer would have. Knows nothing of `src/`. */

export interface PlainRecord {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** The part of a record that stands in one frame; from 0 on with the record's header. */
export interface Part {
  readonly record: PlainRecord;
  readonly from: number;
  readonly to: number;
}

export interface Range {
  readonly offset: number;
  readonly length: number;
}

export type ExpectedRecord = readonly [offset: number, length: number, sha256: string];
export type Verdict = 'good' | { readonly fault: Fault; readonly position: number };

/** The fields of an index page (§4.6) before they are bytes: a scenario may change each. */
export interface PageFields {
  number: number;
  flags: number;
  first: number;
  entryCount: number;
  piecesSize: number;
  rangeCount: number;
  reserved: number;
  entries: Uint8Array[];
  pieces: Uint8Array;
  ranges: Uint8Array;
  /** Page table and closing map of the last page. */
  table: Uint8Array;
  closing: Uint8Array;
}

export interface PageChange {
  /** Lists only so many of the frames that are not listed yet. */
  readonly frames?: number;
  readonly ranges?: readonly Range[];
  readonly edit?: (fields: PageFields) => void;
  /** Done to the page's bytes when they have been sealed. */
  readonly spoil?: (page: Uint8Array) => Uint8Array;
}

export interface LastPageChange extends PageChange {
  readonly closing?: ValueMap;
  /** Takes keys out of the closing map. */
  readonly without?: readonly string[];
}

interface Entry {
  readonly kind: number;
  readonly flags?: number;
  readonly records?: number;
  readonly contentSize?: number;
  readonly low?: number;
  readonly high?: number;
  readonly pieces?: Uint8Array | undefined;
}

interface ListedFrame {
  readonly entry: Uint8Array;
  readonly pieces: Uint8Array;
}

export interface HeaderFields {
  readonly identification?: Uint8Array;
  readonly version?: number;
  readonly reserved?: number;
  readonly map: Uint8Array;
}

export const HEADER = 0x184d2a50;
export const PAGE = 0x184d2a51;
export const ZERO_RANGES = 0x184d2a52;
export const SEEK_TABLE = 0x184d2a5e;
export const SEEKABLE = 0x8f92eab1;

export const IDENTIFICATION = hex('894c56530d0a1a0a');
export const FIRST_LINE = ascii('lvmsync PROTO[3]\n');
export const FIRST_LINE_FRAME = hex('28b52ffd 24 11 890000 6c766d73796e632050524f544f5b335d0a f9dbf8ce');

/** A header frame (§4.2) with a checksum that fits. */
export function headerFrame({
  identification = IDENTIFICATION,
  version = 1,
  reserved = 0,
  map,
}: HeaderFields): Uint8Array {
  return sealed(HEADER, join(identification, u16(version), u16(reserved), map));
}

/** What the device held where a piece is; undefined where nobody knows. */
export type Base = (offset: number, length: number) => Uint8Array | undefined;

const none = new Uint8Array(0);
const part = (item: PlainRecord | Part): Part =>
  'record' in item ? item : { record: item, from: 0, to: item.data.length };

export class FileDraft {
  verdict: Verdict = 'good';
  readonly #header: ValueMap;
  readonly #base: Base | undefined;
  readonly #bytes: Uint8Array[] = [];
  readonly #frames: [size: number, contentSize: number][] = [];
  readonly #pages: [position: number, size: number, sha256: Uint8Array][] = [];
  readonly #digest = new StreamHash();
  readonly #records: ExpectedRecord[] = [];
  readonly #ranges: (readonly [number, number])[] = [];
  #unlisted: ListedFrame[] = [];
  #listed = 0;
  #position = 0;
  #previousEnd: number | undefined;
  #sums = { records: 0, runs: 0, data: 0, zeros: 0, low: Infinity, high: 0 };
  #released:
    { records: readonly ExpectedRecord[]; ranges: readonly (readonly [number, number])[] } | undefined;
  #closing: ValueMap | undefined;

  /** Begins with the header `map` says, or the given bytes in its place, and the first line. */
  constructor(map: ValueMap, options: { base?: Base; header?: Uint8Array; firstLine?: Uint8Array } = {}) {
    this.#header = map;
    this.#base = options.base;
    this.frame(options.header ?? headerFrame({ map: pack(map) }), { kind: 0 });
    this.#digest.update(FIRST_LINE);
    this.frame(options.firstLine ?? FIRST_LINE_FRAME, { kind: 1, contentSize: 17 });
  }

  /** Where the next frame will begin. */
  get position(): number {
    return this.#position;
  }

  get bytes(): Uint8Array {
    return join(...this.#bytes);
  }

  /** The stream digest of the records so far. */
  get digest(): Uint8Array {
    return this.#digest.digest();
  }

  /** What a reader has to find, as `expect.json` says it (§13). */
  get expectation(): Readonly<Record<string, unknown>> {
    const { records, ranges } = this.#released ?? { records: this.#records, ranges: this.#ranges };
    const maps = this.#closing && { header: toJson(this.#header), closing: toJson(this.#closing) };
    return {
      format: 'lvs',
      verdict: this.verdict,
      records: [...records],
      ...(this.#header['kind'] === 'map' ? { ranges: [...ranges] } : {}),
      ...(this.verdict === 'good' ? maps : {}),
    };
  }

  /** The file breaks a rule here: what comes later is not expected from a reader. */
  fault(fault: Fault, position = this.#position): void {
    this.verdict = { fault, position };
    this.#released = { records: [...this.#records], ranges: [...this.#ranges] };
  }

  /** Adds bytes that the seek table knows as one frame, and with an `entry` the index too. */
  frame(bytes: Uint8Array, entry?: Entry): void {
    this.#bytes.push(bytes);
    this.#position += bytes.length;
    this.#frames.push([bytes.length, entry?.contentSize ?? 0]);
    if (!entry) return;
    this.#unlisted.push({ entry: encodeEntry(bytes, entry), pieces: entry.pieces ?? none });
  }

  /** Adds bytes that no table knows. */
  stray(bytes: Uint8Array): void {
    this.#bytes.push(bytes);
    this.#position += bytes.length;
  }

  /** A data frame with these records or parts; `encode` and `pieces` in place of the usual ones. */
  data(
    items: readonly (PlainRecord | Part)[],
    {
      encode = dataFrame,
      pieces,
    }: { encode?: (content: Uint8Array) => Uint8Array; pieces?: Uint8Array } = {},
  ): void {
    const parts = items.map(part);
    const content = join(
      ...parts.flatMap((each) => [headOf(each), each.record.data.subarray(each.from, each.to)]),
    );
    const segments = parts.map(({ record, from, to }) => ({
      offset: record.offset + from,
      length: to - from,
    }));
    for (const each of parts) this.#count(each);
    this.#digest.update(content);
    const last = parts.at(-1)!;
    this.frame(encode(content), {
      kind: 2,
      flags: (parts[0]!.from > 0 ? 1 : 0) | (last.to < last.record.data.length ? 2 : 0),
      records: parts.filter(({ from }) => from === 0).length,
      contentSize: content.length,
      low: Math.min(...segments.map(({ offset }) => offset)),
      high: Math.max(...segments.map(({ offset, length }) => offset + length)),
      pieces: pieces ?? this.#piecesOf(segments),
    });
  }

  /** Zero ranges and their zero frame; `ranges` and `zeros` in place of the frames' usual bytes. */
  zeros(ranges: readonly Range[], instead: { frame?: Uint8Array; pieces?: Uint8Array } = {}): void {
    this.frame(sealed(ZERO_RANGES, zeroRangesBody(ranges)), { kind: 3 });
    const records = zeroRecords(ranges);
    for (const record of records) this.#countZeros(record);
    this.frame(instead.frame ?? zeroFrame(ranges), {
      kind: 4,
      records: records.length,
      contentSize: records.reduce((sum, { length }) => sum + 12 + length, 0),
      low: Math.min(...ranges.map(({ offset }) => offset)),
      high: Math.max(...ranges.map(({ offset, length }) => offset + length)),
      pieces: instead.pieces ?? this.#piecesOf(records),
    });
  }

  /** A skippable frame of another kind. */
  other(magic: number, payload: Uint8Array): void {
    this.frame(skippable(magic, payload), { kind: 5 });
  }

  /** An index page that lists what is not listed yet. */
  page(change: PageChange = {}): void {
    const page = this.#encodePage(change, false, none, none);
    this.#pages.push([this.#position, page.length, sha256(page)]);
    this.frame(page);
  }

  /** The last index page and the seek table. */
  finish(change: LastPageChange = {}, table: (table: Uint8Array) => Uint8Array = (same) => same): void {
    this.lastPage(change);
    this.stray(table(this.seekTable()));
  }

  lastPage(change: LastPageChange = {}): void {
    this.#addRanges(change.ranges);
    const closing = { ...this.#closingMap(), ...change.closing };
    const kept = Object.entries(closing).filter(([key]) => change.without?.includes(key) !== true);
    this.#closing = Object.fromEntries(kept);
    const rows = this.#pages.map(([position, size, digest]) =>
      join(u64(position), u32(size), u32(0), digest),
    );
    const tableBytes = join(u32(rows.length), u32(0), ...rows);
    this.frame(this.#encodePage({ ...change, ranges: [] }, true, tableBytes, pack(this.#closing)));
  }

  /** The seek table of the frames so far (§4.7). */
  seekTable(): Uint8Array {
    const entries = this.#frames.map(([size, contentSize]) => join(u32(size), u32(contentSize)));
    const footer = join(u32(entries.length), Uint8Array.of(0), u32(SEEKABLE));
    return skippable(SEEK_TABLE, join(...entries, footer));
  }

  #addRanges(ranges: readonly Range[] = []): void {
    for (const { offset, length } of ranges) {
      this.#ranges.push([offset, length]);
      this.#pendingRanges.push(join(u64(offset), u64(length)));
      const { low, high, data, runs } = this.#sums;
      const end = offset + length;
      this.#sums = {
        ...this.#sums,
        low: Math.min(low, offset),
        high: Math.max(high, end),
        data: data + length,
        runs: runs + 1,
      };
    }
  }

  #pendingRanges: Uint8Array[] = [];

  #encodePage(change: PageChange, last: boolean, table: Uint8Array, closing: Uint8Array): Uint8Array {
    this.#addRanges(change.ranges);
    const frames = this.#unlisted.splice(0, change.frames ?? this.#unlisted.length);
    const hasPieces = this.#header['base_digests'] === true;
    const pieces = hasPieces ? join(...frames.map((frame) => frame.pieces)) : none;
    const fields: PageFields = {
      number: this.#pages.length,
      flags: (last ? 1 : 0) | (hasPieces ? 2 : 0) | (this.#header['kind'] === 'map' ? 4 : 0),
      first: this.#listed,
      entryCount: frames.length,
      piecesSize: pieces.length,
      rangeCount: this.#pendingRanges.length,
      reserved: 0,
      entries: frames.map(({ entry }) => entry),
      pieces,
      ranges: join(...this.#pendingRanges),
      table,
      closing,
    };
    this.#pendingRanges = [];
    this.#listed += frames.length;
    change.edit?.(fields);
    const page = encodeFields(fields);
    return change.spoil?.(page) ?? page;
  }

  #closingMap(): Readonly<Record<string, Value>> {
    const { records, runs, data, zeros, low, high } = this.#sums;
    return {
      digest: this.#digest.digest(),
      size: this.#digest.size,
      ...{ records, runs, data, zeros },
      ...{ low: high === 0 ? 0 : low, high },
    };
  }

  #count({ record, from, to }: Part): void {
    if (from === 0) this.#place({ offset: record.offset, length: record.data.length });
    if (to < record.data.length) return;
    this.#records.push([record.offset, record.data.length, toHex(sha256(record.data))]);
  }

  #countZeros(record: Range): void {
    this.#place(record);
    this.#sums.zeros += record.length;
    this.#digest.update(recordHeader(record));
    this.#digest.updateZeros(record.length);
    this.#records.push([record.offset, record.length, zerosDigest(record.length)]);
  }

  #place({ offset, length }: Range): void {
    const { records, runs, data, low, high } = this.#sums;
    this.#sums = {
      ...this.#sums,
      records: records + 1,
      runs: runs + (offset === this.#previousEnd ? 0 : 1),
      data: data + length,
      low: Math.min(low, offset),
      high: Math.max(high, offset + length),
    };
    this.#previousEnd = offset + length;
  }

  #piecesOf(segments: readonly Range[]): Uint8Array | undefined {
    if (this.#header['base_digests'] !== true) return undefined;
    return encodeRuns(segments.flatMap(cutPieces).map(({ offset, length }) => this.#base?.(offset, length)));
  }
}

const headOf = ({ record, from }: Part): Uint8Array =>
  from === 0 ? recordHeader({ offset: record.offset, length: record.data.length }) : none;

function encodeEntry(
  frame: Uint8Array,
  { kind, flags = 0, records = 0, contentSize = 0, low = 0, high = 0 }: Entry,
) {
  const numbers = [u32(records), u32(frame.length), u32(contentSize), u64(low), u64(high)];
  return join(Uint8Array.of(kind, flags, 0, 0), ...numbers, sha256(frame));
}

function encodeFields(fields: PageFields): Uint8Array {
  return sealed(
    PAGE,
    join(
      ...[u32(fields.number), u32(fields.flags), u64(fields.first), u32(fields.entryCount)],
      ...[u32(fields.piecesSize), u32(fields.rangeCount), u32(fields.reserved)],
      ...[...fields.entries, fields.pieces, fields.ranges, fields.table, fields.closing],
    ),
  );
}

/** The range cut at multiples of 4096 (§4.6.2). */
export function cutPieces({ offset, length }: Range): Range[] {
  const pieces: Range[] = [];
  for (let at = offset; at < offset + length;) {
    const end = Math.min(offset + length, at - (at % 4096) + 4096);
    pieces.push({ offset: at, length: end - at });
    at = end;
  }
  return pieces;
}

/** A run of pieces (§4.6.2). */
export const pieceRun = (type: number, count: number, ...digests: readonly Uint8Array[]): Uint8Array =>
  join(u32(type * 2 ** 30 + count), ...digests.map((digest) => digest.subarray(0, 16)));

/** Runs for pieces whose base is the given bytes; undefined: nothing is known. */
export function encodeRuns(bases: readonly (Uint8Array | undefined)[]): Uint8Array {
  const runs: { type: number; count: number; digests: Uint8Array[] }[] = [];
  for (const base of bases) {
    const type = base === undefined ? 0 : base.every((byte) => byte === 0) ? 1 : 2;
    let run = runs.at(-1);
    if (run?.type !== type) runs.push((run = { type, count: 0, digests: [] }));
    run.count++;
    if (base && type === 2) run.digests.push(sha256(base));
  }
  return join(...runs.map(({ type, count, digests }) => pieceRun(type, count, ...digests)));
}

/** Fills the closing map of an empty stream with an id and no digest up to a size, by a key that no reader knows. */
export function closingOfSize(size: number): LastPageChange {
  const least = pack({
    size: 17,
    ...Object.fromEntries(['records', 'data', 'zeros', 'low', 'high'].map((key) => [key, 0])),
  });
  const room = size - least.length - pack('filler').length - 5;
  return { closing: { filler: new Uint8Array(room) } };
}

/** Cuts a record into parts at the given places of its data. */
export function cutRecord(record: PlainRecord, ...cuts: readonly number[]): Part[] {
  const places = [0, ...cuts, record.data.length];
  return places.slice(1).map((to, i) => ({ record, from: places[i]!, to }));
}

/** SHA-256 of the concatenated digests, as text of a computed state's id (§6.1). */
export function resultId(baseId: string, streamDigest: Uint8Array): string {
  const hash = createHash('sha256')
    .update('lvstream state\0')
    .update(baseId)
    .update('\0')
    .update(streamDigest);
  return `sha256:${hash.digest('hex')}`;
}
