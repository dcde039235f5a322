import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordBatch } from '#src/format/batch.js';
import { digestsOver } from '../compare/digests-over.js';
import { applied, batchOf, lvsFile, plainStream, type TestRecord } from '../streams.js';
import type { Random } from './random.js';

/** What a stream says of where it may be applied: nothing, that, base digests, and named states besides. */
export const FORMATS = ['plain', 'lvs', 'digests', 'states'] as const;
export type Format = (typeof FORMATS)[number];

export function hasDigests(format: Format): boolean {
  return format === 'digests' || format === 'states';
}

/** Where its records lie. */
export const SHAPES = ['sorted', 'overlapping', 'zeros', 'holes', 'past the end'] as const;
export type Shape = (typeof SHAPES)[number];

/** A stream in a file, and the device after it. */
export interface WorldStream {
  readonly path: string;
  readonly records: readonly TestRecord[];
  readonly result: Uint8Array;
}

/**
 * A device with a history: `before` led to what it holds now, `first` leads on, `newer` is a dump made anew from the
 * same base at a later moment, and `next` goes on where `first` ends.
 */
export interface World {
  readonly format: Format;
  readonly shape: Shape;
  /** Its `.lvs` streams have ids. */
  readonly hasIds: boolean;
  readonly oldest: Uint8Array;
  readonly before: WorldStream;
  readonly first: WorldStream;
  readonly newer: WorldStream;
  readonly next: WorldStream;
}

const PIECE = 4096;
const HOLE = 160 << 10;
const PAST = 3000;

export async function makeWorld(
  random: Random,
  folder: string,
  format: Format,
  shape: Shape,
): Promise<World> {
  const size = sizeOf(random, shape);
  const oldest = contentOf(random, size, shape);
  const hasIds = format !== 'plain' && random.below(2) === 0;
  const reach = shape === 'past the end' ? size + PAST : size;
  const make = async (name: string, base: Uint8Array, records: readonly TestRecord[]) => {
    const path = join(folder, `${name}.stream`);
    const names = { id: hasIds ? Buffer.alloc(16, name) : undefined, ends: STATES[name]! };
    writeFileSync(path, await encodeWorldStream(format, names, padded(base, reach), records));
    return { path, records, result: applied(padded(base, reach), records).slice(0, size) };
  };
  const draft = (base: Uint8Array) => draftRecords(random, padded(base, reach), shape);
  const before = await make('before', oldest, draft(oldest));
  const first = await make('first', before.result, draft(before.result));
  const next = await make('next', first.result, draft(first.result));
  const newer = await make(
    'newer',
    before.result,
    changesOf(first.records, next.records, next.result, reach),
  );
  return { format, shape, hasIds, oldest, before, first, newer, next };
}

function sizeOf(random: Random, shape: Shape): number {
  const pieces = shape === 'zeros' ? 10 : 2 + random.below(4);
  return (shape === 'holes' ? HOLE : 0) + pieces * PIECE + random.below(PIECE);
}

/** The half of a device with holes is one. */
function contentOf(random: Random, size: number, shape: Shape): Uint8Array {
  const content = random.bytes(shape === 'holes' ? size - HOLE : size);
  return shape === 'holes' ? padded(content, size) : content;
}

function padded(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size);
  result.set(bytes);
  return result;
}

function draftRecords(random: Random, base: Uint8Array, shape: Shape): TestRecord[] {
  const count = shape === 'zeros' ? 30 + random.below(20) : 2 + random.below(5);
  const most = shape === 'zeros' ? 1500 : 5000;
  const records = Array.from({ length: count }, () => {
    const offset = random.below(base.length - 1);
    const length = Math.min(1 + random.below(most), base.length - offset);
    return { offset, data: draftData(random, base.subarray(offset, offset + length), shape) };
  });
  if (shape === 'holes')
    records.push({ offset: base.length - HOLE - random.below(PIECE), data: draftLong(random) });
  return shape === 'overlapping' ? records : disjoint(records);
}

/** Often new data, at times zeros, at times what is there already, or a part of it. */
function draftData(random: Random, held: Uint8Array, shape: Shape): Uint8Array {
  if (random.below(shape === 'zeros' ? 2 : 12) === 0) return new Uint8Array(held.length);
  const data = random.bytes(held.length);
  if (random.below(4) === 0) data.set(held.subarray(0, random.below(held.length + 1)));
  return data;
}

const draftLong = (random: Random): Uint8Array =>
  random.below(2) === 0 ? new Uint8Array(HOLE - 100) : new Uint8Array(HOLE - 100).fill(1 + random.below(255));

/** What remains of the records where each gives way to those that begin before it. */
function disjoint(records: readonly TestRecord[]): TestRecord[] {
  let end = 0;
  return [...records]
    .sort((a, b) => a.offset - b.offset)
    .flatMap(({ offset, data }) => {
      const start = Math.max(offset, end);
      const rest = data.subarray(start - offset);
      end = Math.max(end, offset + data.length);
      return start - offset < data.length ? [{ offset: start, data: rest }] : [];
    });
}

/** The places of both, with what the device holds behind the second. */
function changesOf(
  first: readonly TestRecord[],
  second: readonly TestRecord[],
  result: Uint8Array,
  reach: number,
): TestRecord[] {
  const after = applied(applied(padded(result, reach), []), [...first, ...second]);
  after.set(result);
  return disjoint([...first, ...second]).map(({ offset, data }) => ({
    offset,
    data: after.slice(offset, offset + data.length),
  }));
}

const STATES: Readonly<Record<string, readonly [string, string]>> = {
  before: ['lv:oldest', 'lv:before'],
  first: ['lv:before', 'lv:first'],
  newer: ['lv:before', 'lv:next'],
  next: ['lv:first', 'lv:next'],
};

/** What a stream is called, and the states that it leads between. */
interface StreamNames {
  readonly id?: Uint8Array | undefined;
  readonly ends: readonly [string, string];
}

/** A stream of the records, a batch each, on what `base` holds; it says its states if that is in the format. */
export async function encodeWorldStream(
  format: Format,
  { id, ends: [from, to] }: StreamNames,
  base: Uint8Array,
  records: readonly TestRecord[],
): Promise<Uint8Array> {
  if (format === 'plain') return plainStream(records);
  const isDisjoint = disjoint(records).length === records.length && isSorted(records);
  const digests = hasDigests(format) && isDisjoint;
  const digestPieces = digestsOver(base);
  const batches = records
    .map(toBatch)
    .map((batch) => (digests ? { ...batch, pieces: digestPieces(batch) } : batch));
  return lvsFile(batches, {
    order: isDisjoint ? 'sorted' : 'given',
    ...(id && { id }),
    ...(digests && { baseDigests: true, baseSize: base.length }),
    resultSize: base.length,
    ...(format === 'states' && { base: { id: from }, result: { id: to } }),
  });
}

function isSorted(records: readonly TestRecord[]): boolean {
  return records.every(({ offset }, i) => {
    const last = records[i - 1];
    return last === undefined || offset >= last.offset + last.data.length;
  });
}

function toBatch(record: TestRecord): RecordBatch {
  const isZero = record.data.every((byte) => byte === 0);
  if (!isZero) return batchOf([record]);
  return { kind: 'zeros', ranges: [{ offset: record.offset, length: record.data.length }] };
}
