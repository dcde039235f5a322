import type { StreamHeader } from '../format/lvs/maps/header.js';
import type { RbdHeader } from './rbd-diff.js';

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
