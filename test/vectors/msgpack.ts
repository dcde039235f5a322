import { ascii, hex, join, toHex, u16be, u32be, u64be } from './bytes.js';

/** A value whose encoding a scenario chose itself; `json` is what it stands for. */
export interface Encoded {
  readonly encoded: Uint8Array;
  readonly json: unknown;
}

/** What a map of the container may hold; objects are maps in the order of their keys. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Encoded
  | readonly Value[]
  | { readonly [key: string]: Value };

export type ValueMap = Readonly<Record<string, Value>>;

const isEncoded = (value: object): value is Encoded => 'encoded' in value && 'json' in value;

/** msgpack in its shortest form. */
export function pack(value: Value): Uint8Array {
  if (value === null) return Uint8Array.of(0xc0);
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xc3 : 0xc2);
  if (typeof value === 'string') return packText(value);
  if (typeof value === 'number' || typeof value === 'bigint') return packInteger(BigInt(value));
  if (value instanceof Uint8Array) return join(counted(value.length, [0xc4, 0xc5, 0xc6]), value);
  if (isEncoded(value)) return value.encoded;
  if (isList(value)) return join(listHead(value.length, 0x90, 0xdc), ...value.map(pack));
  return packPairs(Object.entries(value));
}

/** A map of these pairs, whatever they are: keys of any type, or one key twice. */
export function packPairs(pairs: readonly (readonly [Value, Value])[]): Uint8Array {
  return join(listHead(pairs.length, 0x80, 0xde), ...pairs.flatMap((pair) => pair.map(pack)));
}

/** The value as `expect.json` writes it (§13). */
export function toJson(value: Value): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Uint8Array) return formatBytes(value);
  if (isEncoded(value)) return value.json;
  if (isList(value)) return value.map(toJson);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function formatBytes(bytes: Uint8Array): string {
  const digits = toHex(bytes);
  if (bytes.length === 16) return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return bytes.length === 32 ? `sha256:${digits}` : `hex:${digits}`;
}

function packText(text: string): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(text));
  const head =
    bytes.length < 32 ? Uint8Array.of(0xa0 | bytes.length) : counted(bytes.length, [0xd9, 0xda, 0xdb]);
  return join(head, bytes);
}

function packInteger(value: bigint): Uint8Array {
  if (value < 0n) {
    return value >= -32n ? Uint8Array.of(Number(value) & 0xff) : join(Uint8Array.of(0xd3), u64be(value));
  }
  if (value < 128n) return Uint8Array.of(Number(value));
  return value < 2n ** 32n
    ? counted(Number(value), [0xcc, 0xcd, 0xce])
    : join(Uint8Array.of(0xcf), u64be(value));
}

/** A count in 1, 2 or 4 bytes behind the type byte of that width. */
function counted(count: number, types: readonly [number, number, number]): Uint8Array {
  if (count < 0x100) return Uint8Array.of(types[0], count);
  if (count < 0x10000) return join(Uint8Array.of(types[1]), u16be(count));
  return join(Uint8Array.of(types[2]), u32be(count));
}

function listHead(count: number, short: number, long: number): Uint8Array {
  return count < 16 ? Uint8Array.of(short | count) : join(Uint8Array.of(long), u16be(count));
}

/** Maps in maps, `depth` of them, the innermost empty. */
export const nestedMaps = (depth: number): Value => (depth === 1 ? {} : { deeper: nestedMaps(depth - 1) });

const nestingHeads = {
  'array 1': hex('91'),
  'array 16': hex('dc0001'),
  'array 32': hex('dd00000001'),
  'map 1': hex('81 a0'),
  'map 16': hex('de0001 a0'),
  'map 32': hex('df00000001 a0'),
} as const;

/** The ways in which a list or a map of one can be written. */
export const nestingEncodings = Object.keys(nestingHeads) as (keyof typeof nestingHeads)[];

/** `depth` lists or maps, each in the one before, the innermost one with nil in it. */
export function nestedAs(encoding: (typeof nestingEncodings)[number], depth: number): Encoded {
  if (depth === 0) return { encoded: Uint8Array.of(0xc0), json: null };
  const inner = nestedAs(encoding, depth - 1);
  const json = encoding.startsWith('array') ? [inner.json] : { '': inner.json };
  return { encoded: join(nestingHeads[encoding], inner.encoded), json };
}

/** The value in a wider encoding than it needs: behind the bytes of `head`, which tell type and size. */
export const wide = (head: readonly number[], text: string, json: unknown = text): Encoded => ({
  encoded: join(Uint8Array.from(head), ascii(text)),
  json,
});
