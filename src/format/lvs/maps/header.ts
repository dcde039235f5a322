import { FormatError } from '../../../errors.js';
import {
  arrayField,
  booleanField,
  bytesField,
  choiceField,
  idsField,
  mapField,
  optional,
  textField,
  textsField,
  uintField,
  unknownFields,
} from './field.js';
import { ID_SIZES, type StreamId } from './identifier.js';
import {
  CRC_SIZE,
  FORMAT_VERSION,
  HEADER_MAGIC,
  HEADER_MAP_POSITION,
  IDENTIFICATION,
  MAX_HEADER_SIZE,
  SKIPPABLE_HEADER_SIZE,
} from '../../layout.js';
import { decodeMap, encodeReadable, isMsgpackMap, MapError, type MsgpackMap } from './msgpack-map.js';
import { isSealed, sealFrame } from '../frames/skippable.js';
import { viewOf } from '../../view.js';
import { decodeState, decodeTexts, encodeState, type State } from './state.js';

const KINDS = ['changes', 'snapback', 'map'] as const;
export type Kind = (typeof KINDS)[number];

/** *disjoint*: no byte is written twice. *sorted*: disjoint and ascending. *given*: nothing is promised. */
const ORDERS = ['given', 'disjoint', 'sorted'] as const;
export type Order = (typeof ORDERS)[number];

export interface Derivation {
  /** Absent where it is a digest that nobody can know, as of a damaged stream. */
  readonly id?: StreamId | undefined;
  /** What was done to it: `merge`, `slice`, … */
  readonly by: string;
  readonly unknown?: MsgpackMap | undefined;
}

/** The device that a snapback undoes an apply on. */
export interface TargetName {
  readonly path: string;
  /** device-mapper's UUID where there is one. */
  readonly deviceId?: string | undefined;
  readonly size: number;
  readonly unknown?: MsgpackMap | undefined;
}

/** What an `.lvs` file says of itself before its data (§4.2). Sizes in bytes, times in ms since 1970. */
export interface StreamHeader {
  /** Absent: the stream's id is its digest. A map has one. */
  readonly id?: StreamId | undefined;
  readonly kind: Kind;
  readonly requires: readonly string[];
  readonly order: Order;
  readonly base?: State | undefined;
  /** The result state, where it is known beforehand: what a snapback goes back to. */
  readonly result?: State | undefined;
  readonly baseDigests?: boolean | undefined;
  /** Nothing that was written since the base is left out because it is equal in base and result. */
  readonly exhaustive?: boolean | undefined;
  readonly baseSize?: number | undefined;
  readonly resultSize?: number | undefined;
  readonly chunkSize?: number | undefined;
  readonly origin?: Readonly<Record<string, string>> | undefined;
  readonly derivedFrom?: readonly Derivation[] | undefined;
  readonly undoes?: readonly StreamId[] | undefined;
  readonly target?: TargetName | undefined;
  readonly sequence?: number | undefined;
  readonly follows?: StreamId | undefined;
  /** Of a snapback: where the stream that it undoes leads, as far as that was known beforehand (§6.4). */
  readonly toward?: State | undefined;
  readonly generator?: string | undefined;
  readonly time?: number | undefined;
  /** Keys that this version does not know; kept by tools that rewrite a file. */
  readonly unknown?: MsgpackMap | undefined;
}

const KNOWN = [
  'id', 'kind', 'requires', 'order', 'base', 'result', 'base_digests', 'base_size', 'result_size', 'chunk_size', 'origin',
  'derived_from', 'undoes', 'target', 'sequence', 'follows', 'toward', 'exhaustive', 'generator', 'time',
] as const; // prettier-ignore

const KNOWN_OF_DERIVATION = ['id', 'by'] as const;
const KNOWN_OF_TARGET = ['path', 'device_id', 'size'] as const;

/** Features that a stream may require and this version knows: none yet (§8). */
const FEATURES: readonly string[] = [];

/** Of the payload, for the map. */
const MAP_ROOM = MAX_HEADER_SIZE - (HEADER_MAP_POSITION - SKIPPABLE_HEADER_SIZE) - CRC_SIZE;

/** The header frame. Throws `RefusedError` of a header that no reader would take. */
export function encodeHeader(header: StreamHeader): Uint8Array {
  const map = encodeReadable('the header', toMap(header), MAP_ROOM, (bytes) => fromMap(decodeMap(bytes)));
  const fixed = new Uint8Array(HEADER_MAP_POSITION - SKIPPABLE_HEADER_SIZE);
  fixed.set(IDENTIFICATION);
  viewOf(fixed).setUint16(8, FORMAT_VERSION, true);
  return sealFrame(HEADER_MAGIC, fixed, map);
}

/**
 * Decodes a whole, identified header frame (§4.2) that begins at `position`. Throws `header-crc`, `header-version`,
 * `header-reserved`, `header-map` or `unsupported-feature`.
 */
