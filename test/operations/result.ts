import { cutPieces, type Range } from '../vectors/container.js';
import { decode } from '../reference/decoder.js';
import { modelOf, runsOf, type Run } from './model.js';

/** A result as the reference decoder reads it, to be held against `expect.json` (§13). */
export interface Result {
  readonly bytes: readonly Run[];
  /** In stream order. */
  readonly pieces: readonly ResultPiece[];
  readonly ends: Readonly<Record<'base' | 'result' | 'base_size' | 'result_size', unknown>>;
  readonly order: unknown;
}

export interface ResultPiece extends Range {
  /** `unknown`, `zero` or 32 hexadecimal digits. */
  readonly expected: string;
}

/** Reads a file that a program has made. Throws `ReferenceFault` if it is damaged. */
export function readResult(file: Uint8Array): Result {
  const { records, header, closing } = decode(file);
  const field = (key: string) => closing?.get(key) ?? header?.get(key) ?? null;
  const stateOf = (key: string) => (field(key) as Map<string, unknown> | null)?.get('id') ?? null;
  const items = records.map(({ offset, data }) => ({ offset, length: data.length, data }));
  const pieces = items.flatMap(cutPieces);
  const runs = header?.get('base_digests') === true ? expandRuns(Buffer.from(file)) : [];
  return {
    bytes: runsOf(modelOf(items).bytes),
    pieces: pieces.map((piece, i) => ({ ...piece, expected: runs[i] ?? 'unknown' })),
    ends: {
      base: stateOf('base'),
      result: stateOf('result'),
      base_size: field('base_size'),
      result_size: field('result_size'),
    },
    order: field('order'),
  };
}

/** What the index says of each piece, in stream order (§4.6.2); the pages are found by the seek table (§4.7). */
function expandRuns(file: Buffer): string[] {
  const count = file.readUInt32LE(file.length - 9);
  const found: string[] = [];
  let position = 0;
  for (let i = 0; i < count; i++) {
    const size = file.readUInt32LE(file.length - 9 - 8 * (count - i));
    const frame = file.subarray(position, position + size);
    if (frame.readUInt32LE(0) === 0x184d2a51) found.push(...expandPage(frame));
    position += size;
  }
  return found;
}

function expandPage(page: Buffer): string[] {
  const start = 40 + 64 * page.readUInt32LE(24);
  const end = start + page.readUInt32LE(28);
  const found: string[] = [];
  for (let at = start; at < end;) {
    const run = page.readUInt32LE(at);
    const [kind, count] = [run >>> 30, run & 0x3fffffff];
    at += 4;
    for (let i = 0; i < count; i++) {
      if (kind !== 2) found.push(kind === 1 ? 'zero' : 'unknown');
      else found.push(page.toString('hex', at + 16 * i, at + 16 * i + 16));
    }
    if (kind === 2) at += 16 * count;
  }
  return found;
}
