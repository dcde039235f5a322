import type { MsgpackMap } from './msgpack.js';

/** The types of the keys of the container's maps (§4.2, §4.6.5, §6.1). */

type Rule = (value: unknown) => boolean;
type Rules = Readonly<Record<string, Rule>>;

const isText: Rule = (value) => typeof value === 'string';
const isFlag: Rule = (value) => typeof value === 'boolean';
const isUint: Rule = (value) => typeof value === 'number' && value >= 0;
const isBin =
  (...sizes: number[]): Rule =>
  (value) =>
    value instanceof Uint8Array && sizes.includes(value.length);
const isId = isBin(16, 32);
const isOneOf =
  (choices: string[]): Rule =>
  (value) =>
    choices.includes(value as string);
const isArrayOf =
  (rule: Rule): Rule =>
  (value) =>
    Array.isArray(value) && value.every(rule);

/** Known keys have their types, and the first `required` of them are there. */
const isMapOf =
  (rules: Rules, required: number): Rule =>
  (value) => {
    if (!(value instanceof Map)) return false;
    const map = value as MsgpackMap;
    const typed = [...map].every(([key, item]) => !Object.hasOwn(rules, key) || rules[key]!(item));
    return (
      typed &&
      Object.keys(rules)
        .slice(0, required)
        .every((key) => map.has(key))
    );
  };
const isNames: Rule = (value) => value instanceof Map && [...value.values()].every(isText);

const isState = isMapOf(
  {
    id: (value) => isText(value) && value !== '',
    time: isUint,
    until: isUint,
    consistent: isFlag,
    covers: isArrayOf(isText),
    tracks: isText,
  },
  1,
);

/** `requires`, which comes before the other keys. */
export function hasRequires(map: MsgpackMap | undefined): map is MsgpackMap {
  return map !== undefined && isArrayOf(isText)(map.get('requires'));
}

const isHeaderTyped = isMapOf(
  {
    kind: isOneOf(['changes', 'snapback', 'map']),
    requires: isArrayOf(isText),
    order: isOneOf(['given', 'disjoint', 'sorted']),
    id: isBin(16),
    base: isState,
    result: isState,
    base_digests: isFlag,
    exhaustive: isFlag,
    base_size: isUint,
    result_size: isUint,
    chunk_size: isUint,
    origin: isNames,
    derived_from: isArrayOf(isMapOf({ by: isText, id: isId }, 1)),
    generator: isText,
    time: isUint,
    undoes: isArrayOf(isId),
    target: isMapOf({ path: isText, size: isUint, device_id: isText }, 2),
    sequence: isUint,
    follows: isId,
    toward: isState,
  },
  3,
);

export function isHeader(map: MsgpackMap): boolean {
  if (!isHeaderTyped(map)) return false;
  if (map.get('kind') === 'map' && !map.has('id')) return false;
  return map.get('base_digests') !== true || (map.get('order') !== 'given' && map.get('kind') !== 'map');
}

const isClosingTyped = isMapOf(
  {
    size: isUint,
    records: isUint,
    data: isUint,
    zeros: isUint,
    low: isUint,
    high: isUint,
    digest: isBin(32),
    runs: isUint,
    order: isOneOf(['sorted']),
    base: isState,
    result: isState,
    undoes: isArrayOf(isId),
    consistent: isFlag,
    end_time: isUint,
  },
  6,
);

export function isClosing(map: MsgpackMap, header: MsgpackMap): boolean {
  const needsAll = !header.has('id') || header.get('kind') === 'map';
  if (needsAll && !(map.has('digest') && map.has('runs'))) return false;
  return isClosingTyped(map) && ['base', 'result'].every((key) => isSameState(map.get(key), header.get(key)));
}

function isSameState(late: unknown, early: unknown): boolean {
  if (!(late instanceof Map && early instanceof Map)) return true;
  return (late as MsgpackMap).get('id') === (early as MsgpackMap).get('id');
}
