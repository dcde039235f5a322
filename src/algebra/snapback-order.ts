import { RefusedError, type LvstreamError } from '../errors.js';
import type { State } from '../format/lvs/maps/state.js';
import { comesRound, findOrder, type Mergeable } from './consecutive.js';

/**
 * Snapbacks in the order in which they are rolled back, the newest first, told by their states whatever order they come in
 * (§6.2). Throws `RefusedError`, with their names, of other streams, of several devices, and where states are missing, part,
 * or leave a gap.
 */
export function orderSnapbacks<T extends Mergeable>(snapbacks: readonly T[]): readonly T[] {
  const other = findOther(snapbacks);
  if (other) throw other;
  if (snapbacks.length === 1) return snapbacks;
  const fault = findStateless(snapbacks) ?? findFork(snapbacks);
  if (fault) throw fault;
  const order = findOrder(snapbacks.toSorted(bySequence));
  if (!order) throw gapBetween(snapbacks);
  if (comesRound(order) && snapbacks.some(({ header }) => header.sequence === undefined)) throw inCircle();
  return order;
}

/** Refuses streams that are no snapbacks, and snapbacks of several devices. */
export function refuseOtherDevices(snapbacks: readonly Mergeable[]): void {
  const fault = findOther(snapbacks.filter(({ header }) => header.target !== undefined));
  if (fault) throw fault;
}

function findOther(snapbacks: readonly Mergeable[]): LvstreamError | undefined {
  const stream = snapbacks.find(({ header }) => header.kind !== 'snapback');
  if (stream)
    return new RefusedError(`${stream.name}: is no snapback`, {
      hint: 'lvstream merge takes streams of any kind, in the order in which they are to be applied',
    });
  const [first, ...others] = snapbacks;
  const other = others.find((snapback) => isOfOtherDevice(first!, snapback));
  if (!other) return undefined;
  const [path, otherPath] = [first!.header.target!.path, other.header.target!.path];
  return new RefusedError(`${other.name}: is of ${otherPath}, and ${first!.name} of ${path}`, {
    hint: 'squash the snapbacks of one device',
  });
}

/** By the id of the device where both have one (§6.3). */
function isOfOtherDevice({ header: one }: Mergeable, { header: other }: Mergeable): boolean {
  if (!one.target || !other.target) return false;
  const [id, otherId] = [one.target.deviceId, other.target.deviceId];
  if (id !== undefined && otherId !== undefined) return id !== otherId;
  return one.target.path !== other.target.path;
}

function findStateless(snapbacks: readonly Mergeable[]): LvstreamError | undefined {
  const found = snapbacks.find(({ ends }) => !ends.base || !ends.result);
  return (
    found && new RefusedError(`${found.name}: does not say between which states it leads`, { hint: BY_NAME })
  );
}

const BY_NAME = 'merge them in the order in which they are to be rolled back, the newest first';

function findFork(snapbacks: readonly Mergeable[]): LvstreamError | undefined {
  return (
    findShared(snapbacks, ({ ends }) => ends.base, 'begin at') ??
    findShared(snapbacks, ({ ends }) => ends.result, 'lead to')
  );
}

function findShared(
  snapbacks: readonly Mergeable[],
  stateOf: (snapback: Mergeable) => State | undefined,
  what: string,
): LvstreamError | undefined {
  const seen = new Map<string, Mergeable>();
  for (const snapback of snapbacks) {
    const id = stateOf(snapback)!.id;
    const other = seen.get(id);
    if (other)
      return new RefusedError(`${other.name}, ${snapback.name}: both ${what} ${id}`, {
        hint: 'leave out what was rolled back since, and what was made by another way',
      });
    seen.set(id, snapback);
  }
  return undefined;
}

/** The newest first: where states come round they don't tell which that is. */
function bySequence({ header: one }: Mergeable, { header: other }: Mergeable): number {
  return (other.sequence ?? 0) - (one.sequence ?? 0);
}

/** There are several from which nothing leads on. */
function gapBetween(snapbacks: readonly Mergeable[]): LvstreamError {
  const bases = new Set(snapbacks.map(({ ends }) => ends.base!.id));
  const lasts = snapbacks.filter(({ ends }) => !bases.has(ends.result!.id)).map(({ name }) => name);
  if (lasts.length < 2) return inCircle();
  return new RefusedError(`the snapbacks are no chain: ${lasts.join(', ')}: nothing leads on from them`, {
    hint: 'name those in between too, or squash each part by itself',
  });
}

function inCircle(): LvstreamError {
  return new RefusedError('the snapbacks are no chain: they lead in a circle', {
    hint: 'squash each part by itself',
  });
}
