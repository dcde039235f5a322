import type { BtreeCursor } from './btree-cursor.js';
import { countCommon, keyAt } from './btree-node.js';

/** Where two volumes are mapped differently: by the left one alone, the right one alone, or to other data blocks. */
export type DifferenceKind = 'left' | 'right' | 'differ';

/** Neighbouring blocks of the volumes that differ in the same way; in data blocks of the pool. */
export interface MappingRun {
  readonly kind: DifferenceKind;
  readonly begin: number;
  readonly length: number;
}

/** The runs that have ended, and the one that the next difference may lengthen. */
interface Runs {
  readonly ended: MappingRun[];
  last: { kind: DifferenceKind; begin: number; length: number } | undefined;
}

/**
 * The difference of two mapping trees of one pool, ascending, neighbours of a kind joined. Goes down only where the
 * trees differ: a subtree that both share is passed by unread. Blocks are equal if they are mapped to the same data
 * block; when that was does not matter (thin_delta has it so too). Takes over the cursors. Throws what they throw.
 */
export function* compareMappings(
  left: BtreeCursor,
  right: BtreeCursor,
): Generator<MappingRun, void, undefined> {
  const runs: Runs = { ended: [], last: undefined };
  while (bringToEntries(left, right)) {
    compareEntries(left, right, runs);
    for (const run of runs.ended) yield run;
    runs.ended.length = 0;
  }
  if (runs.last !== undefined) yield runs.last;
}

/**
 * Goes past the subtrees that the cursors have in common, and down until the one with the lower key stands on an entry,
 * or both do if their keys are equal. False at the end of both.
 */
function bringToEntries(left: BtreeCursor, right: BtreeCursor): boolean {
  while (left.key < Infinity || right.key < Infinity) {
    if (!left.skipCommon(right) && !goDown(left, right)) return true;
  }
  return false;
}

/** False if the next block is known. */
function goDown(left: BtreeCursor, right: BtreeCursor): boolean {
  const inLeft = mayHoldNext(left, right);
  const inRight = mayHoldNext(right, left);
  if (inLeft) left.descend();
  if (inRight) right.descend();
  return inLeft || inRight;
}

/**
 * Whether the cursor's subtree may hold the next block: the one with the lower key may, else the taller one, so that
 * subtrees of one height meet again after the trees have been split differently.
 */
function mayHoldNext(cursor: BtreeCursor, other: BtreeCursor): boolean {
  if (cursor.height === 0) return false;
  return cursor.key < other.key || (cursor.key === other.key && cursor.height >= other.height);
}

/** Goes on past entries up to the end of a leaf, or to where the other tree has not been gone down. */
function compareEntries(left: BtreeCursor, right: BtreeCursor, runs: Runs): void {
  if (left.onEntry && right.onEntry) compareLeaves(left, right, runs);
  else if (left.key < right.key) listAlone(left, right.key, 'left', runs);
  else listAlone(right, left.key, 'right', runs);
}

/** The entries of both leaves, up to the end of one. */
function compareLeaves(left: BtreeCursor, right: BtreeCursor, runs: Runs): void {
  const { leaf, index: first } = left;
  const { leaf: other, index: otherFirst } = right;
  let index = first;
  let otherIndex = otherFirst;
  for (;;) {
    const common = countCommon(leaf, index, other, otherIndex);
    index += common;
    otherIndex += common;
    if (index === leaf.count || otherIndex === other.count) break;
    const key = keyAt(leaf, index);
    const otherKey = keyAt(other, otherIndex);
    addTo(runs, kindOf(key, otherKey), Math.min(key, otherKey));
    if (key <= otherKey) index += 1;
    if (otherKey <= key) otherIndex += 1;
  }
  left.skip(index - first);
  right.skip(otherIndex - otherFirst);
}

function kindOf(left: number, right: number): DifferenceKind {
  if (left === right) return 'differ';
  return left < right ? 'left' : 'right';
}

/** The entries of the cursor's leaf below `limit`, where the other tree has none. */
function listAlone(cursor: BtreeCursor, limit: number, kind: DifferenceKind, runs: Runs): void {
  const { leaf, index: first } = cursor;
  let index = first;
  for (; index < leaf.count && keyAt(leaf, index) < limit; index += 1) addTo(runs, kind, keyAt(leaf, index));
  cursor.skip(index - first);
}

function addTo(runs: Runs, kind: DifferenceKind, block: number): void {
  const { last } = runs;
  if (last?.kind === kind && last.begin + last.length === block) last.length += 1;
  else {
    if (last !== undefined) runs.ended.push(last);
    runs.last = { kind, begin: block, length: 1 };
  }
}
