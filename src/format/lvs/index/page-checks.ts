import { FormatError } from '../../../errors.js';
import { equalBytes } from '../maps/identifier.js';
import { DIGEST_SIZE, ENTRY_SIZE } from '../../layout.js';
import { measurePieceRuns } from '../../pieces.js';

/** Holds a frame's own entry against the one that the page at `page` lists. Throws `frame-digest` or `frame-entry`. */
export function checkEntry(
  frame: { entry: Uint8Array; position: number },
  listed: Uint8Array,
  page: number,
): void {
  const digests = ENTRY_SIZE - DIGEST_SIZE;
  if (!equalBytes(frame.entry.subarray(digests), listed.subarray(digests))) {
    throw new FormatError('frame-digest', frame.position, 'a frame does not match its digest in the index');
  }
  if (!equalBytes(frame.entry.subarray(0, digests), listed.subarray(0, digests))) {
    throw new FormatError(
      'frame-entry',
      page,
      `the index is wrong about the frame at byte ${frame.position}`,
    );
  }
}

/** Holds a page's piece digests against how many pieces each of its frames has. Throws `piece-digests`. */
export function checkPieces(pieces: Uint8Array, counts: readonly number[], position: number): void {
  const size = counts.reduce((at, count) => at + measurePieceRuns(pieces, at, count, position), 0);
  if (size !== pieces.length)
    throw new FormatError('piece-digests', position, 'more piece digests than pieces');
}
