import { RefusedError, remedy, sentence, type Sentence } from '../errors.js';
import type { Closing } from '../format/lvs/maps/closing.js';
import type { Ends } from '../format/lvs/maps/ends.js';
import type { StreamHeader } from '../format/lvs/maps/header.js';
import { following, isKnownNotToFollow, type Following } from './follows.js';

/** What a stream says of itself that is to be merged with others. */
export interface Mergeable {
  /** What to call it in a message. */
  readonly name: string;
  readonly header: StreamHeader;
  readonly closing: Closing;
  /** Its closing map's where that knows better; the result computed where nothing names it (§6.1). */
  readonly ends: Ends;
}

/** So many steps are taken in search of an order of streams that follow each other. */
const MAX_STEPS = 100_000;

/**
 * Refuses streams, the oldest first, that are known not to be consecutive (§6.2), that are of several volumes, or whose sizes
 * contradict each other. What it throws names two of them, and an order of all in which each follows the one before, if there
 * is one.
 */
export function refuseNotConsecutive(streams: readonly Mergeable[]): void {
  const size = new KnownSize();
  for (const [index, stream] of streams.entries()) {
    const before = streams[index - 1];
    const what = before && (whyNot(before, stream) ?? size.contradicts(before, stream));
    if (what !== undefined) throw new RefusedError(what, { hint: wayOut(streams) });
    size.follow(stream);
  }
}

/** The neighbours of which nobody can tell whether the second follows the first. */
export function findUncertain(
  streams: readonly Mergeable[],
): { readonly before: Mergeable; readonly after: Mergeable }[] {
  const pairs = streams.slice(1).map((after, index) => ({ before: streams[index]!, after }));
  return pairs.filter(({ before, after }) => howFollows(before, after) === 'unknown');
}

/** Whether a stream follows another one by what that covers, so that its digests refuse nothing there (§6.2). */
export function isCoveredBy(before: Mergeable, after: Mergeable): boolean {
  return howFollows(before, after) === 'covered';
}

/** Whether each of the streams is known to follow the one before. */
export function areConsecutive(streams: readonly Mergeable[]): boolean {
  return streams.slice(1).every((stream, index) => doesFollow(streams[index]!, stream));
}

function doesFollow(before: Mergeable, after: Mergeable): boolean {
  const found = howFollows(before, after);
  return found === 'same' || found === 'covered';
}

function howFollows(before: Mergeable, after: Mergeable): Following {
  return following(before.ends.result, after.ends);
}

function whyNot(before: Mergeable, after: Mergeable): string | undefined {
  if (isOfOtherVolume(before, after)) return `${after.name}: is of another volume than ${before.name}`;
  const found = howFollows(before, after);
  if (found === 'gap') {
    const [from, to] = [after.ends.base!.id, before.ends.result!.id];
    return `${after.name}: does not follow ${before.name}, which leads to ${to}: it begins at ${from}`;
  }
  if (found === 'left-out')
    return `${after.name}: does not follow ${before.name}: it leaves out what is equal at its ends`;
  if (found === 'reached') return `${after.name}: leads to where ${before.name} leads already`;
  const isEarlier = isKnownNotToFollow(found) || (found === 'unknown' && beginsEarlier(before, after));
  return isEarlier ? `${after.name}: begins earlier than ${before.name}` : undefined;
}

/** A copy of a whole volume group has volumes of the same UUIDs (vgimportclone(8)). */
function isOfOtherVolume({ header: one }: Mergeable, { header: other }: Mergeable): boolean {
  return ['lv_uuid', 'vg_uuid'].some((key) => {
    const [uuid, otherUuid] = [one.origin?.[key], other.origin?.[key]];
    return uuid !== undefined && otherUuid !== undefined && uuid !== otherUuid;
  });
}

/** States of volumes tell when they were; snapbacks go back. */
function beginsEarlier(before: Mergeable, after: Mergeable): boolean {
  if (before.header.kind === 'snapback' || after.header.kind === 'snapback') return false;
  const [one, other] = [before.ends.base?.time, after.ends.base?.time];
  return one !== undefined && other !== undefined && other < one;
}

