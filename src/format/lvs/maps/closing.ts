import {
  booleanField,
  bytesField,
  choiceField,
  idsField,
  mapField,
  optional,
  uintField,
  unknownFields,
} from './field.js';
import type { StreamId } from './identifier.js';
import { DIGEST_SIZE, MAX_CLOSING_SIZE } from '../../layout.js';
import { decodeMap, encodeReadable, type MsgpackMap } from './msgpack-map.js';
import type { StreamHeader } from './header.js';
import { decodeState, encodeState, type State } from './state.js';

/** What can be counted while a stream passes (§4.6.5). Bytes but for `records` and `runs`. */
export interface Totals {
  /** Of the decoded stream, first line included. */
  readonly size: number;
  readonly records: number;
  /** Records that do not begin where the record before them ended; undefined where nobody counted them. */
  readonly runs?: number | undefined;
  /** Written to the device: the sum of all records' lengths. */
  readonly data: number;
  /** How much of `data` is in zero frames. */
  readonly zeros: number;
  /** The lowest byte written; 0 of an empty stream. */
  readonly low: number;
  /** The end of the highest byte written, exclusive. */
  readonly high: number;
}

/** What a stream can only say at its end. */
export interface Closing extends Totals {
  /** Of a stream with an id it may be left out, and so may `runs`. */
  readonly digest?: Uint8Array | undefined;
  /** The order that the writer found, where the header does not promise it. */
  readonly order?: 'sorted' | undefined;
  /** The base state, when it was not known as the header was written. */
  readonly base?: State | undefined;
  readonly result?: State | undefined;
  /** What a snapback undoes; stands in for the header's list. */
  readonly undoes?: readonly StreamId[] | undefined;
  readonly consistent?: boolean | undefined;
  readonly endTime?: number | undefined;
  readonly unknown?: MsgpackMap | undefined;
}

const TOTALS = ['size', 'records', 'runs', 'data', 'zeros', 'low', 'high'] as const;
const KNOWN = [...TOTALS, 'digest', 'order', 'base', 'result', 'undoes', 'consistent', 'end_time'] as const;

/** Throws `RefusedError` of a closing map that no reader would take (§4.6.5, §9). */
export function encodeClosing(closing: Closing): Uint8Array {
  return encodeReadable('the closing map', toMap(closing), MAX_CLOSING_SIZE, decodeClosing);
}

function toMap(closing: Closing): MsgpackMap {
  return {
    digest: closing.digest,
    ...Object.fromEntries(TOTALS.map((key) => [key, closing[key]])),
    order: closing.order,
    base: closing.base && encodeState(closing.base),
    result: closing.result && encodeState(closing.result),
    undoes: closing.undoes,
    consistent: closing.consistent,
    end_time: closing.endTime,
    ...closing.unknown,
  };
}

/** Throws `MapError` on a map that is no closing map. */
export function decodeClosing(bytes: Uint8Array): Closing {
  const map = decodeMap(bytes);
  return {
    size: uintField(map, 'size'),
    records: uintField(map, 'records'),
    runs: optional(map, 'runs', uintField),
    data: uintField(map, 'data'),
    zeros: uintField(map, 'zeros'),
    low: uintField(map, 'low'),
    high: uintField(map, 'high'),
    digest: optional(map, 'digest', (from, key) => bytesField(from, key, [DIGEST_SIZE])),
    order: optional(map, 'order', (from, key) => choiceField(from, key, ['sorted'] as const)),
    base: optional(map, 'base', (from, key) => decodeState(mapField(from, key))),
    result: optional(map, 'result', (from, key) => decodeState(mapField(from, key))),
    undoes: optional(map, 'undoes', idsField),
    consistent: optional(map, 'consistent', booleanField),
    endTime: optional(map, 'end_time', uintField),
    unknown: unknownFields(map, KNOWN),
  };
}

/** The first total of `closing` that is not the one that was counted. */
export function findDifferentTotal(closing: Totals, counted: Totals): (typeof TOTALS)[number] | undefined {
  return TOTALS.find((key) => closing[key] !== undefined && closing[key] !== counted[key]);
}

/** What of a closing map does not go with its file's header (§4.6.5); undefined if all does. */
export function findContradiction(header: StreamHeader, closing: Closing): string | undefined {
  const needsAll = header.id === undefined || header.kind === 'map';
  const missing = needsAll && (['digest', 'runs'] as const).find((key) => closing[key] === undefined);
  if (missing) return `has no ${missing}`;
  const other = (['base', 'result'] as const).find(
    (key) => closing[key] && header[key] && closing[key].id !== header[key].id,
  );
  return other && `names another ${other} state than the header`;
}
