import type { BtreeCursor } from './btree-cursor.js';

/** Where two volumes are mapped differently: by the left one alone, the right one alone, or to other data blocks. */
export type DifferenceKind = 'left' | 'right' | 'differ';

/** Neighbouring blocks of the volumes that differ in the same way; in data blocks of the pool. */
export interface MappingRun {
  readonly kind: DifferenceKind;
  readonly begin: number;
  readonly length: number;
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
  let run: { kind: DifferenceKind; begin: number; length: number } | undefined;
  while (nextDifference(left, right)) {
    const kind = kindOf(left, right);
    const begin = Math.min(left.key, right.key);
    if (run?.kind === kind && run.begin + run.length === begin) run.length += 1;
    else {
      if (run !== undefined) yield run;
      run = { kind, begin, length: 1 };
    }
    if (kind !== 'right') left.skip();
    if (kind !== 'left') right.skip();
  }
  if (run !== undefined) yield run;
}

function kindOf(left: BtreeCursor, right: BtreeCursor): DifferenceKind {
  if (left.key === right.key) return 'differ';
  return left.key < right.key ? 'left' : 'right';
}

/**
 * Brings the cursors to the next block that differs: the one with the lower key stands on its mapping, or both do if
 * their keys are equal. False at the end of both.
 */
function nextDifference(left: BtreeCursor, right: BtreeCursor): boolean {
  while (left.key < Infinity || right.key < Infinity) {
    if (isEqual(left, right)) left.skipWith(right);
    else {
      const down = toDescend(left, right);
      if (down === undefined) return true;
      down.descend();
    }
  }
  return false;
}

/** Whether both stand on the same subtree, or on mappings of the same block to the same data. */
function isEqual(left: BtreeCursor, right: BtreeCursor): boolean {
  if (left.height !== right.height) return false;
  if (left.height > 0) return left.block === right.block;
  return left.key === right.key && left.dataBlock() === right.dataBlock();
}

/**
 * The cursor whose subtree may hold the next block: the one with the lower key, else the taller one, so that subtrees
 * of one height meet again after the trees have been split differently. Undefined if the next block is known.
 */
function toDescend(left: BtreeCursor, right: BtreeCursor): BtreeCursor | undefined {
  if (left.key !== right.key) {
    const lower = left.key < right.key ? left : right;
    return lower.height > 0 ? lower : undefined;
  }
  const taller = left.height >= right.height ? left : right;
  return taller.height > 0 ? taller : undefined;
}