/**
 * What is known of a device's size through streams. A stream begins at the size that the one before it ends at. Where one of
 * the two is not known, the other still has room for all that has changed.
 */
class KnownSize {
  #size: number | undefined;
  #high = 0;

  contradicts(before: Mergeable, { name, header: { baseSize, resultSize } }: Mergeable): string | undefined {
    const begin = baseSize ?? resultSize ?? Infinity;
    const isOther = this.#size !== undefined && baseSize !== undefined && baseSize !== this.#size;
    if (!isOther && this.#high <= begin) return undefined;
    return `${name}: is of a device of ${begin} bytes, ${before.name} of one that has ${this.#size ?? this.#high}`;
  }

  follow({ header: { resultSize }, closing: { high } }: Mergeable): void {
    this.#high = Math.min(Math.max(this.#high, high), resultSize ?? Infinity);
    this.#size = resultSize;
  }
}

function wayOut(streams: readonly Mergeable[]): Sentence {
  const insist = sentence`${remedy('any-order')} merges them as they are named, whether the result fits a device or not`;
  const order = findOrder(streams);
  if (!order) return sentence`merge all streams of one device in the order of its changes; ${insist}`;
  if (streams.every(({ header }) => header.kind === 'snapback'))
    return sentence`${remedy('squash')} takes snapbacks in any order; ${insist}`;
  const names = order.map(({ name }) => name).join(' ');
  return sentence`in this order each follows the one before: ${names}; ${insist}`;
}

/** An order in which each stream follows the one before, if there is one and it is found in so many steps. */
export function findOrder<T extends Mergeable>(streams: readonly T[]): readonly T[] | undefined {
  const followers = findFollowers(streams);
  const followed = new Set([...followers.values()].flat());
  const firsts = streams.filter((stream) => !followed.has(stream));
  if (firsts.length > 1) return undefined;
  const budget = { steps: MAX_STEPS };
  for (const first of firsts.length === 1 ? firsts : streams) {
    const others = new Set(streams);
    others.delete(first);
    const order = extendOrder([first], others, followers, budget);
    if (order) return order;
  }
  return undefined;
}

/** Whether the streams lead to a state twice, or two begin at one: then their states tell of more than one order. */
export function comesRound(streams: readonly Mergeable[]): boolean {
  const bases = streams.map(({ ends }) => ends.base?.id);
  const visited = [bases[0], ...streams.map(({ ends }) => ends.result?.id)];
  return new Set(bases).size < bases.length || new Set(visited).size < visited.length;
}

type Followers<T> = ReadonlyMap<T, readonly T[]>;

/** The streams that follow each, found by where they begin. */
function findFollowers<T extends Mergeable>(streams: readonly T[]): Followers<T> {
  const byBase = new Map<string, T[]>();
  for (const stream of streams) {
    const { base } = stream.ends;
    if (base) byBase.set(base.id, [...(byBase.get(base.id) ?? []), stream]);
  }
  const followersOf = (stream: T): readonly T[] => {
    const { result } = stream.ends;
    const ids = new Set(result ? [result.id, ...(result.covers ?? [])] : []);
    const near = [...ids].flatMap((id) => byBase.get(id) ?? []);
    return near.filter((next) => next !== stream && doesFollow(stream, next));
  };
  return new Map(streams.map((stream) => [stream, followersOf(stream)]));
}

function extendOrder<T extends Mergeable>(
  order: T[],
  others: Set<T>,
  followers: Followers<T>,
  budget: { steps: number },
): readonly T[] | undefined {
  if (others.size === 0) return order;
  for (const next of followers.get(order.at(-1)!) ?? []) {
    budget.steps -= 1;
    if (budget.steps < 0) return undefined;
    if (!others.delete(next)) continue;
    order.push(next);
    if (extendOrder(order, others, followers, budget)) return order;
    order.pop();
    others.add(next);
  }
  return undefined;
}
