import type { FileIndex } from '../file-index.js';
import { decodeEntry, type FrameEntry } from './frame-entry.js';
import type { IndexPage } from './index-page.js';
import { ENTRY_SIZE } from '../../layout.js';

/** A listed frame and where it stands in its file. */
export interface PlacedEntry {
  readonly entry: FrameEntry;
  readonly position: number;
}

/** An index page and the frames that it lists, at most 4096. */
export interface ListingPage {
  readonly page: IndexPage;
  /** Where the page begins in the file. */
  readonly position: number;
  readonly frames: readonly PlacedEntry[];
}

/** The frames that an index lists, in order. */
export async function* placeEntries(index: Pick<FileIndex, 'pages'>): AsyncGenerator<PlacedEntry> {
  for await (const { frames } of placePages(index)) yield* frames;
}

/**
 * The pages of an index in order, each good until the next is asked for. Pages may stand among the frames that later pages list
 * (§4.6).
 */
export async function* placePages({ pages }: Pick<FileIndex, 'pages'>): AsyncGenerator<ListingPage> {
  const pageSizes = new Map<number, number>();
  let at = 0;
  for await (const { page, position, size } of pages()) {
    const frames: PlacedEntry[] = [];
    for (let start = 0; start < page.entries.length; start += ENTRY_SIZE) {
      for (let passed = pageSizes.get(at); passed !== undefined; passed = pageSizes.get(at)) at += passed;
      const entry = decodeEntry(page.entries, start);
      frames.push({ entry, position: at });
      at += entry.frameSize;
    }
    yield { page, position, frames };
    pageSizes.set(position, size);
  }
}
