import { compress } from 'zstd-napi';
import { decodeMap } from '../reference/msgpack.js';
import { join, sealed, skippable, u24, u32, u64 } from '../vectors/bytes.js';
import { HEADER, PAGE, ZERO_RANGES } from '../vectors/container.js';
import { dataFrame, recordHeader, zeroFrame, zeroRangesBody } from '../vectors/zstd.js';
import {
  contentOf,
  cutBlocks,
  nameOf,
  resized,
  splitFrames,
  type Frame,
  type FrameName,
} from './lvs-frames.js';
import { seal, SEALS, type Seal } from './lvs-seal.js';
import { mutateMap } from './msgpack-values.js';
import { edgeNumber, mutateBytes, mutateNumber } from './mutate-bytes.js';
import type { Random } from './random.js';

/** Contents that grow beyond this, or files beyond that, make nothing but work. */
const MAX_CONTENT = 3 * 2 ** 20;
const MAX_FILE = 2 ** 18;

/** A container with one to three things in it changed, and put right around them in most cases. */
export function mutateLvs(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let frames = splitFrames(input);
  for (let i = random.upTo(2); i >= 0; i -= 1) frames = changeOnce(frames, splitFrames(other), random);
  const file = random.once(20) ? join(...frames) : seal(frames, seldomLeftOut(random));
  if (file.length > MAX_FILE) return input;
  if (random.once(30)) return mutateBytes(file, other, random);
  return random.once(60) ? file.subarray(0, random.below(file.length)) : file;
}

function seldomLeftOut(random: Random): ReadonlySet<Seal> {
  return new Set(random.once(4) ? [random.pick(SEALS), ...(random.once(3) ? [random.pick(SEALS)] : [])] : []);
}

type Change = (frame: Frame, random: Random, other: readonly Frame[]) => Frame;

const changes: Readonly<Record<FrameName, readonly Change[]>> = {
  header: [changeHeaderMap, changeHeaderMap, changePayload],
  zstd: [changeRecords, changeRecords, changeRecords, changeContent, changeForm, changeForm, changePayload],
  zeroRanges: [changeRanges, changeRanges, changePayload],
  page: [changePageMap, changeEntryCount, changePayload, changeMapRanges],
  seekTable: [changePayload],
  other: [changePayload],
};

function changeOnce(frames: Frame[], others: Frame[], random: Random): Frame[] {
  if (frames.length === 0) return others;
  if (random.once(4)) return changeOrder(frames, others, random);
  const at = placeOf(frames, random);
  const frame = frames[at]!;
  return frames.with(at, random.pick(changes[nameOf(frame)])(frame, random, others));
}

/** Seldom the first two frames: little of a file is read where they are at fault. */
function placeOf(frames: readonly Frame[], random: Random): number {
  const first = Math.min(random.once(6) ? 0 : 2, frames.length - 1);
  return first + random.below(frames.length - first);
}

function changeOrder(frames: Frame[], others: Frame[], random: Random): Frame[] {
  const at = placeOf(frames, random);
  const to = Math.max(placeOf(frames, random), placeOf(frames, random)) + 1;
  const frame = frames[at]!;
  switch (random.below(8)) {
    case 0:
      return frames.toSpliced(at, 1);
    case 1:
      return frames.toSpliced(to, 0, frame);
    case 2:
      return frames.toSpliced(at, 1).toSpliced(to, 0, frame);
    case 3:
      return frames.toSpliced(to, 0, random.pick([...others, frame]));
    case 4:
      return frames.toSpliced(to, 0, anyOther(random));
    case 5:
      return frames.toSpliced(to, 0, ...anyZeros(random));
    case 6:
      return frames.toSpliced(to, 0, emptyPage(random));
    default:
      return splitData(frames, at, random);
  }
}

/** Cuts a data frame in two, between its records or inside of one. */
function splitData(frames: Frame[], at: number, random: Random): Frame[] {
  const content = contentOf(frames[at]!);
  if (!content || content.length < 2) return frames;
  const records = recordsOf(content);
  const cut = random.once(2)
    ? records.slice(0, random.below(records.length)).reduce((sum, record) => sum + record.length, 0)
    : Math.min(content.length - 1, 1 + random.upTo(content.length));
  const parts = [content.subarray(0, cut), content.subarray(cut)].filter(({ length }) => length > 0);
  return frames.toSpliced(at, 1, ...parts.map((part) => Buffer.from(dataFrame(part))));
}

