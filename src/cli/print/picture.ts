import type { Density } from '../../ranges/density.js';
import { roundSize } from './sizes.js';

const BLOCKS = '▁▂▃▄▅▆▇█';
const NOTHING = '·';

/**
 * Where on a device of `size` bytes a stream writes: a line of blocks and a scale of bytes below it. A full block is a
 * column of which all is written, each lower one half as much.
 */
export function drawDensity(density: Density, size: number, width: number): string[] {
  if (size === 0) return [];
  const column = size / width;
  const blocks = density.columns(size, width).map((bytes) => blockOf(bytes / column));
  return [
    blocks.join(''),
    drawScale(size, width),
    `a column is ${roundSize(Math.round(column))}; █ all of it, ▄ a sixteenth`,
  ];
}

function blockOf(share: number): string {
  if (share <= 0) return NOTHING;
  const halvings = Math.max(0, Math.ceil(-Math.log2(share) - 0.01));
  return BLOCKS[Math.max(0, BLOCKS.length - 1 - halvings)]!;
}

/** Sizes at every quarter where there is room. */
function drawScale(size: number, width: number): string {
  const end = roundSize(size);
  let line = '0';
  for (const quarter of [1, 2, 3]) {
    const label = `╵${roundSize(Math.round((size * quarter) / 4))}`;
    const at = Math.floor((width * quarter) / 4);
    if (at > line.length + 1 && at + label.length < width - end.length - 1) line = line.padEnd(at) + label;
  }
  return line.padEnd(width - end.length) + end;
}
