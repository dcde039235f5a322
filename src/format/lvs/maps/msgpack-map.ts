import { encode } from '@msgpack/msgpack';
import { LvstreamError, RefusedError } from '../../../errors.js';
import { decodeMsgpack, MsgpackError, MsgpackFloat } from './msgpack.js';

/** A msgpack map of the container: the header's or the closing one. Integers above 2^53 are bigints. */
export type MsgpackMap = Readonly<Record<string, unknown>>;

/** Why a map was refused; the caller knows which fault that is and where. */
export class MapError extends LvstreamError {}

/** Encodes a map with text keys; `undefined` values are left out. */
function encodeMap(map: MsgpackMap): Uint8Array {
  const present = Object.entries(map).filter(([, value]) => value !== undefined);
  return encode(asEncodable(Object.fromEntries(present)), {
    ignoreUndefined: true,
    useBigInt64: true,
    forceIntegerToFloat: false,
  });
}

/**
 * The same of the map called `name`, held against what readers hold it against: `room` bytes (§9) and what `decode`
 * checks (§4.2). Throws `RefusedError` of a map that no reader would take, so that none is ever written.
 */
export function encodeReadable(
  name: string,
  map: MsgpackMap,
  room: number,
  decode: (bytes: Uint8Array) => unknown,
): Uint8Array {
  const bytes = encodeMap(map);
  try {
    if (bytes.length > room)
      throw new MapError(`takes ${bytes.length} bytes, more than the ${room} there are`);
    decode(bytes);
  } catch (cause) {
    if (!(cause instanceof MapError)) throw cause;
    const hint = 'what it was given to say of the stream, names and states, has to be shorter';
    throw new RefusedError(`${name} can't be written: ${cause.message}`, { cause, hint });
  }
  return bytes;
}

/** Decodes the one map that fills `bytes` (§4.2). Throws {@link MapError} on anything else. */
export function decodeMap(bytes: Uint8Array): MsgpackMap {
  const value = decodeOrThrow(bytes);
  if (!isMsgpackMap(value)) throw new MapError('not a map');
  return value;
}

/** Whether a decoded value is a map. */
export function isMsgpackMap(value: unknown): value is MsgpackMap {
  if (typeof value !== 'object' || value === null) return false;
  return !(Array.isArray(value) || value instanceof Uint8Array || value instanceof MsgpackFloat);
}

function decodeOrThrow(bytes: Uint8Array): unknown {
  try {
    return decodeMsgpack(bytes);
  } catch (cause) {
    if (!(cause instanceof MsgpackError)) throw cause;
    throw new MapError(cause.message, { cause });
  }
}

/** The encoder writes numbers of more than 32 bits as floats, which no reader of ours takes for integers. */
function asEncodable(value: unknown): unknown {
  if (typeof value === 'number') return Math.abs(value) > 0x7fffffff ? BigInt(value) : value;
  if (value instanceof MsgpackFloat) return value.value;
  if (Array.isArray(value)) return value.map(asEncodable);
  if (!isMsgpackMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asEncodable(item)]));
}
