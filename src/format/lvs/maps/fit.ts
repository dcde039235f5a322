import { RefusedError } from '../../../errors.js';
import { encodeClosing, type Closing } from './closing.js';
import { encodeHeader, type StreamHeader } from './header.js';
import type { State } from './state.js';

/**
 * The header, without what is there for people only, the names of the origin and the details of states, where all of it
 * has no room (§9). Throws `RefusedError` of one that no reader would take without them either.
 */
export function fitHeader(header: StreamHeader): StreamHeader {
  if (fits(() => encodeHeader(header))) return header;
  const bare = {
    ...header,
    origin: undefined,
    base: bareState(header.base),
    result: bareState(header.result),
    toward: bareState(header.toward),
  };
  encodeHeader(bare);
  return bare;
}

/** The closing map, without the details of states where they have no room; undefined if it has none without them either. */
export function fitClosing(closing: Closing): Closing | undefined {
  const bare = { ...closing, base: bareState(closing.base), result: bareState(closing.result) };
  return [closing, bare].find((candidate) => fits(() => encodeClosing(candidate)));
}

function fits(encode: () => Uint8Array): boolean {
  try {
    encode();
    return true;
  } catch (error) {
    if (error instanceof RefusedError) return false;
    throw error;
  }
}

function bareState(state: State | undefined): State | undefined {
  return state && { ...state, details: undefined };
}
