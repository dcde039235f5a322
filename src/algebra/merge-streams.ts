import { RefusedError, remedy, sentence } from '../errors.js';
import type { RecordBatch } from '../format/batch.js';
import { BATCH_SIZE } from '../format/layout.js';
import { BaseCheck, type PieceHasher } from './base-check.js';
import { BatchBuilder, type BatchBuilderOptions } from './records/batch-builder.js';
import type { Range } from '../ranges/range.js';
import { RecordCursor } from './records/record-cursor.js';

/** Bytes of a batch that passes through; a larger one is taken apart, so that what comes out is of the usual size. */
const MAX_PASSED = 2 * BATCH_SIZE;

export interface MergeOptions extends BatchBuilderOptions {
  /** Bytes of the device: what lies past that is left out (§7, sizes). */
  readonly end?: number | undefined;
  /** Holds what streams write against the base digests of those behind them; without it nothing is refused. */
  readonly hasher?: PieceHasher | undefined;
  /** What to call the streams when that is refused, in their order. */
  readonly names?: readonly string[] | undefined;
}

/**
 * What applying sorted streams one after the other does, the oldest first, as one sorted stream (§7):
 * apply(mergeStreams([s, t]), D) = apply(t, apply(s, D)). A piece has the digest that it has in the oldest stream that
 * writes there, as far as it is whole in it; with a `hasher`, merge(s, t) is then what a device must hold exactly if s is on
 * it and t is behind s. Throws `RefusedError` where s writes something else than t expects.
 *
 * One batch of each stream is held, and one in the making. A batch that no other stream touches passes through as it is.
 * All streams are read to their ends, so that their faults are found, and ended when the merge isn't wanted any more. Throws
 * what they throw.
 */
export async function* mergeStreams(
  streams: readonly AsyncIterable<RecordBatch>[],
  { end = Infinity, hasher, names, ...options }: MergeOptions = {},
): AsyncGenerator<RecordBatch, void, undefined> {
  const checks = new Map<RecordCursor, BaseCheck>();
  const cursors = streams.map((batches, index) => {
    const check = hasher && index > 0 ? new BaseCheck(hasher, refusing(names?.[index])) : undefined;
    const cursor = new RecordCursor(check ? check.begin(batches) : batches);
    if (check) checks.set(cursor, check);
    return cursor;
  });
  const builder = new BatchBuilder(options);
  try {
    for (let left = await refill(cursors, end); left.length > 0; left = await refill(left, end)) {
      mergeHeads(left, builder, end, checks);
      yield* builder.take();
    }
    yield* builder.finish();
  } finally {
    for (const cursor of cursors) await cursor.end();
  }
}

/** Those of the cursors that have something left before the end, each with a batch of it. */
async function refill(cursors: readonly RecordCursor[], end: number): Promise<readonly RecordCursor[]> {
  const left: RecordCursor[] = [];
  for (const cursor of cursors) if (await goOn(cursor, end)) left.push(cursor);
  return left;
}

/** What lies past the end is passed over. */
async function goOn(cursor: RecordCursor, end: number): Promise<boolean> {
  while (await cursor.next()) {
    if (cursor.offset < end) return true;
    cursor.take();
  }
  return false;
}

/** Merges until nothing is left of the batch of one of them. */
function mergeHeads(
  cursors: readonly RecordCursor[],
  builder: BatchBuilder,
  end: number,
  checks: ReadonlyMap<RecordCursor, BaseCheck>,
): void {
  const heads: RecordCursor[] = [];
  for (;;) {
    const until = findHeads(cursors, heads, end);
    const [oldest] = heads;
    if (oldest === undefined || oldest.offset >= end) return;
    if (heads.length === 1) takeAlone(oldest, until, builder, checks);
    else takeTogether(heads, until, builder, checks);
    if (heads.some(({ length }) => length === 0)) return;
  }
}

/** Puts those that go on first into `heads`, the oldest first. Returns where another one goes on, or the end. */
function findHeads(cursors: readonly RecordCursor[], heads: RecordCursor[], end: number): number {
  let at = Infinity;
  let until = end;
  heads.length = 0;
  for (const cursor of cursors) {
    const { offset } = cursor;
    if (offset < at) {
      until = Math.min(until, at);
      at = offset;
      heads.length = 0;
    } else if (offset > at) until = Math.min(until, offset);
    if (offset === at) heads.push(cursor);
  }
  return until;
}

/** Takes all records of one up to where another one goes on, or its batch ends. */
function takeAlone(
  head: RecordCursor,
  until: number,
  builder: BatchBuilder,
  checks: ReadonlyMap<RecordCursor, BaseCheck>,
): void {
  const batch = head.batchEnd <= until ? head.takeBatch(MAX_PASSED) : undefined;
  if (batch) {
    builder.pass(batch);
    return;
  }
  const check = checks.get(head);
  while (head.offset < until) {
    const part = head.take(until - head.offset);
    check?.take(part, undefined);
    builder.add(part);
  }
}

/** Takes what all of these begin with, up to where one of them or of the others has an end. */
function takeTogether(
  heads: readonly RecordCursor[],
  until: number,
  builder: BatchBuilder,
  checks: ReadonlyMap<RecordCursor, BaseCheck>,
): void {
  const length = Math.min(until - heads[0]!.offset, ...heads.map((head) => head.length));
  const parts = heads.map((head) => head.take(length));
  if (checks.size > 0) heads.forEach((head, i) => checks.get(head)?.take(parts[i]!, parts[i - 1]));
  builder.add({ ...parts.at(-1)!, pieces: parts[0]!.pieces });
}

function refusing(name: string | undefined): (piece: Range) => never {
  return ({ offset }) => {
    const what = 'expects something else than the streams before it leave there';
    throw new RefusedError(`${name ?? 'a stream'}: byte ${offset} of the device: ${what}`, {
      hint: sentence`a stream between them may be missing; ${remedy('any-order')} takes them all the same`,
    });
  };
}
