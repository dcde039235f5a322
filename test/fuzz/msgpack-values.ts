import type { MsgpackMap } from '../reference/msgpack.js';
import { join, u32be, u64be } from '../vectors/bytes.js';
import { packPairs, type Encoded, type Value } from '../vectors/msgpack.js';
import { edgeNumber } from './mutate-bytes.js';
import type { Random } from './random.js';

/** Values of the container's maps as the reference decoder gives them: encoded again, and changed. */

export const encodeMap = (map: MsgpackMap): Uint8Array => encodePairs(map).encoded;

function encodePairs(map: MsgpackMap): Encoded {
  return encoded(packPairs([...map].map(([key, value]) => [key, toValue(value)])));
}

function toValue(value: unknown): Value {
  if (value instanceof Map) return encodePairs(value as MsgpackMap);
  if (Array.isArray(value)) return value.map(toValue);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value as Value;
  const float = new DataView(new ArrayBuffer(8));
  float.setFloat64(0, (value as { float: number }).float);
  return encoded(join(Uint8Array.of(0xcb), new Uint8Array(float.buffer)));
}

const encoded = (bytes: Uint8Array): Encoded => ({ encoded: bytes, json: null });

/** The keys of the specification, and some that it does not have. */
const KEYS = [
  ...['kind', 'requires', 'order', 'id', 'base', 'result', 'base_digests', 'base_size', 'result_size'],
  ...['chunk_size', 'origin', 'derived_from', 'generator', 'time', 'undoes', 'target', 'sequence', 'follows'],
  ...['digest', 'size', 'records', 'runs', 'data', 'zeros', 'low', 'high', 'consistent', 'end_time', 'by'],
  ...[
    'path',
    'device_id',
    'covers',
    'until',
    'exhaustive',
    'later',
    '__proto__',
    'constructor',
    'toString',
    '',
  ],
];

const WORDS = [
  'changes',
  'snapback',
  'map',
  'given',
  'disjoint',
  'sorted',
  'merge',
  'lv:x',
  '',
  '\u202e\u001b[2J',
  '\ufeff',
];

/** A map with one thing in it, at any depth, changed, taken out, or put in; encoded now and then as nobody does. */
export function mutateMap(map: MsgpackMap, random: Random): Uint8Array {
  const changed = structuredClone(map);
  changeInside(changed, random);
  if (random.once(8))
    return packPairs(
      [...changed, ...changed].slice(0, changed.size + 1).map(([key, value]) => [key, toValue(value)]),
    );
  if (random.once(6)) return packPairs([...changed].map(([key, value]) => [key, widened(value, random)]));
  return encodeMap(changed);
}

function changeInside(map: MsgpackMap, random: Random): void {
  const key = random.once(2) ? random.pick(KEYS) : random.pick([...map.keys(), 'later']);
  const value = map.get(key);
  if (value instanceof Map && !random.once(4)) changeInside(value as MsgpackMap, random);
  else if (random.once(4)) map.delete(key);
  else if (Array.isArray(value) && !random.once(3)) changeArray(value, random);
  else
    map.set(
      key,
      typeof value === 'number' && !random.once(4) ? changeNumber(value, random) : anyValue(random, 0),
    );
}

function changeArray(items: unknown[], random: Random): void {
  const at = random.below(items.length);
  if (random.once(2)) items.splice(at, 1);
  else items.splice(at, 0, random.once(2) && items.length > 0 ? items[at] : anyValue(random, 0));
}

function changeNumber(value: number, random: Random): unknown {
  return random.once(2) ? value + random.below(5) - 2 : edgeValue(random);
}

function edgeValue(random: Random): number | bigint {
  const number = edgeNumber(random);
  return number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : number;
}

function anyValue(random: Random, depth: number): unknown {
  switch (random.below(depth > 3 ? 7 : 10)) {
    case 0:
      return random.pick([null, true, false]);
    case 1:
    case 2:
      return random.bytes(random.pick([0, 15, 16, 16, 31, 32, 32, 33]));
    case 3:
      return edgeValue(random);
    case 4:
      return -random.below(2 ** 31);
    case 5:
      return { float: random.pick([0, 1, -0, NaN, 4096, 2 ** 53]) };
    case 6:
      return random.pick(WORDS);
    case 7:
      return Array.from({ length: random.below(3) }, () => anyValue(random, depth + 1));
    case 8:
      return nested(random);
    default:
      return new Map(
        Array.from({ length: random.below(4) }, () => [random.pick(KEYS), anyValue(random, depth + 1)]),
      );
  }
}

/** As deep as is allowed, or a level less or more. */
function nested(random: Random): unknown {
  let value: unknown = random.pick(WORDS);
  for (let depth = 13 + random.below(4); depth > 0; depth -= 1)
    value = random.once(2) ? [value] : new Map([[random.pick(KEYS), value]]);
  return value;
}

/** An integer or a text in more bytes than it needs. */
function widened(value: unknown, random: Random): Value {
  if (typeof value === 'number' && value >= 0)
    return encoded(join(Uint8Array.of(random.pick([0xcf, 0xd3])), u64be(value)));
  if (typeof value === 'string')
    return encoded(join(Uint8Array.of(0xdb), u32be(Buffer.byteLength(value)), Buffer.from(value)));
  return toValue(value);
}
