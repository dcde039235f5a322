import type { Ends } from '../format/lvs/maps/ends.js';
import { isNamed, type State } from '../format/lvs/maps/state.js';

/**
 * Whether a stream may be applied to a device that is at a state (§6.2): *same*, it is the stream's base; *covered*, it is
 * another one, from which the stream leads to its result all the same; *reached*, it is the stream's result, of which the
 * stream changes nothing; *unknown*, nobody can tell.
 * What is known not to follow says why: *gap*, changes in between are missing; *left-out*, the stream leaves out what is
 * equal at its ends; *earlier*, it was read before the state was.
 */
export type Following = 'same' | 'covered' | 'reached' | 'unknown' | 'gap' | 'left-out' | 'earlier';

/** Holds the ends of a stream against what a device is said to hold. */
export function following(state: State | undefined, { base, result, exhaustive }: Ends): Following {
  if (!state || !base) return 'unknown';
  if (state.id === base.id) return 'same';
  if (state.id === result?.id) return 'reached';
  if (!covers(state, base, result)) return isComparable(state, base) ? 'gap' : 'unknown';
  if (exhaustive !== true) return 'left-out';
  return isEarlier(result, state) ? 'earlier' : 'covered';
}

/** A stream of these that is known not to follow must not be applied or merged. */
export function isKnownNotToFollow(found: Following): found is 'gap' | 'left-out' | 'earlier' {
  return found === 'gap' || found === 'left-out' || found === 'earlier';
}

/** Where changes are told by something else since, it does not tell what was written before. */
function covers(state: State, base: State, result: State | undefined): boolean {
  return state.covers?.includes(base.id) === true && state.tracks === result?.tracks;
}

/** A state that lists what it covers covers nothing else; of volumes, two names are two states. */
function isComparable(state: State, base: State): boolean {
  return state.covers !== undefined || (isNamed(state) && isNamed(base));
}

/** Where either time is not known the states can't tell which was first, so it counts as earlier. */
function isEarlier(result: State | undefined, state: State): boolean {
  const read = state.until ?? state.time;
  return result?.time === undefined || read === undefined || result.time < read;
}

/**
 * The state of a device on which a stream from `from` to `to` was applied in part: it covers what both cover (§6.2). `now`:
 * when that ended, in milliseconds since 1970, for a stream whose reading may have ended then.
 */
export function stateBetween(id: string, from: State, to: State | undefined, now: number): State {
  const others = to && to.tracks === from.tracks ? coversWithItself(to) : [];
  const covered = coversWithItself(from).filter((each) => others.includes(each));
  const until = to && isNamed(to) ? to.time : (to?.until ?? now);
  return {
    id,
    time: to?.time,
    until: latest(from.until ?? from.time, until),
    consistent: false,
    covers: covered,
    tracks: from.tracks,
  };
}

function coversWithItself({ id, covers = [] }: State): readonly string[] {
  return [id, ...covers];
}

function latest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}
