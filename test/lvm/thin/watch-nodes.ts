import type { ThinMetadata } from '#src/lvm/thin/thin-metadata.js';

/** The same metadata, and the blocks of the nodes that are asked of it. */
export function watchNodes(pool: ThinMetadata): { watched: ThinMetadata; nodes: Set<number> } {
  const nodes = new Set<number>();
  const readNode: ThinMetadata['readNode'] = (block, into) => {
    nodes.add(block);
    pool.readNode(block, into);
  };
  return { watched: { ...pool, readNode }, nodes };
}
