import type { RandomAccessReader } from '../algebra/random-access.js';
import type { Range } from '../format/batch.js';
import { LvmError } from '../errors.js';
import { decodeU64 } from '../format/record.js';
import { sortColumns } from './sort-columns.js';

/** Header, chunk 0 (dm-snap-persistent.c, `struct disk_header`): four little-endian u32. */
const MAGIC = 0x70416e53;
const DISK_VERSION = 1;
const HEADER_SIZE = 16;
const VALID_POSITION = 4;
const VERSION_POSITION = 8;
const CHUNK_SIZE_POSITION = 12;
const SECTOR_SIZE = 512;
/** dm-exception-store.c refuses more than `INT_MAX >> SECTOR_SHIFT` sectors, and what is no power of two. */
const MAX_CHUNK_SIZE_SECTORS = 1 << 21;

/** `struct disk_exception`: u64 old chunk, u64 new chunk. */
const EXCEPTION_SIZE = 16;
/** Chunk 0 is the header; metadata area k comes k strides (an area and its data chunks) after this one. */
const FIRST_AREA_CHUNK = 1;
/** An area is one chunk, up to 1 GiB: what is read of it at a time. */
const READ_SIZE = 1 << 20;

const NOT_A_STORE = "give the snapshot's exception store: an image of its -cow device";
const DAMAGED =
  'the table is damaged, or was read through a stale page cache: read it again past the cache; if it stays so, the snapshot is lost';

/**
 * The exceptions of a dm-snapshot COW device: which chunks of the origin were copied, and to where.
 * Both arrays hold `count` chunk numbers. Takes 16 bytes per exception.
 */
export interface ExceptionStore {
  /** The device that the table was read from; it also holds the old data. */
  readonly cow: RandomAccessReader;
  /** Bytes of a chunk, a power of two from 512 to 1 GiB. */
  readonly chunkSize: number;
  readonly count: number;
  /** Chunk numbers of the origin, each once. */
  readonly oldChunks: Float64Array;
  /** Where in the COW device each one's old data lies. */
  readonly newChunks: Float64Array;
}

/**
 * Reads the persistent exception store of dm-snapshot (dm-snap-persistent.c) in the order of its list, which is
 * that of copying. Nothing behind the end marker is looked at: an older, longer list may lie there.
 *
 * `originSize` is the size of the origin in bytes.
 * Throws `LvmError` with the device's name and byte: not an exception store, an invalid (overflowed) snapshot,
 * an unknown version, an absurd chunk size, a list that doesn't end inside the device, a new chunk that can't hold
 * data or is used twice, an old chunk past the origin's end. Origin chunks listed twice are found by
 * {@link sortExceptions}.
 */
export function readExceptionStore(cow: RandomAccessReader, originSize: number): ExceptionStore {
  const chunkSize = readHeader(cow);
  const list = createList(cow, chunkSize, originSize);
  for (let area = 0; readArea(list, area); area += 1);
  const store = {
    cow,
    chunkSize,
    count: list.count,
    oldChunks: list.oldChunks.subarray(0, list.count),
    newChunks: list.newChunks.subarray(0, list.count),
  };
  if (!list.ascending) refuseDoubleUse(store);
  return store;
}

function fault(cow: RandomAccessReader, position: number, what: string, hint: string): LvmError {
  return new LvmError(`${cow.name}: byte ${position}: ${what}`, { hint });
}

/** Checks the header as the kernel does, in its order, and returns the chunk size in bytes. */
function readHeader(cow: RandomAccessReader): number {
  if (cow.size < HEADER_SIZE)
    throw fault(cow, 0, `not an exception store: only ${cow.size} bytes`, NOT_A_STORE);
  const bytes = new Uint8Array(Math.min(cow.size, 4096));
  cow.readInto(bytes, 0);
  const view = new DataView(bytes.buffer);
  const magic = view.getUint32(0, true);
  if (magic !== MAGIC) throw fault(cow, 0, `not an exception store: ${describeMagic(magic)}`, NOT_A_STORE);
  checkVersion(cow, view.getUint32(VERSION_POSITION, true));
  checkValid(cow, view.getUint32(VALID_POSITION, true));
  return chunkSizeOf(cow, view.getUint32(CHUNK_SIZE_POSITION, true));
}

function describeMagic(magic: number): string {
  if (magic === 0) return 'its header is blank';
  return `its magic number is 0x${magic.toString(16).padStart(8, '0')}`;
}

