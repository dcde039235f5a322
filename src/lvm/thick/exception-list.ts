import type { RandomAccessReader } from '../../algebra/random-access.js';
import { LvmError } from '../../errors.js';
import { SECTOR_SIZE } from '../../ranges/block-part.js';
import { decodeU64 } from '../../format/record.js';

/** Header, chunk 0 (dm-snap-persistent.c, `struct disk_header`): four little-endian u32. */
const MAGIC = 0x70416e53;
const DISK_VERSION = 1;
const HEADER_SIZE = 16;
const VALID_POSITION = 4;
const VERSION_POSITION = 8;
const CHUNK_SIZE_POSITION = 12;
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

/** What a scan found, beside what it handed out. */
export interface ExceptionList {
  /** Bytes of a chunk, a power of two from 512 to 1 GiB. */
  readonly chunkSize: number;
  /** Number of exceptions. */
  readonly count: number;
  /** The new chunks came in ascending order, so none was there twice. */
  readonly ascending: boolean;
  /** Equal for equal exceptions in the same order, and hardly ever for others. */
  readonly sum: number;
}

/** Takes an exception: which chunk of the origin was copied, and to where on the COW device. */
export type TakeException = (oldChunk: number, newChunk: number) => void;

/**
 * Reads the persistent exception store of dm-snapshot (dm-snap-persistent.c) in the order of its list, which is
 * that of copying. Nothing behind the end marker is looked at: an older, longer list may lie there.
 *
 * `originSize` is the size of the origin in bytes, or of as much of it as the snapshot knows. No more than `most` exceptions
 * are read: the kernel adds to the end of the list.
 * Throws `LvmError` with the device's name and byte: not an exception store, an invalid (overflowed) snapshot,
 * an unknown version, an absurd chunk size, a list that doesn't end inside the device, a new chunk that can't hold
 * data, an old chunk past the origin's end. Chunks that are there twice are not looked for.
 */
export function scanExceptions(
  cow: RandomAccessReader,
  originSize: number,
  take: TakeException,
  most = Infinity,
): ExceptionList {
  const chunkSize = readHeader(cow);
  const scan = createScan(cow, chunkSize, originSize, take, most);
  for (let area = 0; readArea(scan, area); area += 1);
  const { count, ascending, sum } = scan;
  return { chunkSize, count, ascending, sum };
}

/** The error of a damaged table, said of exception `index` of the list; `field` is 8 for its new chunk. */
export function damagedException(
  cow: RandomAccessReader,
  chunkSize: number,
  index: number,
  field: 0 | 8,
  what: string,
): LvmError {
  return fault(cow, exceptionPosition(chunkSize, index) + field, what, DAMAGED);
}

/** Byte of the COW device where exception `index` of the list stands. */
function exceptionPosition(chunkSize: number, index: number): number {
  const perArea = chunkSize / EXCEPTION_SIZE;
  const chunk = FIRST_AREA_CHUNK + Math.floor(index / perArea) * (perArea + 1);
  return chunk * chunkSize + (index % perArea) * EXCEPTION_SIZE;
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
interface Scan {
  readonly cow: RandomAccessReader;
  readonly chunkSize: number;
  /** Chunks of the origin and whole chunks of the COW device. */
  readonly originChunks: number;
  readonly cowChunks: number;
  /** From one area to the next, in chunks. */
  readonly stride: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly take: TakeException;
  readonly most: number;
  count: number;
  sum: number;
  /** The new chunk of the last exception. */
  last: number;
  ascending: boolean;
}

function createScan(
  cow: RandomAccessReader,
  chunkSize: number,
  originSize: number,
  take: TakeException,
  most: number,
): Scan {
  return {
    cow,
    chunkSize,
    originChunks: Math.ceil(originSize / chunkSize),
    cowChunks: Math.floor(cow.size / chunkSize),
    stride: chunkSize / EXCEPTION_SIZE + 1,
    bytes: new Uint8Array(Math.min(chunkSize, READ_SIZE)),
    take,
    most,
    count: 0,
    sum: 0,
    last: 0,
    ascending: true,
  };
}

/** Takes in a metadata area; true if it is full, so that the list goes on in the next. */
function readArea(scan: Scan, area: number): boolean {
  const chunk = FIRST_AREA_CHUNK + area * scan.stride;
  const position = chunk * scan.chunkSize;
  if (chunk >= scan.cowChunks) {
    throw fault(
      scan.cow,
      position,
      `the exception list runs past the end of the device (${scan.cow.size} bytes)`,
      DAMAGED,
    );
  }
  for (let at = 0; at < scan.chunkSize; at += scan.bytes.length) {
    scan.cow.readInto(scan.bytes, position + at);
    if (!takeExceptions(scan, position + at)) return false;
  }
  return true;
}

/** Takes in the exceptions in `scan.bytes`, which were read at `position`; false once there are no more to be read. */
function takeExceptions(scan: Scan, position: number): boolean {
  const view = new DataView(scan.bytes.buffer);
  for (let at = 0; at < scan.bytes.length; at += EXCEPTION_SIZE) {
    if (scan.count === scan.most) return false;
    const oldChunk = decodeU64(view, at, true);
    const newChunk = decodeU64(view, at + 8, true);
    if (newChunk === 0) return endOfList(scan, oldChunk, position + at);
    if (!(oldChunk < scan.originChunks)) throw pastOrigin(scan, oldChunk, position + at);
    if (!isDataChunk(scan, newChunk)) throw noDataChunk(scan, newChunk, position + at + 8);
    scan.ascending &&= newChunk > scan.last;
    scan.last = newChunk;
    scan.count += 1;
    scan.sum = addTo(addTo(scan.sum, oldChunk), newChunk);
    scan.take(oldChunk, newChunk);
  }
  return true;
}

/** Both halves of a number below 2^53 go in; the factors are those of MurmurHash3's finalizer. */
function addTo(sum: number, number: number): number {
  const low = Math.imul(sum ^ number, 0x85ebca6b);
  return Math.imul(low ^ (low >>> 13) ^ (number / 2 ** 32), 0xc2b2ae35);
}

/** The kernel clears the rest of an area: a marker with an origin chunk is an exception that lost its new chunk. */
function endOfList(scan: Scan, oldChunk: number, position: number): false {
  if (oldChunk === 0) return false;
  throw fault(
    scan.cow,
    position,
    `exception of origin chunk ${chunkText(oldChunk)} has no new chunk`,
    DAMAGED,
  );
}

/** Whole, inside the device, and neither the header nor an area. */
function isDataChunk(scan: Scan, newChunk: number): boolean {
  return (
    newChunk < scan.cowChunks &&
    newChunk > FIRST_AREA_CHUNK &&
    (newChunk - FIRST_AREA_CHUNK) % scan.stride !== 0
  );
}

function noDataChunk(scan: Scan, newChunk: number, position: number): LvmError {
  const why =
    newChunk < scan.cowChunks
      ? 'holds metadata'
      : `lies past the end of the device (${scan.cowChunks} chunks)`;
  return fault(scan.cow, position, `new chunk ${chunkText(newChunk)} is no data chunk: it ${why}`, DAMAGED);
}

function pastOrigin(scan: Scan, oldChunk: number, position: number): LvmError {
  const what = `origin chunk ${chunkText(oldChunk)} lies past the end of the origin (${scan.originChunks} chunks)`;
  return fault(scan.cow, position, what, `is this the snapshot's own origin? If it is, ${DAMAGED}`);
}

/** `decodeU64` gives NaN for what no double can hold. */
function chunkText(chunk: number): string {
  return Number.isNaN(chunk) ? '2^53 or more' : String(chunk);
}
