import type { FileIndex } from '../file-index.js';
import { decodeEntry, type FrameEntry } from './frame-entry.js';
import { ENTRY_SIZE } from '../../layout.js';

/** A listed frame and where it stands in its file. */
export interface PlacedEntry {
  readonly entry: FrameEntry;
  readonly position: number;
}

/** The frames that an index lists, in order. Pages may stand among the frames that later pages list (§4.6). */
export async function* placeEntries({ pages }: Pick<FileIndex, 'pages'>): AsyncGenerator<PlacedEntry> {
  const pageSizes = new Map<number, number>();
  let at = 0;
  for await (const { page, position, size } of pages()) {
    for (let start = 0; start < page.entries.length; start += ENTRY_SIZE) {
      for (let passed = pageSizes.get(at); passed !== undefined; passed = pageSizes.get(at)) at += passed;
      const entry = decodeEntry(page.entries, start);
      yield { entry, position: at };
      at += entry.frameSize;
    }
    pageSizes.set(position, size);
  }
}
