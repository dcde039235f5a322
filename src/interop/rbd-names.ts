import { RefusedError } from '../errors.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import { MAX_RBD_NAME, type RbdHeader, type RbdVersion } from './rbd-diff.js';

/**
 * Under which keys a header's `origin` (§4.2) keeps the names of Ceph's snapshots. They are names and no states: a snapshot
 * can be removed, and another one made under its name.
 */
const KEYS = { from: 'rbd_from', to: 'rbd_to', isProtected: 'rbd_protected' } as const;

/** The names of a diff's snapshots as a header keeps them; undefined if it has none. */
export function rbdOrigin({ from, to, isProtected }: RbdHeader): StreamHeader['origin'] {
  const origin = {
    ...(from !== undefined && { [KEYS.from]: from }),
    ...(to !== undefined && { [KEYS.to]: to }),
    ...(isProtected !== undefined && { [KEYS.isProtected]: isProtected ? 'yes' : 'no' }),
  };
  return Object.keys(origin).length > 0 ? origin : undefined;
}

/** The keys of an `origin` that a diff of that version has a record for. */
export function rbdKeys(version: RbdVersion): readonly string[] {
  return version === 1 ? [KEYS.from, KEYS.to] : Object.values(KEYS);
}

/** What a diff says that is written of a stream. Throws `RefusedError` of a name that `rbd` would not read. */
export function rbdHeaderOf({ origin, resultSize }: StreamHeader): RbdHeader {
  const [from, to, isProtected] = [origin?.[KEYS.from], origin?.[KEYS.to], origin?.[KEYS.isProtected]];
  for (const name of [from, to])
    if (name !== undefined && new TextEncoder().encode(name).length > MAX_RBD_NAME)
      throw new RefusedError("a snapshot's name of more than 4096 bytes, which rbd does not read");
  return {
    from,
    to,
    size: resultSize,
    ...(isProtected !== undefined && { isProtected: isProtected === 'yes' }),
  };
}