function checkVersion(cow: RandomAccessReader, version: number): void {
  if (version === DISK_VERSION) return;
  const hint = `only version ${DISK_VERSION} is known; the kernel refuses others too`;
  throw fault(cow, VERSION_POSITION, `exception store of version ${version}`, hint);
}

function checkValid(cow: RandomAccessReader, valid: number): void {
  if (valid === 1) return;
  if (valid !== 0) throw fault(cow, VALID_POSITION, `the valid flag is ${valid}, not 0 or 1`, DAMAGED);
  const hint =
    'it overflowed or met an I/O error, and what it held is lost for good: remove it, and take a bigger one';
  throw fault(cow, VALID_POSITION, 'the snapshot is invalid', hint);
}

function chunkSizeOf(cow: RandomAccessReader, chunkSizeSectors: number): number {
  const powerOfTwo = chunkSizeSectors > 0 && Number.isInteger(Math.log2(chunkSizeSectors));
  if (powerOfTwo && chunkSizeSectors <= MAX_CHUNK_SIZE_SECTORS) return chunkSizeSectors * SECTOR_SIZE;
  throw fault(cow, CHUNK_SIZE_POSITION, `absurd chunk size of ${chunkSizeSectors} sectors`, DAMAGED);
}

/** What is known while the list is read. */
interface List {
  readonly cow: RandomAccessReader;
  readonly chunkSize: number;
  /** Chunks of the origin and whole chunks of the COW device. */
  readonly originChunks: number;
  readonly cowChunks: number;
  /** From one area to the next, in chunks. */
  readonly stride: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  count: number;
  oldChunks: Float64Array<ArrayBuffer>;
  newChunks: Float64Array<ArrayBuffer>;
  /** The new chunks came in ascending order so far, so none was there twice. */
  ascending: boolean;
}

function createList(cow: RandomAccessReader, chunkSize: number, originSize: number): List {
  return {
    cow,
    chunkSize,
    originChunks: Math.ceil(originSize / chunkSize),
    cowChunks: Math.floor(cow.size / chunkSize),
    stride: chunkSize / EXCEPTION_SIZE + 1,
    bytes: new Uint8Array(Math.min(chunkSize, READ_SIZE)),
    count: 0,
    oldChunks: new Float64Array(1024),
    newChunks: new Float64Array(1024),
    ascending: true,
  };
}

/** Takes in a metadata area; true if it is full, so that the list goes on in the next. */
function readArea(list: List, area: number): boolean {
  const chunk = FIRST_AREA_CHUNK + area * list.stride;
  const position = chunk * list.chunkSize;
  if (chunk >= list.cowChunks) {
    throw fault(
      list.cow,
      position,
      `the exception list runs past the end of the device (${list.cow.size} bytes)`,
      DAMAGED,
    );
  }
  for (let at = 0; at < list.chunkSize; at += list.bytes.length) {
    list.cow.readInto(list.bytes, position + at);
    if (!takeExceptions(list, position + at)) return false;
  }
  return true;
}

/** Takes in the exceptions in `list.bytes`, which were read at `position`; false once the end marker was met. */
function takeExceptions(list: List, position: number): boolean {
  const view = new DataView(list.bytes.buffer);
  reserve(list, list.bytes.length / EXCEPTION_SIZE);
  const { oldChunks, newChunks } = list;
  let last = list.count > 0 ? newChunks[list.count - 1]! : 0;
  for (let at = 0; at < list.bytes.length; at += EXCEPTION_SIZE) {
    const oldChunk = decodeU64(view, at, true);
    const newChunk = decodeU64(view, at + 8, true);
    if (newChunk === 0) return endOfList(list, oldChunk, position + at);
    if (!(oldChunk < list.originChunks)) throw pastOrigin(list, oldChunk, position + at);
    if (!isDataChunk(list, newChunk)) throw noDataChunk(list, newChunk, position + at + 8);
    list.ascending &&= newChunk > last;
    oldChunks[list.count] = oldChunk;
    newChunks[list.count] = newChunk;
    list.count += 1;
    last = newChunk;
  }
  return true;
}

function reserve(list: List, more: number): void {
  if (list.count + more <= list.oldChunks.length) return;
  const size = Math.max(list.count + more, 2 * list.oldChunks.length);
  list.oldChunks = grow(list.oldChunks, size);
  list.newChunks = grow(list.newChunks, size);
}

