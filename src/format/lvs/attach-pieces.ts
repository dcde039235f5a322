import { FormatError } from '../../errors.js';
import type { RecordBatch } from '../batch.js';
import type { PlacedPage } from './file-index.js';
import { decodeEntry, FRAME_KINDS } from './index/frame-entry.js';
import { ENTRY_SIZE } from '../layout.js';
import { countPieces, measurePieceRuns } from '../pieces.js';

/**
 * Gives each batch of an `.lvs` file its part of the piece sections (§4.6.2), which stand behind the frames in the
 * file: one page of them is in memory at a time. Throws what either side does.
 */
export async function* attachPieces(
  batches: AsyncIterable<RecordBatch>,
  pages: AsyncIterable<PlacedPage>,
): AsyncGenerator<RecordBatch> {
  const sections = listSections(pages);
  for await (const batch of batches) {
    const { value } = await sections.next();
    yield value ? { ...batch, pieces: value.take(countPieces(batch)) } : batch;
  }
}

/** The beginning of one frame's runs in a piece section. */
interface Section {
  /** The runs that cover this many pieces. */
  take(pieces: number): Uint8Array;
}

async function* listSections(pages: AsyncIterable<PlacedPage>): AsyncGenerator<Section, undefined> {
  for await (const { page, position } of pages) {
    const { entries, pieces } = page;
    if (!pieces)
      throw new FormatError('piece-digests', position, 'an index page without the piece digests promised');
    let at = 0;
    const take = (count: number): Uint8Array => {
      const start = at;
      at += measurePieceRuns(pieces, at, count, position);
      return pieces.slice(start, at);
    };
    for (let entry = 0; entry < entries.length; entry += ENTRY_SIZE) {
      const { kind } = decodeEntry(entries, entry);
      if (kind === FRAME_KINDS.data || kind === FRAME_KINDS.zeros) yield { take };
    }
  }
  return undefined;
}
