import type { FrameCodec } from '../../frame-codec.js';
import { formatHex } from './identifier.js';
import type { State } from './state.js';

/**
 * The id of the state that a stream leads to from a state with the id `base`, where nothing names it (§6.1): two
 * programs that apply the same stream to the same state agree on it. `digest` is the stream's.
 */
export function resultStateId(
  base: string,
  digest: Uint8Array,
  codec: Pick<FrameCodec, 'startSha256'>,
): string {
  const text = new TextEncoder();
  const hash = codec.startSha256();
  hash.update(text.encode(`lvstream state\0${base}\0`));
  hash.update(digest);
  return `sha256:${formatHex(hash.digest())}`;
}

/** What the id of a state without a name is computed from, and when its reading began, in milliseconds since 1970. */
export interface Computable {
  readonly digest: Uint8Array;
  readonly time?: number | undefined;
}

/** The state that a stream leads to from `base`, where nothing names it (§6.1). */
export function computedState(
  base: State,
  { digest, time }: Computable,
  codec: Pick<FrameCodec, 'startSha256'>,
): State {
  return { id: resultStateId(base.id, digest, codec), time };
}

/** The result state of a stream: as named, or computed from a known base, or unknown. */
export function resultState(
  { base, result }: { readonly base?: State | undefined; readonly result?: State | undefined },
  from: Computable,
  codec: Pick<FrameCodec, 'startSha256'>,
): State | undefined {
  return result ?? (base && computedState(base, from, codec));
}
