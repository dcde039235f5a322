import type { RandomAccessReader } from '../../algebra/random-access.js';
import { countBlocks, METADATA_BLOCK_SIZE } from './thin-block.js';

/** Reads a metadata block, which must lie inside the device, into 4096 bytes of the caller's. */
export type BlockReader = (block: number, into: Uint8Array) => void;

/** Blocks that were read at once, in memory that is used again: fresh pages cost more than what is read into them. */
interface Stretch {
  first: number;
  end: number;
  readonly bytes: Uint8Array;
  /** The same, block by block. */
  readonly blocks: readonly Uint8Array[];
}

/** Places that reading may go on at: both trees of a difference, at several heights. */
const PLACES = 8;
const MOST_BLOCKS = 16;
/** Where a stretch stands of which nothing was read, or whose reading failed: no block is in it or goes on from it. */
const NOWHERE = Infinity;
/** Where every fourth node or so was replaced, the ones that they replaced lie as far from each other. */
const MOST_PASSED_BY = 8;

/**
 * Reads blocks singly where they lie scattered, and up to 64 KiB at once where reading goes on: nodes that were written
 * together lie beside each other, or nearly. Twice as many each time, so that little is read in vain. Keeps 512 KiB.
 */
export function createBlockReader(metadata: RandomAccessReader): BlockReader {
  const stretches: Stretch[] = [];
  return (block, into) => {
    const { first, blocks } = findRead(stretches, block) ?? readOn(metadata, stretches, block);
    into.set(blocks[block - first]!);
  };
}

function findRead(stretches: readonly Stretch[], block: number): Stretch | undefined {
  for (let i = stretches.length - 1; i >= 0; i -= 1) {
    const stretch = stretches[i]!;
    if (block >= stretch.first && block < stretch.end) return stretch;
  }
  return undefined;
}

/** Reads from the block on; the stretch takes the place of the one that it goes on from, or of the oldest. */
function readOn(metadata: RandomAccessReader, stretches: Stretch[], block: number): Stretch {
  const before = stretches.findIndex(({ end }) => block >= end && block - end <= MOST_PASSED_BY);
  const continued = before < 0 ? undefined : stretches[before]!;
  const wanted = continued === undefined ? 1 : 2 * (continued.end - continued.first);
  const count = Math.min(wanted, MOST_BLOCKS, countBlocks(metadata) - block);
  const stretch = takeMemory(stretches, before);
  stretch.first = NOWHERE;
  stretch.end = NOWHERE;
  metadata.readInto(stretch.bytes.subarray(0, count * METADATA_BLOCK_SIZE), block * METADATA_BLOCK_SIZE);
  stretch.first = block;
  stretch.end = block + count;
  return stretch;
}

/** The stretch that is done with, as the newest; nothing of it may be used any more. */
function takeMemory(stretches: Stretch[], done: number): Stretch {
  const full = stretches.length === PLACES;
  const [taken] = done >= 0 || full ? stretches.splice(Math.max(done, 0), 1) : [];
  const stretch = taken ?? createStretch();
  stretches.push(stretch);
  return stretch;
}

function createStretch(): Stretch {
  const bytes = new Uint8Array(MOST_BLOCKS * METADATA_BLOCK_SIZE);
  const blocks = Array.from({ length: MOST_BLOCKS }, (_, index) =>
    bytes.subarray(index * METADATA_BLOCK_SIZE, (index + 1) * METADATA_BLOCK_SIZE),
  );
  return { first: NOWHERE, end: NOWHERE, bytes, blocks };
}
