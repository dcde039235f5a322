import { cutPieces, type Base, type Range } from '../vectors/container.js';
import { sha256, toHex } from '../vectors/bytes.js';

/** What the operations of section 7 mean, byte by byte: plainly right, and of no use for anything but a few KiB. */

/** A stretch that a stream writes; without data, zeros. */
export interface Item extends Range {
  readonly data?: Uint8Array;
}

/** A stream as the bytes it leaves, and of the pieces whose base is known what it is. */
export interface Model {
  readonly bytes: ReadonlyMap<number, number>;
  readonly pieces: readonly KnownPiece[];
}

export interface KnownPiece extends Range {
  readonly base: Uint8Array;
}

export type Run = readonly [offset: number, length: number, sha256: string];

/** The stream of these items in their order; `base` tells what is known of the device before it. */
export function modelOf(items: readonly Item[], base?: Base): Model {
  const bytes = new Map<number, number>();
  for (const { offset, length, data } of items)
    for (let i = 0; i < length; i++) bytes.set(offset + i, data?.[i] ?? 0);
  const pieces = items.flatMap(cutPieces).flatMap(({ offset, length }) => {
    const held = base?.(offset, length);
    return held ? [{ offset, length, base: held }] : [];
  });
  return { bytes, pieces };
}

/** First *s*, then *t*. */
export function merge(s: Model, t: Model, size = Infinity): Model {
  const bytes = new Map([...s.bytes, ...t.bytes].filter(([at]) => at < size));
  const isFirst = (piece: Range) => places(piece).every((at) => !s.bytes.has(at));
  return { bytes, pieces: [...s.pieces, ...t.pieces.filter(isFirst)] };
}

/** What *s* writes in the ranges. */
export function slice(s: Model, ranges: readonly Range[]): Model {
  const isInside = (at: number) => ranges.some(({ offset, length }) => at >= offset && at < offset + length);
  return {
    bytes: new Map([...s.bytes].filter(([at]) => isInside(at))),
    pieces: s.pieces.filter((piece) => places(piece).every(isInside)),
  };
}

/** What *device* holds where *s* writes; the base is what it holds after *s*. */
export function invert(s: Model, device: Uint8Array): Model {
  const after = apply(s, device);
  const bytes = new Map([...s.bytes.keys()].map((at) => [at, device[at] ?? 0]));
  const pieces = runsOf(bytes).flatMap(([offset, length]) =>
    cutPieces({ offset, length }).map((piece) => ({
      ...piece,
      base: after.subarray(piece.offset, piece.offset + piece.length),
    })),
  );
  return { bytes, pieces };
}

/** Where one of the two writes what the other does not. */
export function differences(s: Model, t: Model): Range[] {
  const all = new Set([...s.bytes.keys(), ...t.bytes.keys()]);
  const differing = new Map(
    [...all].filter((at) => s.bytes.get(at) !== t.bytes.get(at)).map((at) => [at, 0]),
  );
  return runsOf(differing).map(([offset, length]) => ({ offset, length }));
}

export function apply(s: Model, device: Uint8Array): Uint8Array {
  const result = device.slice();
  for (const [at, byte] of s.bytes) result[at] = byte;
  return result;
}

/** The longest runs of bytes that touch, ascending, with the digest of what is written there. */
export function runsOf(bytes: ReadonlyMap<number, number>): Run[] {
  const sorted = [...bytes.keys()].sort((a, b) => a - b);
  const starts = sorted.filter((at) => !bytes.has(at - 1));
  return starts.map((start) => {
    let end = start;
    while (bytes.has(end)) end++;
    const data = Uint8Array.from({ length: end - start }, (_, i) => bytes.get(start + i)!);
    return [start, end - start, toHex(sha256(data))];
  });
}

function places({ offset, length }: Range): number[] {
  return Array.from({ length }, (_, i) => offset + i);
}
