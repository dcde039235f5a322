import type { RandomAccessReader } from '../algebra/random-access.js';
import { countBlocks, METADATA_BLOCK_SIZE } from './thin-block.js';

/** Reads a metadata block, which must lie inside the device. The bytes must not be changed. */
export type BlockReader = (block: number) => DataView<ArrayBuffer>;

/** Blocks that were read at once. */
interface Stretch {
  readonly first: number;
  readonly end: number;
  readonly bytes: ArrayBuffer;
}

/** Places that reading may go on at: both trees of a difference, at several heights. */
const PLACES = 8;
const MOST_BLOCKS = 16;
/** Where every fourth node or so was replaced, the ones that they replaced lie as far from each other. */
const MOST_PASSED_BY = 8;

/**
 * Reads blocks singly where they lie scattered, and up to 64 KiB at once where reading goes on: nodes that were written
 * together lie beside each other, or nearly. Twice as many each time, so that little is read in vain. Keeps 512 KiB.
 */
export function createBlockReader(metadata: RandomAccessReader): BlockReader {
  const stretches: Stretch[] = [];
  return (block) => {
    const known = stretches.find(({ first, end }) => block >= first && block < end);
    const stretch = known ?? readOn(metadata, stretches, block);
    const at = (block - stretch.first) * METADATA_BLOCK_SIZE;
    return new DataView(stretch.bytes, at, METADATA_BLOCK_SIZE);
  };
}

/** Reads from the block on; the stretch takes the place of the one that it goes on from, or of the oldest. */
function readOn(metadata: RandomAccessReader, stretches: Stretch[], block: number): Stretch {
  const before = stretches.findIndex(({ end }) => block >= end && block - end <= MOST_PASSED_BY);
  const [continued] = before < 0 ? [] : stretches.splice(before, 1);
  const wanted = continued === undefined ? 1 : 2 * (continued.end - continued.first);
  const count = Math.min(wanted, MOST_BLOCKS, countBlocks(metadata) - block);
  const bytes = new Uint8Array(count * METADATA_BLOCK_SIZE);
  metadata.readInto(bytes, block * METADATA_BLOCK_SIZE);
  const stretch = { first: block, end: block + count, bytes: bytes.buffer };
  if (stretches.push(stretch) > PLACES) stretches.shift();
  return stretch;
}