function anyOther(random: Random): Frame {
  return Buffer.from(skippable(HEADER + random.pick([3, 4, 9, 13, 15]), random.bytes(random.below(20))));
}

function anyZeros(random: Random): Frame[] {
  const ranges = Array.from({ length: 1 + random.below(3) }, () => anyRange(random));
  return [Buffer.from(sealed(ZERO_RANGES, zeroRangesBody(ranges))), Buffer.from(zeroFrame(ranges))];
}

function anyRange(random: Random): { offset: number; length: number } {
  return { offset: random.below(64) * 2048, length: 1 + random.upTo(2 ** 19) };
}

function emptyPage(random: Random): Frame {
  const count = random.below(4);
  return Buffer.from(sealed(PAGE, join(u32(0), u32(0), u64(0), u32(count), u32(0), u32(0), u32(0))));
}

function changePayload(frame: Frame, random: Random, others: readonly Frame[]): Frame {
  const payload = frame.subarray(8);
  const other = random.pick([...others, frame]).subarray(8);
  const changed = random.once(2) ? mutateNumber(payload, random) : mutateBytes(payload, other, random);
  const whole = Buffer.concat([frame.subarray(0, 8), changed]);
  return nameOf(frame) === 'zstd' || random.once(10) ? whole : resized(whole);
}

function changeHeaderMap(frame: Frame, random: Random): Frame {
  const map = decodeMap(frame.subarray(20, -4));
  return map ? Buffer.concat([frame.subarray(0, 20), mutateMap(map, random), frame.subarray(-4)]) : frame;
}

function changePageMap(frame: Frame, random: Random): Frame {
  const closingAt = closingOf(frame);
  const map = closingAt === undefined ? undefined : decodeMap(frame.subarray(closingAt, -4));
  if (!map) return changeEntryCount(frame, random);
  return Buffer.concat([frame.subarray(0, closingAt), mutateMap(map, random), frame.subarray(-4)]);
}

/** Where the closing map of a last page begins. */
function closingOf(page: Frame): number | undefined {
  if (page.length < 44 || (page.readUInt32LE(12) & 1) === 0) return undefined;
  const table = rangesOf(page).end;
  return table + 8 > page.length ? undefined : table + 8 + 48 * page.readUInt32LE(table);
}

function rangesOf(page: Frame): { begin: number; end: number } {
  const begin = 40 + 64 * page.readUInt32LE(24) + page.readUInt32LE(28);
  return { begin, end: begin + 16 * page.readUInt32LE(32) };
}

function changeEntryCount(frame: Frame, random: Random): Frame {
  if (frame.length < 44) return frame;
  const changed = Buffer.from(frame);
  changed.writeUInt32LE(random.below(8), 24);
  return changed;
}

function changeMapRanges(frame: Frame, random: Random): Frame {
  if (frame.length < 44) return frame;
  const { begin, end } = rangesOf(frame);
  if (end >= frame.length) return frame;
  const ranges = changeRangeList(frame.subarray(begin, end), random);
  const changed = Buffer.concat([frame.subarray(0, begin), ranges, frame.subarray(end)]);
  changed.writeUInt32LE(ranges.length / 16, 32);
  return changed;
}

function changeRanges(frame: Frame, random: Random): Frame {
  if (frame.length < 20) return frame;
  const ranges = changeRangeList(frame.subarray(16, -4), random);
  return Buffer.concat([frame.subarray(0, 8), u32(ranges.length / 16), u32(0), ranges, frame.subarray(-4)]);
}

/** Ranges of u64 offset and u64 length; a part of one at the end is dropped. */
function changeRangeList(list: Buffer, random: Random): Buffer {
  const bytes = list.subarray(0, list.length - (list.length % 16));
  const at = 16 * random.below(bytes.length / 16 + 1);
  const { offset: any, length } = anyRange(random);
  const before = at > 0 ? Number(bytes.readBigUInt64LE(at - 16) + bytes.readBigUInt64LE(at - 8)) : any;
  const offset = random.once(2) && Number.isSafeInteger(before) ? before : any;
  const added = random.once(4)
    ? join(u64(edgeNumber(random)), u64(edgeNumber(random)))
    : join(u64(offset), u64(length));
  const rest = bytes.subarray(at + (random.once(2) ? 16 : 0));
  return Buffer.concat([bytes.subarray(0, at), random.once(4) ? new Uint8Array(0) : added, rest]);
}

