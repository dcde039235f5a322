import { decode, encode, type DecoderOptions } from '@msgpack/msgpack';
import { LvstreamError } from '../errors.js';

/** A msgpack map of the container: the header's or the closing one. Integers above 2^53 are bigints. */
export type MsgpackMap = Readonly<Record<string, unknown>>;

/** §4.2: how deep maps and arrays may lie in each other. */
const MAX_DEPTH = 16;

/** Why a map was refused; the caller knows which fault that is and where. */
export class MapError extends LvstreamError {}

/** Encodes a map with text keys; `undefined` values are left out. */
export function encodeMap(map: MsgpackMap): Uint8Array {
  const present = Object.entries(map).filter(([, value]) => value !== undefined);
  return encode(Object.fromEntries(present), { ignoreUndefined: true, useBigInt64: true, forceIntegerToFloat: false });
}

/**
 * Decodes a map with text keys, exactly as long as `bytes` (§4.2).
 * Throws {@link MapError} on anything else: other types, keys that are no text, keys that stand twice.
 */
export function decodeMap(bytes: Uint8Array): MsgpackMap {
  let keys = 0;
  const limits = { maxStrLength: bytes.length, maxBinLength: bytes.length, maxArrayLength: bytes.length, maxMapLength: bytes.length, maxExtLength: 0 };
  const value = decodeOrThrow(bytes, {
    ...limits,
    useBigInt64: true,
    mapKeyConverter: (key: unknown) => {
      if (typeof key !== 'string') throw new MapError('a map key is not text');
      keys++;
      return key;
    },
  });
  if (!isMap(value)) throw new MapError('not a map');
  if (depthOf(value) > MAX_DEPTH) throw new MapError('maps nested too deep');
  if (countKeys(value) !== keys) throw new MapError('a map key stands twice');
  return narrow(value) as MsgpackMap;
}

/** Whether a decoded value is a map. */
export function isMap(value: unknown): value is MsgpackMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function decodeOrThrow(bytes: Uint8Array, options: DecoderOptions<undefined>): unknown {
  try {
    return decode(bytes, options);
  } catch (cause) {
    if (cause instanceof MapError) throw cause;
    throw new MapError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function depthOf(value: unknown): number {
  if (!Array.isArray(value) && !isMap(value)) return 0;
  return 1 + Object.values(value).reduce((most: number, item) => Math.max(most, depthOf(item)), 0);
}

function countKeys(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + countKeys(item), 0);
  if (!isMap(value)) return 0;
  return Object.values(value).reduce((sum: number, item) => sum + countKeys(item), Object.keys(value).length);
}

/** 64-bit integers arrive as bigints; those that a double holds exactly become numbers. */
function narrow(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const small = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
    return small ? Number(value) : value;
  }
  if (Array.isArray(value)) return value.map(narrow);
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, narrow(item)]));
  return value;
}
