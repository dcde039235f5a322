/**
 * Decoding of msgpack by the container's rules (§4.2), which are stricter than those of decoders at large: texts are
 * valid UTF-8, no key stands twice, all keys are texts, extension types do not occur, nesting is limited.
 */

/** A floating-point number, which no key of the container's own has as its value. */
export class MsgpackFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  /** What JSON has no number for is text (§13). */
  toJSON(): number | string {
    return Number.isFinite(this.value) ? this.value : String(this.value);
  }
}

/** Why bytes are not the one value that they should be. */
export class MsgpackError extends Error {}

const MAX_DEPTH = 16;

/**
 * Decodes the one value that fills `bytes`: maps become plain objects, integers beyond 2^53 bigints, floats
 * {@link MsgpackFloat}s. Nothing is allocated that the bytes do not hold. Throws {@link MsgpackError}.
 */
export function decodeMsgpack(bytes: Uint8Array): unknown {
  const cursor: Cursor = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0 };
  const value = readValue(cursor, 0);
  if (cursor.at < bytes.length) throw new MsgpackError('bytes are left behind the value');
  return value;
}

interface Cursor {
  readonly view: DataView;
  at: number;
}

const TEXT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Types that need more than their first byte's bits, from 0xC0 on. */
const READERS: Readonly<Record<number, (cursor: Cursor, depth: number) => unknown>> = {
  0xc0: () => null,
  0xc2: () => false,
  0xc3: () => true,
  0xc4: (cursor) => readBytes(cursor, readUnsigned(cursor, 1)).slice(),
  0xc5: (cursor) => readBytes(cursor, readUnsigned(cursor, 2)).slice(),
  0xc6: (cursor) => readBytes(cursor, readUnsigned(cursor, 4)).slice(),
  0xca: (cursor) => new MsgpackFloat(cursor.view.getFloat32(advance(cursor, 4))),
  0xcb: (cursor) => new MsgpackFloat(cursor.view.getFloat64(advance(cursor, 8))),
  0xcc: (cursor) => readUnsigned(cursor, 1),
  0xcd: (cursor) => readUnsigned(cursor, 2),
  0xce: (cursor) => readUnsigned(cursor, 4),
  0xcf: (cursor) => narrow(cursor.view.getBigUint64(advance(cursor, 8))),
  0xd0: (cursor) => cursor.view.getInt8(advance(cursor, 1)),
  0xd1: (cursor) => cursor.view.getInt16(advance(cursor, 2)),
  0xd2: (cursor) => cursor.view.getInt32(advance(cursor, 4)),
  0xd3: (cursor) => narrow(cursor.view.getBigInt64(advance(cursor, 8))),
  0xd9: (cursor) => readText(cursor, readUnsigned(cursor, 1)),
  0xda: (cursor) => readText(cursor, readUnsigned(cursor, 2)),
  0xdb: (cursor) => readText(cursor, readUnsigned(cursor, 4)),
  0xdc: (cursor, depth) => readArray(cursor, readUnsigned(cursor, 2), depth),
  0xdd: (cursor, depth) => readArray(cursor, readUnsigned(cursor, 4), depth),
  0xde: (cursor, depth) => readMap(cursor, readUnsigned(cursor, 2), depth),
  0xdf: (cursor, depth) => readMap(cursor, readUnsigned(cursor, 4), depth),
};

function readValue(cursor: Cursor, depth: number): unknown {
  const type = readUnsigned(cursor, 1);
  if (type < 0x80) return type;
  if (type >= 0xe0) return type - 0x100;
  if (type < 0x90) return readMap(cursor, type & 0x0f, depth);
  if (type < 0xa0) return readArray(cursor, type & 0x0f, depth);
  if (type < 0xc0) return readText(cursor, type & 0x1f);
  const reader = READERS[type];
  if (!reader) throw new MsgpackError('a type that does not occur here');
  return reader(cursor, depth);
}

function readMap(cursor: Cursor, count: number, depth: number): unknown {
  const entries = new Map<string, unknown>();
  const inside = descend(depth);
  for (let i = 0; i < count; i++) {
    const key = readValue(cursor, inside);
    if (typeof key !== 'string') throw new MsgpackError('a key is not text');
    if (entries.has(key)) throw new MsgpackError(`the key ${JSON.stringify(key)} stands twice`);
    entries.set(key, readValue(cursor, inside));
  }
  return Object.fromEntries(entries);
}

function readArray(cursor: Cursor, count: number, depth: number): unknown[] {
  const items: unknown[] = [];
  const inside = descend(depth);
  for (let i = 0; i < count; i++) items.push(readValue(cursor, inside));
  return items;
}

function descend(depth: number): number {
  if (depth === MAX_DEPTH) throw new MsgpackError(`maps and arrays more than ${MAX_DEPTH} deep`);
  return depth + 1;
}

function readText(cursor: Cursor, size: number): string {
  const bytes = readBytes(cursor, size);
  try {
    return TEXT.decode(bytes);
  } catch (cause) {
    throw new MsgpackError('a text is not UTF-8', { cause });
  }
}

function readUnsigned(cursor: Cursor, size: 1 | 2 | 4): number {
  const at = advance(cursor, size);
  if (size === 1) return cursor.view.getUint8(at);
  return size === 2 ? cursor.view.getUint16(at) : cursor.view.getUint32(at);
}

function readBytes(cursor: Cursor, size: number): Uint8Array {
  const at = advance(cursor, size);
  return new Uint8Array(cursor.view.buffer, cursor.view.byteOffset + at, size);
}

/** Consumes `size` bytes and returns where they begin. */
function advance(cursor: Cursor, size: number): number {
  const at = cursor.at;
  if (size > cursor.view.byteLength - at) throw new MsgpackError('the bytes run out');
  cursor.at = at + size;
  return at;
}

function narrow(value: bigint): number | bigint {
  const exact = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return exact ? Number(value) : value;
}
