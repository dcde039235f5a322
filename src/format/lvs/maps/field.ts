import { ID_SIZES, type StreamId } from './identifier.js';
import { isMsgpackMap, MapError, type MsgpackMap } from './msgpack-map.js';

/** Typed reads of a msgpack map's values. All throw {@link MapError} on a value of another type. */

export function textField(map: MsgpackMap, key: string): string {
  const value = map[key];
  if (typeof value !== 'string') throw new MapError(`${key} is missing or not text`);
  return value;
}

export function uintField(map: MsgpackMap, key: string): number {
  const value = map[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new MapError(`${key} is missing or not a whole number below 2^53`);
  }
  return value;
}

export function booleanField(map: MsgpackMap, key: string): boolean {
  const value = map[key];
  if (typeof value !== 'boolean') throw new MapError(`${key} is missing or neither true nor false`);
  return value;
}

/** An array of text. */
export function textsField(map: MsgpackMap, key: string): readonly string[] {
  return arrayField(map, key).map((item) => textField({ [key]: item }, key));
}

/** Bytes whose length is one of `sizes`. */
export function bytesField(map: MsgpackMap, key: string, sizes: readonly number[]): Uint8Array {
  const value = map[key];
  if (!(value instanceof Uint8Array) || !sizes.includes(value.length)) {
    throw new MapError(`${key} is missing or not ${sizes.join(' or ')} bytes`);
  }
  return value;
}

export function choiceField<T extends string>(map: MsgpackMap, key: string, choices: readonly T[]): T {
  const value = choices.find((choice) => choice === map[key]);
  if (value === undefined) throw new MapError(`${key} is not one of ${choices.join(', ')}`);
  return value;
}

export function mapField(map: MsgpackMap, key: string): MsgpackMap {
  const value = map[key];
  if (!isMsgpackMap(value)) throw new MapError(`${key} is missing or not a map`);
  return value;
}

export function arrayField(map: MsgpackMap, key: string): readonly unknown[] {
  const value = map[key];
  if (!Array.isArray(value)) throw new MapError(`${key} is missing or not an array`);
  return value;
}

/** A list of stream ids (§5.2). */
export function idsField(map: MsgpackMap, key: string): readonly StreamId[] {
  return arrayField(map, key).map((id) => bytesField({ id }, 'id', ID_SIZES));
}

/** The value of a field that may be absent. */
export function optional<T>(
  map: MsgpackMap,
  key: string,
  read: (map: MsgpackMap, key: string) => T,
): T | undefined {
  return key in map ? read(map, key) : undefined;
}

/** The entries of a map that stand for no known key. */
export function unknownFields(map: MsgpackMap, known: readonly string[]): MsgpackMap {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !known.includes(key)));
}
