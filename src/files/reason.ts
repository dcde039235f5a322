import { LvstreamError } from '../errors.js';

/** Why a system call failed, as its errno's name and meaning. */
export function reason(cause: unknown): string {
  if (cause instanceof LvstreamError) return cause.message;
  return cause instanceof Error ? cause.message.replace(/^(\w+: [^,]+),.*$/s, '$1') : String(cause);
}
