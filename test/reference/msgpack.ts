/** A map of the container (§4.2): integers that a double cannot hold exactly are bigints. */
export type MsgpackMap = Map<string, unknown>;

/** A floating-point number, told from an integer of the same value. */
interface Float {
  readonly float: number;
}

const deepest = 16;

/** Decodes exactly one map by the rules of §4.2, or answers `undefined` where one is broken. */
export function decodeMap(bytes: Uint8Array): MsgpackMap | undefined {
  try {
    const cursor = new Cursor(bytes);
    const value = cursor.value(0);
    return value instanceof Map && cursor.done ? (value as MsgpackMap) : undefined;
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Throws RangeError where bytes run out or a rule is broken, TypeError where text is no UTF-8. */
class Cursor {
  #at = 0;
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at === this.bytes.length;
  }

  value(depth: number): unknown {
    const type = this.#view.getUint8(this.#skip(1));
    if (type < 0x80) return type;
    if (type < 0x90) return this.#map(type & 15, depth + 1);
    if (type < 0xa0) return this.#array(type & 15, depth + 1);
    if (type < 0xc0) return this.#text(type & 31);
    if (type >= 0xe0) return type - 256;
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#length(type - 0xc4));
      case 0xca:
        return { float: this.#view.getFloat32(this.#skip(4)) } satisfies Float;
      case 0xcb:
        return { float: this.#view.getFloat64(this.#skip(8)) } satisfies Float;
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#length(type - 0xcc);
      case 0xcf:
        return narrow(this.#view.getBigUint64(this.#skip(8)));
      case 0xd0:
        return this.#view.getInt8(this.#skip(1));
      case 0xd1:
        return this.#view.getInt16(this.#skip(2));
      case 0xd2:
        return this.#view.getInt32(this.#skip(4));
      case 0xd3:
        return narrow(this.#view.getBigInt64(this.#skip(8)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#length(type - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#length(type - 0xdb), depth + 1);
      case 0xde:
      case 0xdf:
        return this.#map(this.#length(type - 0xdd), depth + 1);
      default:
        throw new RangeError('an extension type or 0xC1');
    }
  }

  /** A length of 1, 2 or 4 bytes for 0, 1, 2. */
  #length(code: number): number {
    if (code === 0) return this.#view.getUint8(this.#skip(1));
    return code === 1 ? this.#view.getUint16(this.#skip(2)) : this.#view.getUint32(this.#skip(4));
  }

  #skip(size: number): number {
    const at = this.#at;
    this.#at += size;
    return at;
  }

  #take(size: number): Uint8Array {
    const at = this.#skip(size);
    if (this.#at > this.bytes.length) throw new RangeError('bytes run out');
    return this.bytes.subarray(at, this.#at);
  }

  #text(size: number): string {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#take(size));
  }

  #array(count: number, depth: number): unknown[] {
    if (depth > deepest) throw new RangeError('nested too deep');
    const items: unknown[] = [];
    for (let i = 0; i < count; i++) items.push(this.value(depth));
    return items;
  }

  #map(count: number, depth: number): MsgpackMap {
    if (depth > deepest) throw new RangeError('nested too deep');
    const map: MsgpackMap = new Map();
    for (let i = 0; i < count; i++) {
      const key = this.value(depth);
      if (typeof key !== 'string' || map.has(key)) throw new RangeError('a key that is no text, or twice');
      map.set(key, this.value(depth));
    }
    return map;
  }
}

function narrow(value: bigint): number | bigint {
  const exact = value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER);
  return exact ? Number(value) : value;
}

/** A decoded value as the vectors' JSON writes it (§13). */
export function toJson(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, toJson(item)]));
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return formatBytes(value);
  if (typeof value === 'object' && value !== null) return floatToJson((value as Float).float);
  return value;
}

function floatToJson(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

function formatBytes(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  if (bytes.length === 16) return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return bytes.length === 32 ? `sha256:${hex}` : `hex:${hex}`;
}
