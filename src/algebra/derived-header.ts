import { fitHeader } from '../format/lvs/maps/fit.js';
import type { Derivation, StreamHeader } from '../format/lvs/maps/header.js';
import { isPlain, type ChangeStream } from '../format/open-stream.js';

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

/** The header that a stream gets in an `.lvs` file: its own, and of a plain one, which says nothing, who packed it. */
export function packedHeader(stream: ChangeStream, packer: Packer): StreamHeader {
  return isPlain(stream) ? { ...stream.header, ...packer } : stream.header;
}

/** What a stream that is made of others says of them; `by`: what was done to them. A plain one among them has no id. */
export function derivedFrom(by: string, sources: readonly Pick<StreamHeader, 'id'>[]): Derivation[] {
  return sources.map(({ id }) => ({ id, by }));
}

/** The header of what was salvaged: another stream, with another id, of which nobody knows where it leads (§10). */
export function salvagedHeader(header: StreamHeader, id: Uint8Array): StreamHeader {
  return fitHeader({ ...header, id, derivedFrom: derivedFrom('salvage', [header]), result: undefined });
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
