import { booleanField, optional, textField, textsField, uintField, unknownFields } from './field.js';
import { MapError, type MsgpackMap } from './msgpack-map.js';

/** What a device holds at a moment (§6.1). */
export interface State {
  /** `lv:UUID`, `thin:POOL-UUID/ID`, `sha256:HEX` or `uuid:UUID`. */
  readonly id: string;
  /** When the device held it, in milliseconds since 1970: the snapshot's time, not the transfer's. */
  readonly time?: number | undefined;
  /** When reading it had ended, of what could change meanwhile; in milliseconds since 1970. */
  readonly until?: number | undefined;
  /** Whether it is a single moment; false of what was read from a volume in use. */
  readonly consistent?: boolean | undefined;
  /** Ids of all states from which everything that was written since leads on from this one (§6.2); absent: nobody knows. */
  readonly covers?: readonly string[] | undefined;
  /** What tells the changes from the states that it covers, where that can be exchanged for another one (§6.2). */
  readonly tracks?: string | undefined;
  /** All other keys, names for people like vg and lv among them; not used to compare. */
  readonly details?: MsgpackMap | undefined;
}

const KNOWN = ['id', 'time', 'until', 'consistent', 'covers', 'tracks'] as const;

/** Whether the id names a volume of LVM, so that two of them that differ mean two different states. */
export function isNamed(state: State): boolean {
  return state.id.startsWith('lv:') || state.id.startsWith('thin:');
}

export function encodeState({ details, ...state }: State): MsgpackMap {
  return { ...state, ...details };
}

/** Throws {@link MapError} when a field has the wrong type. */
export function decodeState(map: MsgpackMap): State {
  const id = textField(map, 'id');
  if (id === '') throw new MapError('a state with an empty id');
  return {
    id,
    time: optional(map, 'time', uintField),
    until: optional(map, 'until', uintField),
    consistent: optional(map, 'consistent', booleanField),
    covers: optional(map, 'covers', textsField),
    tracks: optional(map, 'tracks', textField),
    details: unknownFields(map, KNOWN),
  };
}

/** A map of which every value is text. */
export function decodeTexts(map: MsgpackMap): Readonly<Record<string, string>> {
  const texts = Object.entries(map).map(([key, value]): [string, string] => {
    if (typeof value !== 'string') throw new MapError(`${key} is not text`);
    return [key, value];
  });
  return Object.fromEntries(texts);
}
