import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { decompress } from 'zstd-napi';

/**
 * The input in a vector's folder, decompressed if it lies there compressed (§13).
 * @param {string} folder
 * @returns {Uint8Array}
 */
export function readInput(folder) {
  const name = readdirSync(folder).find((each) => each.startsWith('input.'));
  const bytes = readFileSync(path.join(folder, name ?? 'input'));
  return name?.endsWith('.zst') ? decompress(bytes) : bytes;
}
