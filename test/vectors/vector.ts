import { FileDraft, type Base, type PlainRecord } from './container.js';
import { filled, hex, noise } from './bytes.js';
import type { ValueMap } from './msgpack.js';

/** A conformance vector (§13): a folder's name, its input, and what its `expect.json` says. */
export interface Vector {
  readonly name: string;
  readonly file: 'input.lvs' | 'input.stream';
  readonly input: Uint8Array;
  readonly expect: Readonly<Record<string, unknown>>;
}

interface DraftOptions {
  readonly base?: Base;
  readonly header?: Uint8Array;
  readonly firstLine?: Uint8Array;
}

/** A vector that is an `.lvs` file, made by `build`. */
export function lvs(
  name: string,
  description: string,
  header: ValueMap,
  build: (file: FileDraft) => void,
  options: DraftOptions = {},
): Vector {
  const draft = new FileDraft(header, options);
  build(draft);
  return { name, file: 'input.lvs', input: draft.bytes, expect: { description, ...draft.expectation } };
}

/** The same vector, with nothing said of its maps, which are large. */
export function withoutMaps({
  expect: { header: _header, closing: _closing, ...expect },
  ...rest
}: Vector): Vector {
  return { ...rest, expect };
}

/** The shortest header map. */
export const changes: ValueMap = { kind: 'changes', requires: [], order: 'given' };
export const sorted: ValueMap = { ...changes, order: 'sorted' };
export const disjoint: ValueMap = { ...changes, order: 'disjoint' };
export const withDigests: ValueMap = { ...sorted, base_digests: true };

export const uuid = hex('6f1d2a5e93c74b0a8d51e0c4b7a29f36');
export const otherUuid = hex('1b9e7c3d50284f6eaa47c2d8136f905b');
/** The shortest header of a map, which has an id. */
export const map: ValueMap = { id: uuid, kind: 'map', requires: [], order: 'sorted' };
export const time = 1_700_000_000_000;

/** A record of bytes that differ. */
export const record = (offset: number, length = 48): PlainRecord => ({
  offset,
  data: noise(offset % 1_000_003, length),
});

/** A long record that takes little room in a file: one byte, repeated. */
export const longRecord = (offset: number, length: number, value = 0xa5): PlainRecord => ({
  offset,
  data: filled(value, length),
});

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