function changeContent(frame: Frame, random: Random, others: readonly Frame[]): Frame {
  const content = contentOf(frame);
  if (!content) return changePayload(frame, random, others);
  return Buffer.from(dataFrame(mutateBytes(content, random.pick([...others, frame]), random)));
}

/** Takes records out, puts others in, moves them, or gives them other offsets and lengths. */
function changeRecords(frame: Frame, random: Random, others: readonly Frame[]): Frame {
  const content = contentOf(frame);
  if (!content || content.length > MAX_CONTENT) return changePayload(frame, random, others);
  const records = recordsOf(content);
  const at = random.below(records.length);
  const chosen = records[at] ?? Buffer.alloc(0);
  const made = random.once(3) ? movedRecord(chosen, random) : anyRecord(random);
  const changed = random.pick([
    () => records.toSpliced(at, 1),
    () => records.toSpliced(random.below(records.length + 1), 0, made),
    () => records.toSpliced(at, 1, movedRecord(chosen, random)),
    () => records.toSpliced(at, 1).toSpliced(random.below(records.length), 0, chosen),
    () => records.toSpliced(at, 1, mutateHeader(chosen, random)),
  ])();
  const joined = Buffer.concat(changed);
  return joined.length === 0 ? frame : Buffer.from(dataFrame(joined));
}

/** Records with their headers; what is left at the end is the last of them. */
function recordsOf(content: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < content.length;) {
    const end = content.length - at < 12 ? content.length : at + 12 + content.readUInt32BE(at + 8);
    records.push(content.subarray(at, end));
    at = end;
  }
  return records;
}

function anyRecord(random: Random): Buffer {
  const long = random.once(12);
  const length = long ? 2 ** 20 - 2 + random.below(5) : 1 + random.upTo(9000);
  const data = long || random.once(2) ? new Uint8Array(length).fill(random.below(3)) : random.bytes(length);
  const offset = random.once(8) ? Number(edgeNumber(random) % 2n ** 53n) : random.below(128) * 1024;
  return Buffer.concat([recordHeader({ offset, length }), data]);
}

/** The same record at an offset near its own. */
function movedRecord(record: Buffer, random: Random): Buffer {
  const moved = Buffer.from(record);
  if (record.length < 12) return moved;
  const by = random.pick([-4096, -512, -1, 1, 512, 4096, 2 ** 20, record.length - 12, 12 - record.length]);
  moved.writeBigUInt64BE(BigInt.asUintN(64, record.readBigUInt64BE(0) + BigInt(by)), 0);
  return moved;
}

function mutateHeader(record: Buffer, random: Random): Buffer {
  return Buffer.concat([mutateNumber(record.subarray(0, 12), random), record.subarray(12)]);
}

/** The same content in other blocks, behind another frame header, or from zstd itself. */
function changeForm(frame: Frame, random: Random, others: readonly Frame[]): Frame {
  const content = contentOf(frame);
  if (!content) return changePayload(frame, random, others);
  return Buffer.from(
    random.pick([
      () => compress(content, { compressionLevel: random.pick([1, 3, 19]), checksumFlag: true }),
      () => dataFrame(content),
      () => dataFrame(content, { blocks: anyBlocks(content, random) }),
      () =>
        dataFrame(content, {
          descriptor: 0x84,
          window: random.pick([0, 1, 0x38, 0x39, 0x68, 0x69, random.below(256)]),
        }),
      () => dataFrame(content, { descriptor: 0xe4, size: u64(content.length) }),
      () => dataFrame(content, { descriptor: 0x24, size: Uint8Array.of(content.length & 255) }),
      () => dataFrame(content, { size: u32(edgeNumber(random) & 0xffffffffn) }),
      () => dataFrame(content, { descriptor: random.below(256) }),
    ])(),
  );
}

function anyBlocks(content: Buffer, random: Random): Uint8Array[] {
  const sizes = Array.from({ length: random.below(4) }, () =>
    random.pick([0, 1, random.upTo(content.length), 2 ** 17]),
  );
  const blocks = cutBlocks(content, sizes);
  if (random.once(3))
    blocks.splice(random.below(blocks.length), 0, u24(random.pick([0, 2 + (1 << 3) * 2 ** 17, 4, 6])));
  return blocks;
}