export function decodeHeader(frame: Uint8Array, position: number): StreamHeader {
  if (!isSealed(frame))
    throw new FormatError('header-crc', position, 'the header does not match its checksum');
  const view = viewOf(frame);
  const version = view.getUint16(16, true);
  if (version !== FORMAT_VERSION) {
    const hint = 'it needs a newer lvstream; zstd -dc still gives the plain lvmsync stream';
    throw new FormatError('header-version', position, `format version ${version} is not known`, { hint });
  }
  if (view.getUint16(18, true) !== 0) {
    throw new FormatError('header-reserved', position, 'reserved bytes of the header are not zero');
  }
  return decodeHeaderMap(frame.subarray(HEADER_MAP_POSITION, -CRC_SIZE), position);
}

function decodeHeaderMap(bytes: Uint8Array, position: number): StreamHeader {
  try {
    const map = decodeMap(bytes);
    checkFeatures(textsField(map, 'requires'), position);
    return fromMap(map);
  } catch (cause) {
    if (!(cause instanceof MapError)) throw cause;
    throw new FormatError('header-map', position, `the header's map: ${cause.message}`, { cause });
  }
}

function checkFeatures(requires: readonly string[], position: number): void {
  const feature = requires.find((name) => !FEATURES.includes(name));
  if (feature === undefined) return;
  const hint = 'it needs a newer lvstream; zstd -dc still gives the plain lvmsync stream';
  throw new FormatError('unsupported-feature', position, `it requires ${JSON.stringify(feature)}`, { hint });
}

function toMap(header: StreamHeader): MsgpackMap {
  return {
    id: header.id,
    kind: header.kind,
    requires: header.requires,
    order: header.order,
    base: header.base && encodeState(header.base),
    result: header.result && encodeState(header.result),
    base_digests: header.baseDigests,
    exhaustive: header.exhaustive,
    base_size: header.baseSize,
    result_size: header.resultSize,
    chunk_size: header.chunkSize,
    origin: header.origin,
    derived_from: header.derivedFrom?.map(({ id, by, unknown }) => ({ id, by, ...unknown })),
    undoes: header.undoes,
    target: header.target && encodeTarget(header.target),
    sequence: header.sequence,
    follows: header.follows,
    toward: header.toward && encodeState(header.toward),
    generator: header.generator,
    time: header.time,
    ...header.unknown,
  };
}

function fromMap(map: MsgpackMap): StreamHeader {
  const header: StreamHeader = {
    id: optional(map, 'id', (from, key) => bytesField(from, key, [16])),
    kind: choiceField(map, 'kind', KINDS),
    requires: textsField(map, 'requires'),
    order: choiceField(map, 'order', ORDERS),
    base: optional(map, 'base', (from, key) => decodeState(mapField(from, key))),
    result: optional(map, 'result', (from, key) => decodeState(mapField(from, key))),
    baseDigests: optional(map, 'base_digests', booleanField),
    exhaustive: optional(map, 'exhaustive', booleanField),
    baseSize: optional(map, 'base_size', uintField),
    resultSize: optional(map, 'result_size', uintField),
    chunkSize: optional(map, 'chunk_size', uintField),
    origin: optional(map, 'origin', (from, key) => decodeTexts(mapField(from, key))),
    derivedFrom: optional(map, 'derived_from', (from, key) => arrayField(from, key).map(decodeDerivation)),
    undoes: optional(map, 'undoes', idsField),
    target: optional(map, 'target', (from, key) => decodeTarget(mapField(from, key))),
    sequence: optional(map, 'sequence', uintField),
    follows: optional(map, 'follows', (from, key) => bytesField(from, key, ID_SIZES)),
    toward: optional(map, 'toward', (from, key) => decodeState(mapField(from, key))),
    generator: optional(map, 'generator', textField),
    time: optional(map, 'time', uintField),
    unknown: unknownFields(map, KNOWN),
  };
  if (header.baseDigests === true && (header.order === 'given' || header.kind === 'map')) {
    throw new MapError('base digests need a disjoint stream that holds data');
  }
  if (header.kind === 'map' && header.id === undefined) throw new MapError('a map without an id');
  return header;
}

function decodeDerivation(value: unknown): Derivation {
  if (!isMsgpackMap(value)) throw new MapError('derived_from holds something that is not a map');
  return {
    id: optional(value, 'id', (from, key) => bytesField(from, key, ID_SIZES)),
    by: textField(value, 'by'),
    unknown: unknownFields(value, KNOWN_OF_DERIVATION),
  };
}

function encodeTarget({ path, deviceId, size, unknown }: TargetName): MsgpackMap {
  return { path, device_id: deviceId, size, ...unknown };
}

function decodeTarget(map: MsgpackMap): TargetName {
  return {
    path: textField(map, 'path'),
    deviceId: optional(map, 'device_id', textField),
    size: uintField(map, 'size'),
    unknown: unknownFields(map, KNOWN_OF_TARGET),
  };
}
