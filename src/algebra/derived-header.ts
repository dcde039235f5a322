import { areConsecutive, type Mergeable } from './consecutive.js';
import { fitHeader } from '../format/lvs/maps/fit.js';
import type { Derivation, StreamHeader } from '../format/lvs/maps/header.js';
import { formatId, type StreamId } from '../format/lvs/maps/identifier.js';
import { isTold, type ChangeStream } from '../format/open-stream.js';

/** Who makes a stream and when, for the header of one that says nothing of itself. */
export interface Packer {
  readonly generator: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** The same, with the id of what is made. */
export interface Maker extends Packer {
  readonly id: Uint8Array;
}

/** The header that a stream gets in an `.lvs` file: its own, and of another format's who packed it. */
export function packedHeader(stream: ChangeStream, packer: Packer): StreamHeader {
  return isTold(stream) ? stream.header : { ...stream.header, ...packer };
}

/** What a stream that is made of others says of them; `by`: what was done to them. A plain one among them has no id. */
export function derivedFrom(by: string, sources: readonly Pick<StreamHeader, 'id'>[]): Derivation[] {
  return sources.map(({ id }) => ({ id, by }));
}

/**
 * The header of a merge of streams, or of maps, the oldest first (§7). It is exhaustive only if all are, and each is known to
 * follow the one before. Where that is not known of streams that hold data, nobody knows where the merge leads: what is
 * missing between them would be missing for good if the next stream were taken to follow. The same holds where a user insists
 * (`isInsisted`), since the data may contradict what the states say.
 */
export function mergedHeader(sources: readonly Mergeable[], maker: Maker, isInsisted = false): StreamHeader {
  const headers = sources.map(({ header }) => header);
  const [first, last] = [sources[0]!, sources.at(-1)!];
  const isMap = last.header.kind === 'map';
  const isLinked = !isInsisted && areConsecutive(sources);
  const isExhaustive = isLinked && headers.every(({ exhaustive }) => exhaustive === true);
  const chunkSizes = new Set(headers.map(({ chunkSize }) => chunkSize));
  return fitHeader({
    ...maker,
    kind: isMap ? 'map' : 'changes',
    requires: [],
    order: 'sorted',
    base: first.ends.base,
    result: isLinked || isMap ? last.ends.result : undefined,
    baseDigests: headers.some(({ baseDigests }) => baseDigests === true) || undefined,
    exhaustive: isExhaustive || undefined,
    baseSize: mergedBaseSize(sources),
    resultSize: last.header.resultSize,
    chunkSize: chunkSizes.size === 1 ? first.header.chunkSize : undefined,
    origin: last.header.origin,
    derivedFrom: derivedFrom('merge', sources.map(idOf)),
  });
}

/** Where it is alone, nothing may lie behind it (§4.8, `declared-size`), and the device may have grown since. */
function mergedBaseSize(sources: readonly Mergeable[]): number | undefined {
  const { baseSize = 0 } = sources[0]!.header;
  const isEnough =
    sources.at(-1)!.header.resultSize !== undefined ||
    sources.every(({ closing }) => closing.high <= baseSize);
  return isEnough ? sources[0]!.header.baseSize : undefined;
}

/** What a merge says at its end of whether its data is that of one moment (§7). */
export function mergedConsistent(sources: readonly Mergeable[]): boolean | undefined {
  const all = sources.map(({ closing }) => closing.consistent);
  if (areConsecutive(sources)) return all.at(-1);
  return all.includes(false) ? false : undefined;
}

/**
 * The header of a squash of snapbacks, the newest first (§6.4): it undoes what they undo, on the device that they are of, and is
 * no link of their chain. Where they don't say of which device they are, as lvmsync's don't, it is a stream like others.
 */
export function squashedHeader(
  snapbacks: readonly Mergeable[],
  maker: Maker,
  isInsisted = false,
): StreamHeader {
  const merged = mergedHeader(snapbacks, maker, isInsisted);
  const derived = derivedFrom('squash', snapbacks.map(idOf));
  const { target } = snapbacks[0]!.header;
  if (!target) return { ...merged, derivedFrom: derived };
  return fitHeader({
    ...merged,
    kind: 'snapback',
    derivedFrom: derived,
    target,
    undoes: allUndone(snapbacks),
  });
}

/** A closing map's list stands in for the header's (§4.6.5). */
function allUndone(snapbacks: readonly Mergeable[]): readonly StreamId[] {
  const ids = snapbacks.flatMap(({ header, closing }) => closing.undoes ?? header.undoes ?? []);
  return [...new Map(ids.map((id) => [formatId(id), id])).values()];
}

/** Of an `.lvs` file without an id it is the digest, which its end tells. */
function idOf({ header, closing }: Mergeable): { readonly id: StreamId | undefined } {
  return { id: header.id ?? closing.digest };
}

/** What is lost may have been written since the base. */
const NOT_WHOLE = { result: undefined, exhaustive: undefined };

/** The header of what was salvaged: another stream, with another id, of which nobody knows where it leads (§10). */
export function salvagedHeader(header: StreamHeader, id: Uint8Array): StreamHeader {
  return fitHeader({ ...header, id, derivedFrom: derivedFrom('salvage', [header]), ...NOT_WHOLE });
}

/**
 * The header of a slice (§7). Only what is known to be the whole stream leads from its base to its result; any other is of
 * the same devices, and of no states. A part of a snapback is a stream like others, which was not saved from a device.
 */
export function slicedHeader(source: StreamHeader, maker: Maker, isWhole: boolean): StreamHeader {
  const { order, baseDigests, baseSize, resultSize, chunkSize, origin } = source;
  const { base, result, exhaustive } = isWhole ? source : {};
  return fitHeader({
    ...maker,
    kind: source.kind === 'map' ? 'map' : 'changes',
    requires: [],
    ...{ order, base, result, baseDigests, exhaustive, baseSize, resultSize, chunkSize, origin },
    derivedFrom: derivedFrom('slice', [source]),
  });
}

/**
 * The header of an inverted stream (§7), made of what the device `path` holds: it leads from the stream's result to its base. It was
 * not saved from a device, so it is no snapback (§6.4). What is known of the two at the stream's end alone stands in the closing map.
 */
export function invertedHeader(source: StreamHeader, path: string, maker: Maker): StreamHeader {
  const { base, result, exhaustive, baseSize, resultSize, chunkSize } = source;
  return fitHeader({
    ...maker,
    ...{ kind: 'changes', requires: [], order: 'sorted', baseDigests: true },
    ...{ base: result, result: base, exhaustive, baseSize: resultSize, resultSize: baseSize, chunkSize },
    origin: { path },
    derivedFrom: derivedFrom('invert', [source]),
  });
}