function grow(numbers: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const bigger = new Float64Array(size);
  bigger.set(numbers);
  return bigger;
}

/** The kernel clears the rest of an area: a marker with an origin chunk is an exception that lost its new chunk. */
function endOfList(list: List, oldChunk: number, position: number): false {
  if (oldChunk === 0) return false;
  throw fault(
    list.cow,
    position,
    `exception of origin chunk ${chunkText(oldChunk)} has no new chunk`,
    DAMAGED,
  );
}

/** Whole, inside the device, and neither the header nor an area. */
function isDataChunk(list: List, newChunk: number): boolean {
  return (
    newChunk < list.cowChunks &&
    newChunk > FIRST_AREA_CHUNK &&
    (newChunk - FIRST_AREA_CHUNK) % list.stride !== 0
  );
}

function noDataChunk(list: List, newChunk: number, position: number): LvmError {
  const why =
    newChunk < list.cowChunks
      ? 'holds metadata'
      : `lies past the end of the device (${list.cowChunks} chunks)`;
  return fault(list.cow, position, `new chunk ${chunkText(newChunk)} is no data chunk: it ${why}`, DAMAGED);
}

function pastOrigin(list: List, oldChunk: number, position: number): LvmError {
  const what = `origin chunk ${chunkText(oldChunk)} lies past the end of the origin (${list.originChunks} chunks)`;
  return fault(list.cow, position, what, `is this the snapshot's own origin? If it is, ${DAMAGED}`);
}

/** `decodeU64` gives NaN for what no double can hold. */
function chunkText(chunk: number): string {
  return Number.isNaN(chunk) ? '2^53 or more' : String(chunk);
}

function refuseDoubleUse(store: ExceptionStore): void {
  const sorted = store.newChunks.slice().sort();
  const twice = firstTwice(sorted);
  if (twice === undefined) return;
  const position = exceptionPosition(store, store.newChunks.lastIndexOf(twice)) + 8;
  throw fault(store.cow, position, `new chunk ${twice} is used by two exceptions`, DAMAGED);
}

/** The first number of an ascending list that equals the one before it. */
function firstTwice(sorted: Float64Array): number | undefined {
  for (let i = 1; i < sorted.length; i += 1) if (sorted[i] === sorted[i - 1]) return sorted[i];
  return undefined;
}

/** Byte of the COW device where exception `index` of the list stands. */
function exceptionPosition(store: ExceptionStore, index: number): number {
  const perArea = store.chunkSize / EXCEPTION_SIZE;
  const chunk = FIRST_AREA_CHUNK + Math.floor(index / perArea) * (perArea + 1);
  return chunk * store.chunkSize + (index % perArea) * EXCEPTION_SIZE;
}

/**
 * The same exceptions in ascending order of origin chunks. Takes over the arrays of `store`, which must not be used
 * afterwards, and needs as much memory again until it returns: 32 bytes per exception in all.
 * Throws `LvmError` if an origin chunk is listed twice.
 */
export function sortExceptions(store: ExceptionStore): ExceptionStore {
  const sorted = { ...store, ...sortColumns(store) };
  const twice = firstTwice(sorted.oldChunks);
  if (twice === undefined) return sorted;
  throw listedTwice(sorted, twice);
}

/** The list is out of its order by now, so the byte is looked for on the device. */
function listedTwice(store: ExceptionStore, oldChunk: number): LvmError {
  const again = readExceptionStore(store.cow, Number.MAX_SAFE_INTEGER);
  const position = exceptionPosition(store, again.oldChunks.lastIndexOf(oldChunk));
  return fault(store.cow, position, `origin chunk ${oldChunk} is listed twice`, DAMAGED);
}

/**
 * The ranges of a device of `deviceSize` bytes that sorted exceptions name: ascending, adjacent chunks joined,
 * the last one clipped to the device.
 */
export function* changedRanges(
  sorted: ExceptionStore,
  deviceSize: number,
): Generator<Range, void, undefined> {
  const { oldChunks, chunkSize, count } = sorted;
  for (let next = 0; next < count;) {
    const first = oldChunks[next]!;
    let end = first;
    for (; next < count && oldChunks[next] === end; next += 1) end += 1;
    const offset = first * chunkSize;
    const length = Math.min(end * chunkSize, deviceSize) - offset;
    if (length > 0) yield { offset, length };
  }
}
